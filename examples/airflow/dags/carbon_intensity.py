"""The carbon intensity of Great Britain's electricity, every morning, by dlt's Airflow helper.

Reading this file starts nothing: the streams are named, so the tap is neither built nor asked what it has.
"""

from __future__ import annotations

import os
from pathlib import Path

import dlt
import pendulum
from airflow.sdk import dag
from dlt.helpers.airflow_helper import PipelineTasksGroup

from dlt_singer import singer

PROJECT = os.environ.get("CARBON_PROJECT_DIR", Path(__file__).parents[3])
STREAMS = ["region", "entry", "generationmix"]


def tasks(name: str, decompose: str) -> None:
    """Add the pipeline's tasks to the DAG that is being made."""
    # The group first: it says where pipelines keep their working directories on this worker.
    group = PipelineTasksGroup(name, wipe_local_data=True)
    source = singer("tap-carbon-intensity", streams=STREAMS, project_dir=PROJECT)
    # Nothing on a worker's disk outlives a task, so the destination is elsewhere; dlt's configuration says where.
    pipeline = dlt.pipeline(name, dataset_name=name)
    group.add_run(pipeline, source, decompose=decompose, retries=0)


@dag(schedule="0 6 * * *", start_date=pendulum.datetime(2024, 1, 1), catchup=False, max_active_runs=1)
def carbon_intensity() -> None:
    """One task: one run of the tap for all streams."""
    tasks("carbon_intensity", "none")


@dag(schedule="0 6 * * *", start_date=pendulum.datetime(2024, 1, 1), catchup=False, max_active_runs=1)
def carbon_intensity_serialize() -> None:
    """A task per stream, one after the other, over one state."""
    tasks("carbon_serialize", "serialize")


@dag(schedule="0 6 * * *", start_date=pendulum.datetime(2024, 1, 1), catchup=False, max_active_runs=1)
def carbon_intensity_parallel() -> None:
    """A task per stream, side by side, each with a state of its own."""
    tasks("carbon_parallel", "parallel-isolated")


one_task = carbon_intensity()
one_after_the_other = carbon_intensity_serialize()
side_by_side = carbon_intensity_parallel()
