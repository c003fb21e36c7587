"""What a measurement found, and what several of them come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Measurement:
    """One process's findings.

    Attributes:
        seconds: From the call that does the work to its return.
        start_seconds: What came before: the process's start and its imports.
        peak_bytes: The most memory the process held at any time.
        memory: Moments of the work, in seconds, and the memory then.
        arrow_rows: Rows that dlt got as Arrow.
        all_rows: Rows that dlt got, those of child tables too if it got them apart; None without dlt.
        problem: Why the figure counts for nothing, if so.
    """

    seconds: float = 0.0
    start_seconds: float = 0.0
    peak_bytes: int = 0
    memory: tuple[tuple[float, int], ...] = ()
    arrow_rows: int = 0
    all_rows: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """All measurements of one peer at one workload.

    Attributes:
        peer: Who was measured.
        rows: How many rows there were to load.
        measurements: In the order they were made.
    """

    peer: str
    rows: int
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def problem(self) -> str | None:
        """Why the figure counts for nothing: what went wrong first."""
        if not self.measurements:
            return "not measured"
        return next((each.problem for each in self.measurements if each.problem), None)

    @property
    def valid(self) -> bool:
        """Whether every measurement loaded what it should."""
        return self.problem is None

    @property
    def seconds(self) -> float:
        """The median."""
        return median(each.seconds for each in self.measurements)

    @property
    def spread(self) -> tuple[float, float]:
        """The fastest and the slowest."""
        seconds = [each.seconds for each in self.measurements]
        return min(seconds), max(seconds)

    @property
    def start_seconds(self) -> float:
        """The median of process start and imports."""
        return median(each.start_seconds for each in self.measurements)

    @property
    def peak_bytes(self) -> int:
        """The most memory in any round."""
        return max(each.peak_bytes for each in self.measurements)

    @property
    def arrow_percent(self) -> float | None:
        """How many of the rows dlt got as Arrow, in per cent; None if it counted none."""
        rows = sum(each.all_rows or 0 for each in self.measurements)
        return 100 * sum(each.arrow_rows for each in self.measurements) / rows if rows else None

    @property
    def memory_by_tenths(self) -> list[int]:
        """The most memory in each tenth of the last round."""
        memory = self.measurements[-1].memory
        length = memory[-1][0] / 10 if memory else 1.0
        tenths = [[held for moment, held in memory if n * length <= moment <= (n + 1) * length] for n in range(10)]
        return [max(tenth) for tenth in tenths if tenth]

    @property
    def memory_growth(self) -> float | None:
        """The most memory in the second half by the most in the first, in the worst round; None if too short."""
        return max((growth for each in self.measurements if (growth := _growth(each.memory))), default=None)


def _growth(memory: tuple[tuple[float, int], ...]) -> float | None:
    if not memory:
        return None
    middle = memory[-1][0] / 2
    first = [held for moment, held in memory if moment < middle]
    second = [held for moment, held in memory if moment >= middle]
    return max(second) / max(first) if first and second else None
