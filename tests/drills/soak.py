"""The soak: runs on end in one process, each with new rows, every third one with a fault of the tap.

    python -m tests.drills.soak [--minutes 60] [--seed 1]

Prints memory, open files, processes and rows now and then; fails if a row is lost or there twice, or if one of the
others is not flat: if it is more in the last quarter than in the second.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from dlt.pipeline.exceptions import PipelineStepFailed

from tests.drills.stage import Project, differences, load, processes, settle, tables

FAULTS = ("exits with 1", "dies by SIGSEGV", "ends in half a line", "prints binary", "hangs")
FAULT_EVERY = 3
SHOWN_EVERY_S = 10
FEW_MB, FEW_FILES = 30, 3


def soak(project: Project, minutes: float, dice: random.Random) -> list[str]:
    """Run on end, and return what went wrong."""
    until, shown, seen = time.monotonic() + 60 * minutes, 0.0, list[tuple[float, int, int]]()
    runs = 0
    while time.monotonic() < until:
        project.grow(dice.randint(1, 60))
        runs += 1
        if runs % FAULT_EVERY == 0:
            fault = dice.choice(FAULTS)
            try:
                with project.fault(fault):
                    load()
            except PipelineStepFailed:
                continue
            return [f"a run whose tap {fault} ended well"]
        load()
        seen.append((_rss_mb(), len([*Path("/proc/self/fd").iterdir()]), len(processes(project))))
        if time.monotonic() - shown > SHOWN_EVERY_S:
            shown = time.monotonic()
            if wrong := _wrong(project):
                return wrong
            memory_mb, files, left = seen[-1]
            line = f"{runs} runs: {memory_mb:.0f} MB, {files} files, {left} processes, {project.count} rows"
            print(line, flush=True)  # noqa: T201
    project.grow(1)
    load()
    return [*_wrong(project), *_rising(seen)]


def _wrong(project: Project) -> list[str]:
    """Return what is not at the destination, or too often."""
    found, _ = tables(project, "drill.duckdb")
    return differences("destination", found, project.expected())


def _rising(seen: list[tuple[float, int, int]]) -> list[str]:
    """Return what was more in the last quarter than in the second: the first is for caches to fill."""
    quarter = len(seen) // 4
    second, last = seen[quarter : 2 * quarter], seen[-quarter:]
    if not quarter:
        return ["There were too few runs to tell."]
    bounds = (("MB of memory", FEW_MB), ("open files", FEW_FILES), ("processes", 0))
    wrong = []
    for at, (what, bound) in enumerate(bounds):
        before, after = (statistics.median(each[at] for each in part) for part in (second, last))
        if after - before > bound:
            wrong.append(f"{what}: {before:.0f} in the second quarter, {after:.0f} in the last")
    return wrong


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Soak in a project of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    project = Project(directory / "project", tap={"idle_timeout_s": 1})
    settle(project.directory)
    # What runs say of themselves is of no interest here.
    logging.getLogger("dlt_singer").addHandler(logging.NullHandler())
    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    wrong = soak(project, arguments.minutes, random.Random(arguments.seed))
    if wrong:
        print("\n".join([*wrong, f"see {directory}"]))  # noqa: T201
        sys.exit(1)
    shutil.rmtree(directory)
    print("flat, and every row is there once")  # noqa: T201


if __name__ == "__main__":
    main()
