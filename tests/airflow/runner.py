"""A DAG of one task; run by the Python of an Airflow environment it runs the task, in processes that can be killed.

For each line of stdin, the seconds the task may take, it prints the process's id, and how it ended.
"""

from __future__ import annotations

import os
import runpy
import sys
from datetime import timedelta

import dlt
import dlt.destinations.impl.duckdb.duck
import pendulum
from airflow.sdk import DAG
from dlt.helpers.airflow_helper import PipelineTasksGroup

from dlt_singer import singer

with DAG("ends", schedule=None, start_date=pendulum.datetime(2024, 1, 1), catchup=False) as ends:
    group = PipelineTasksGroup("ends", wipe_local_data=True)
    source = singer("tap-fake", ["users"], project_dir=os.environ["ENDS_PROJECT_DIR"])
    limit = timedelta(seconds=float(os.environ.get("ENDS_AFTER_S", "60")))
    pipeline = dlt.pipeline("ends", dataset_name="ends")
    group.add_run(pipeline, source, decompose="none", retries=0, execution_timeout=limit)


def main() -> None:
    """Run the task for each line."""
    answers = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin:
        task = os.fork()
        if not task:
            os.environ["ENDS_AFTER_S"] = line.strip()
            run = runpy.run_path(__file__)["ends"].test()
            os._exit(0 if run.state == "success" else 1)
        os.write(answers, f"{task}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(task, 0)[1])
        os.write(answers, f"{code}\n".encode())


if __name__ == "__main__":
    main()
