"""Runs the job of `definitions`, and what has failed of it once more; prints a line of JSON for each run."""

from __future__ import annotations

import json
import sys

import dagster as dg
from definitions import load  # type: ignore[import-not-found]  # stands beside this file when it is run

# A worker forks from a process that has imported everything but the definitions: these give it its empty disk.
IMPORTED = ["dagster", "dlt.destinations.impl.filesystem.filesystem", "dlt_singer.dagster.report", "s3fs"]
CONFIG = {
    "execution": {
        "config": {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": IMPORTED}}},
    }
}

if __name__ == "__main__":
    instance = dg.DagsterInstance.get()
    run: str | None = None
    for _ in range(2):
        again = dg.ReexecutionOptions.from_failure(run, instance) if run else None
        done = dg.execute_job(
            dg.reconstructable(load), instance, run_config=CONFIG, reexecution_options=again, raise_on_error=False
        )
        run = done.run_id
        steps = {event.step_key: event.is_step_success for event in done.all_events if event.is_step_event}
        ended = {
            event.step_key: event.is_step_success
            for event in done.all_events
            if event.step_key in steps and (event.is_step_success or event.is_step_failure)
        }
        sys.stdout.write(json.dumps(ended) + "\n")
        if done.success:
            break
