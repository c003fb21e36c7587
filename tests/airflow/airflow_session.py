"""Run by the Python of an Airflow environment: parses its DAGs a few times, then runs its DAGs with `dag.test()`.

argv: the folder of the DAGs, then DAG ids; one that ends in `!` is run with settings its tap does not
understand. Prints what it found as its last line, as JSON.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

STARTED: list[dict[str, object]] = []


def note_processes(event: str, arguments: tuple[object, ...]) -> None:
    """Remember who started a process, and which."""
    if event in {"subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system"}:
        callers = [frame.filename for frame in traceback.extract_stack()]
        STARTED.append({"process": str(arguments[:1]), "ours": any("dlt_singer" in caller for caller in callers)})


def parsed(*files: Path) -> dict[str, Any]:
    """Return the DAGs of files, as each task's process makes them anew."""
    found = [each for file in files for each in runpy.run_path(str(file)).values()]
    return {each.dag_id: each for each in found if isinstance(each, DAG)}


def parse_s(file: Path) -> float:
    """Return the processor time that a file takes; the quickest of a few has least of the machine in it."""

    def once() -> float:
        began = time.process_time()
        parsed(file)
        return time.process_time() - began

    return min(once() for _ in range(3))


def main(folder: str, *dag_ids: str) -> None:
    """Parse, run, and report."""
    sys.addaudithook(note_processes)
    files = list(Path(folder).glob("*.py"))
    # The first time pays for what is imported on the way.
    dags = parsed(*files)
    times = {file.name: parse_s(file) for file in files}
    report: dict[str, Any] = {"parse_s": times, "started": list(STARTED), "runs": []}
    report["tasks"] = {
        name: {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} for name, dag in dags.items()
    }
    for name in dag_ids:
        if name.endswith("!"):
            os.environ["SOURCES__SINGER__TAP_CARBON_INTENSITY__CONFIG__START_DATE"] = "someday"
        run = parsed(*files)[name.rstrip("!")].test()
        states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
        report["runs"].append({"dag": name, "state": str(run.state), "tasks": states})
    print(json.dumps(report))  # noqa: T201 - it is how it answers


if __name__ == "__main__":
    main(*sys.argv[1:])
