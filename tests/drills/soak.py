"""The soak: runs on end in one process, each with new rows, every third one with a fault of tap, store or disk.

    python -m tests.drills.soak [--minutes 60] [--seed 1]

The reservoir is in a bucket behind a proxy that can fail; a second destination follows it. Prints memory, open
files, processes and rows now and then; fails if a row is lost or there twice in one of the two, if something is
left, or if memory, files or processes are not flat: if one is more in the last quarter than in the second.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import multiprocessing
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import dlt

import dlt_singer
from tests.drills.provoking import full_disk, no_mounts
from tests.drills.servers import Stores, stores
from tests.drills.stage import Project, differences, leftovers, load, processes, replay, settle, tables

FAULT_EVERY = 3
LOOKED_EVERY_S = 20
FEW_MB = 30
# So many connections to the store are kept for the next request.
FEW_FILES = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong around a run of the soak.

    Attributes:
        name: In words.
        befall: Lets it go wrong, for the length of a block.
        ends: Whether the run `fails`, `holds`, or does `either` because it depends on the moment.
        says: A part of the error.
    """

    name: str
    befall: Callable[[Project, Stores], AbstractContextManager[None]]
    ends: Literal["fails", "holds", "either"] = "fails"
    says: str = ""


def the_tap(name: str, says: str) -> Fault:
    """Return a fault of the tap's."""
    return Fault(f"the tap {name}", lambda project, _: project.fault(name), says=says)


def the_store(weather: str, ends: Literal["fails", "holds"] = "fails", says: str = "") -> Fault:
    """Return a fault of the store's."""
    return Fault(f"store: {weather}", lambda _, places: places.suffer(weather), ends, says)


def the_disk(place: str, ends: Literal["fails", "either"], says: str = "") -> Fault:
    """Return a directory of the project's whose disk is full."""
    return Fault(f"disk full: {place}", lambda project, _: _full(project, place), ends, says)


SILENCE = "the store did not answer"
FAULTS = (
    the_tap("exits with 1", says="ended with exit code 1"),
    the_tap("dies by SIGSEGV", says="was killed by SIGSEGV"),
    the_tap("ends in half a line", says="in the middle of line"),
    the_tap("prints binary", says="no Singer messages"),
    the_tap("hangs", says="idle_timeout_s"),
    the_store("hang up", says=SILENCE),
    the_store("busy", says=SILENCE),
    the_store("slow", "holds"),
    the_store("busy/5", "holds"),
    the_store("answer lost/5", "holds"),
    the_disk("dlt/pipelines/drill/normalize", "fails", says="No space left"),
    the_disk("dlt/pipelines/drill/load", "fails", says="No space left"),
    the_disk("tmp", "either", says="No space left"),
    the_disk(".alto", "either", says="No space left"),
)


@dataclass
class Soak:
    """Runs on end.

    Attributes:
        project: Where.
        places: Its store.
        dice: Decide on rows and faults.
        faults: What can go wrong on this machine.
        looking: Compares in a process of its own, so that its memory is not ours.
        seen: After each run without a fault: MB of memory, open files, processes.
    """

    project: Project
    places: Stores
    dice: random.Random
    faults: tuple[Fault, ...]
    looking: ProcessPoolExecutor
    seen: list[tuple[float, int, int]] = field(default_factory=list)

    def on_end(self, minutes: float) -> list[str]:
        """Run on end for so long, and return what went wrong."""
        until, looked = time.monotonic() + 60 * minutes, 0.0
        for number in itertools.count(1):
            if time.monotonic() > until:
                break
            self.project.grow(self.dice.randint(1, 60))
            if number % FAULT_EVERY == 0:
                if wrong := self.suffered(self.dice.choice(self.faults)):
                    return wrong
                continue
            load()
            self.seen.append((_rss_mb(), len([*Path("/proc/self/fd").iterdir()]), len(processes(self.project))))
            if time.monotonic() - looked > LOOKED_EVERY_S:
                looked = time.monotonic()
                if wrong := self.looked(number):
                    return wrong
        self.project.grow(1)
        load()
        replay()
        return [*self.compared(), *_rising(self.seen)]

    def suffered(self, fault: Fault) -> list[str]:
        """Let a run meet a fault; return how it ended, if that is not as it should."""
        try:
            with fault.befall(self.project, self.places):
                load()
        except Exception as err:  # noqa: BLE001 - what it says tells whether it is the right one
            # dlt's own error may hide the one that it was raised for.
            expected = fault.ends != "holds" and fault.says in "".join(traceback.format_exception(err))
            return [] if expected else [f"{fault.name}: the run failed with {type(err).__name__}: {err}"]
        return [f"{fault.name}: the run ended well"] if fault.ends == "fails" else []

    def looked(self, number: int) -> list[str]:
        """Let the second destination follow, compare, tell; return what is wrong."""
        follow()
        memory_mb, files, left = self.seen[-1]
        line = f"{number} runs: {memory_mb:.0f} MB, {files} files, {left} processes, {self.project.count} rows"
        print(line, flush=True)  # noqa: T201
        return [*self.compared(), *leftovers(self.project)]

    def compared(self) -> list[str]:
        """Return what is not at the destinations, or too often."""
        return self.looking.submit(compare, self.project).result()


def follow() -> None:
    """Replay what is new in the reservoir into a second destination."""
    dlt.pipeline("copy", destination="duckdb", dataset_name="raw").run(dlt_singer.reservoir("tap-drill"))


def compare(project: Project) -> list[str]:
    """Return what is not in the two databases, or too often."""
    return [
        wrong
        for database in ("drill.duckdb", "copy.duckdb")
        for wrong in differences(database, tables(project, database)[0], project.expected())
    ]


@contextmanager
def _full(project: Project, place: str) -> Iterator[None]:
    # What dlt keeps of finished loads would have to be copied to the small disk, too.
    for kept in project.directory.glob("dlt/pipelines/*/load/loaded/*"):
        shutil.rmtree(kept)
    with full_disk(project.directory / place):
        yield


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
        print(f"{what}: {before:.0f} in the second quarter, {after:.0f} in the last")  # noqa: T201
        if after - before > bound:
            wrong.append(f"{what}: not flat")
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
    faults = tuple(fault for fault in FAULTS if not (fault.name.startswith("disk") and no_mounts()))
    # What runs say of themselves is of no interest here.
    logging.getLogger("dlt_singer").addHandler(logging.NullHandler())
    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    with (
        stores("s3", directory) as places,
        ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as looking,
    ):
        looking.submit(_rss_mb).result()
        project = Project(directory / "project", places.make(), {"idle_timeout_s": 5})
        settle(project.directory)
        wrong = Soak(project, places, random.Random(arguments.seed), faults, looking).on_end(arguments.minutes)
    if wrong:
        print("\n".join([*wrong, f"see {directory}"]))  # noqa: T201
        sys.exit(1)
    shutil.rmtree(directory)
    print("flat, and every row is there once")  # noqa: T201


if __name__ == "__main__":
    main()
