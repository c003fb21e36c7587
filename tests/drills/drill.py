"""One drill: how something goes wrong, what must hold then, and the rounds in which that is looked at.

A round: the source grows, a run meets the fault, and what it has committed, said and left is looked at. Then one
more run must leave exactly the tap's rows at the destination, and a replay of the reservoir exactly the same.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from tests.drills.servers import Kind, Stores, stores
from tests.drills.stage import Outcome, Project, committed, healed, leftovers, run

ROUNDS_OF_A_PROJECT = 8
Provoke: TypeAlias = Callable[[Project, random.Random, Stores], Outcome]


@dataclass(frozen=True, slots=True)
class Drill:
    """A row of the table.

    Attributes:
        name: What goes wrong.
        provoke: Runs the pipeline while it does.
        ends: `fails`: with an error, and nothing is committed. `holds`: well, in spite of it. `either`: it depends
            on the moment.
        says: What a person is told; a part of it.
        tap: Keys of the tap in `alto.yaml`.
        rounds: How often.
        store: Where the reservoir is.
        rss_mb: What the run may take more of memory than one without the fault; 0 asks for nothing.
        log_mb: How large a log may get.
        needs: Says why it cannot be done on this machine; empty if it can.
    """

    name: str
    provoke: Provoke
    ends: Literal["fails", "holds", "either"] = "fails"
    says: str = ""
    tap: Mapping[str, object] = field(default_factory=dict)
    rounds: int = 1
    store: Kind = "local"
    rss_mb: int = 0
    log_mb: int = 60
    needs: Callable[[], str] = lambda: ""


@dataclass
class Result:
    """What became of a drill.

    Attributes:
        drill: Which one.
        rounds: How many there were.
        losses: Rounds in which rows were lost, doubled or committed too early, or a run ended as it must not.
        leftovers: Processes and temporary files.
        notes: What happened, or why nothing did.
    """

    drill: Drill
    rounds: int = 0
    losses: int = 0
    leftovers: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def row(self) -> Sequence[str]:
        """The drill as a row of the table at the end."""
        return (
            f"{self.drill.name} ({self.drill.store})", str(self.rounds), str(self.losses), str(self.leftovers),
            "; ".join(self.notes),
        )  # fmt: skip


def perform(drills: Iterable[Drill], directory: Path, seed: int, rounds: int | None = None) -> list[Result]:
    """Do drills, one after the other.

    Args:
        drills: Which.
        directory: Where their projects go; those in which nothing went wrong are removed.
        seed: Makes the moments the same again.
        rounds: How many of each, in place of what the table says.
    """
    drills = [*drills]
    results = {drill.name + drill.store: Result(drill) for drill in drills}
    for kind in dict.fromkeys(drill.store for drill in drills):
        with stores(kind, directory) as places:
            for drill in drills:
                if drill.store == kind:
                    _perform(results[drill.name + kind], places, directory, seed, rounds or drill.rounds)
    return [*results.values()]


def _perform(result: Result, places: Stores, directory: Path, seed: int, rounds: int) -> None:
    drill, dice, happened = result.drill, random.Random(seed), Counter[str]()
    print(f"{drill.name}, store {drill.store}: {rounds} rounds", file=sys.stderr, flush=True)  # noqa: T201
    if reason := drill.needs():
        result.notes.append(f"skipped: {reason}")
        return
    project: Project | None = None
    for number in range(rounds):
        if project is None or number % ROUNDS_OF_A_PROJECT == 0:
            name = re.sub(r"\W+", "-", f"{drill.name} {drill.store} {number}")
            project = _project(drill, directory / name, places)
        found, left = _round(drill, project, dice, places)
        result.rounds += 1
        result.losses += bool(found)
        result.leftovers += len(left)
        for each in [*found, *left]:
            print(f"{drill.name}, round {number}: {each} (seed {seed}, see {project.directory}/log)", flush=True)  # noqa: T201
        happened.update(project.found)
        project.found.clear()
        if found or left:
            project = None
        elif number + 1 == rounds or (number + 1) % ROUNDS_OF_A_PROJECT == 0:
            shutil.rmtree(project.directory)
    result.notes += [f"{times} {what}" for what, times in sorted(happened.items())]


def _project(drill: Drill, directory: Path, places: Stores) -> Project:
    """Return a project that has been loaded once."""
    project = Project(directory, places.make(), drill.tap)
    project.grow(20)
    outcome = run(project)
    project.rss_mb = outcome.rss_mb
    if outcome.code:
        raise AssertionError(f"The first run failed, see {directory}/log")
    return project


def _round(drill: Drill, project: Project, dice: random.Random, places: Stores) -> tuple[list[str], list[str]]:
    """Let it go wrong once; return what must not have happened, and what was left."""
    project.grow(dice.randint(20, 90))
    before = committed(project)
    outcome = drill.provoke(project, dice, places)
    left = leftovers(project)
    found = [f"it ended with {outcome.code}"] if (outcome.code == 0) not in _endings(drill) else []
    if drill.says not in outcome.said:
        found.append(f"it did not say '{drill.says}'")
    if drill.ends == "fails" and committed(project) != before:
        found.append("the run that failed has committed something")
    found += _sizes(drill, project, outcome)
    if drill.ends == "either" and outcome.code == 0:
        project.found["were over before"] += 1
    return found + healed(project), left + leftovers(project)


def _endings(drill: Drill) -> set[bool]:
    """Return whether the run may end well, and whether it may not."""
    return {"fails": {False}, "holds": {True}, "either": {False, True}}[drill.ends]


def _sizes(drill: Drill, project: Project, outcome: Outcome) -> list[str]:
    logs = [file.stat().st_size // 1_000_000 for file in project.directory.glob(".alto/logs/**/*.log")]
    found = [f"a log of {max(logs)} MB"] if logs and max(logs) > drill.log_mb else []
    if drill.rss_mb and (more := outcome.rss_mb - project.rss_mb) > drill.rss_mb:
        found.append(f"it took {more:.0f} MB more than other runs")
    return found
