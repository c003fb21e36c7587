"""Dagster's code location on a worker: each process that imports it begins with an empty disk and the project.

In: the variables PROJECT, DISKS and SAID. Nothing that one worker leaves on its disk is seen by another.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path

import dagster as dg

from dlt_singer.dagster import singer_definitions

disk = Path(tempfile.mkdtemp(dir=os.environ["DISKS"]))
project = shutil.copytree(os.environ["PROJECT"], disk / "project")
os.environ["DLT_DATA_DIR"] = str(disk / "dlt")
logging.basicConfig(filename=os.environ["SAID"], level=logging.INFO, format="%(message)s")

assets = singer_definitions(destination="filesystem", dataset_name="raw", step="stream", project_dir=project)
definitions = dg.Definitions.merge(
    assets, dg.Definitions(jobs=[dg.define_asset_job("load", executor_def=dg.multiprocess_executor)])
)


def load() -> dg.JobDefinition:
    """Return the job that loads everything."""
    return definitions.resolve_job_def("load")
