"""A DAG with a task for each partition of a tap, or for each stream of one, as docs/airflow.md has it."""

from __future__ import annotations

import os
from functools import partial

import dlt
import pendulum
from airflow.sdk import DAG
from dlt.helpers.airflow_helper import PipelineTasksGroup

from dlt_singer import singer

PROJECT = os.environ["CARBON_PROJECT_DIR"]
LOADS = {
    "ads_eu": ("eu", ["clicks", "views"]),
    "ads_us_clicks": ("us", ["clicks"]),
    "ads_us_views": ("us", ["views"]),
    "ads_broken": ("broken", ["clicks", "views"]),
}

with DAG("ads", schedule=None, start_date=pendulum.datetime(2024, 1, 1), catchup=False, max_active_runs=1) as ads:
    for name, (partition, streams) in LOADS.items():
        group = PipelineTasksGroup(name, wipe_local_data=True)
        source = partial(singer, "tap-ads", streams, partition=partition, name=name, project_dir=PROJECT)
        group.add_run(dlt.pipeline(name, dataset_name="ads"), source, decompose="none", retries=0)
