"""The figures that count, as docs/benchmarks.json has them: for each workload those of its last whole run.

What is compared stands in one run of a workload; two workloads may be measured on different days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import machine
from benchmarks.figures import Figure, Measurement
from benchmarks.workloads import WORKLOADS

_PARTS: Final = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A run of one workload.

    Attributes:
        commit: What was measured.
        day: When.
        machine: On what.
        versions: With what.
        rounds: How often each peer.
        figures: What was found, by peer.
    """

    commit: str
    day: str
    machine: str
    versions: str
    rounds: int
    figures: dict[str, Figure]

    @property
    def about(self) -> str:
        """All of it but the figures, in a line."""
        return f"{self.commit}, {self.day}, {self.machine}, medians of {self.rounds} rounds; {self.versions}"


def read(path: Path) -> dict[str, Entry]:
    """Return the record in the order of the workloads, empty if there is none."""
    found = msgspec.json.decode(path.read_bytes(), type=dict[str, Entry]) if path.exists() else {}
    return {key: found[key] for key in WORKLOADS if key in found}


def updated(path: Path, results: Mapping[str, Mapping[str, Figure]], rounds: int, commit: str) -> dict[str, Entry]:
    """Put the figures of workloads that were measured now in the place of earlier ones, and return the record."""
    entries = read(path)
    about = (commit, machine.today(), machine.machine(), machine.versions(), rounds)
    for key, figures in results.items():
        entries[key] = Entry(*about, {peer: _short(figure) for peer, figure in figures.items()})
    path.write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=1) + b"\n")
    return read(path)


def days_and_machines(entries: Iterable[Entry]) -> str:
    """Return when and on what, each machine with its days."""
    days: dict[str, set[str]] = {}
    for each in entries:
        days.setdefault(each.machine, set()).add(each.day)
    return "; ".join(f"{' and '.join(sorted(when))}, {where}" for where, when in days.items())


def _short(figure: Figure) -> Figure:
    return replace(figure, measurements=[replace(each, memory=_by_part(each)) for each in figure.measurements])


def _by_part(measurement: Measurement) -> tuple[tuple[float, int], ...]:
    """Return the most memory in each part of the time, and what was held at its end."""
    end = measurement.memory[-1][0] if measurement.memory else 0.0
    most: dict[float, int] = {}
    for moment, held in measurement.memory:
        part = round(int(_PARTS * moment / end) * end / _PARTS, 6) if end else moment
        most[part] = max(held, most.get(part, 0))
    return tuple(most.items())
