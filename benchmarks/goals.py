"""What must be reached, and whether it was. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.figures import Figure

OURS = "dlt-singer"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one number.

    Attributes:
        says: The bound in words, with `{}` for the number.
        must: What must be reached.
        aim: What to aim for then; None for no more.
        value: The number from the figures by peer; None if a figure is missing.
        shown: How the number is written.
        at_least: Whether more is better.
    """

    says: str
    must: float
    aim: float | None
    value: Callable[[Mapping[str, Figure]], float | None]
    shown: str = "{:.2f} ×"
    at_least: bool = False

    def judge(self, figures: Mapping[str, Figure]) -> Judgement:
        """Compare the goal with what was measured."""
        value = self.value(figures)
        if value is None:
            return Judgement(self, None, "not measured")
        if self.aim is not None and self._holds(value, self.aim):
            return Judgement(self, value, "yes, and the aim")
        return Judgement(self, value, "yes" if self._holds(value, self.must) else "**no**")

    def _holds(self, value: float, bound: float) -> bool:
        return value >= bound if self.at_least else value <= bound


@dataclass(frozen=True, slots=True)
class Judgement:
    """A goal, the number measured for it, and whether it is reached."""

    goal: Goal
    value: float | None
    reached: str

    @property
    def shown(self) -> str:
        """The number as text."""
        return "–" if self.value is None else self.goal.shown.format(self.value)


def at_most(times: float, peer: str, aim: float | None = None) -> Goal:
    """Take at most so many times as long as a peer."""
    return Goal(f"≤ {{}} × {peer}", times, aim, lambda all_: _ratio(all_, OURS, peer))


def costs(times: float, peer: str) -> Goal:
    """Let another way of ours take at most so many times as long."""
    return Goal(f"{peer}: ≤ {{}} × {OURS}", times, None, lambda all_: _ratio(all_, peer, OURS))


def faster(times: float, peer: str, aim: float | None = None) -> Goal:
    """Be so many times as fast as a peer, or more."""
    return Goal(f"≥ {{}} × faster than {peer}", times, aim, lambda all_: _ratio(all_, peer, OURS), at_least=True)


def over(seconds: float, peer: str, aim: float | None = None) -> Goal:
    """Take at most so many seconds longer than a peer."""
    return Goal(f"≤ {{}} s over {peer}", seconds, aim, lambda all_: _over(all_, peer), "{:.2f} s")


def memory(megabytes: float, aim: float | None = None) -> Goal:
    """Stay within so much memory."""
    return Goal(
        "peak memory ≤ {} MB", megabytes, aim, lambda all_: _own(all_, lambda f: f.peak_bytes / MB), "{:.0f} MB"
    )


def flat(growth: float) -> Goal:
    """Take hardly more memory in the second half of the run than in the first."""
    says = "memory flat: second half ≤ {} × first half"
    return Goal(says, growth, None, lambda all_: _own(all_, lambda f: f.memory_growth))


def arrow(share: float) -> Goal:
    """Hand dlt nearly all rows as Arrow."""
    return Goal(
        "≥ {} % of rows as Arrow",
        share,
        None,
        lambda all_: _own(all_, lambda f: f.arrow_percent),
        "{:.1f} %",
        at_least=True,
    )


def _own(figures: Mapping[str, Figure], number: Callable[[Figure], float | None]) -> float | None:
    figure = figures.get(OURS)
    return None if figure is None or not figure.valid else number(figure)


def _ratio(figures: Mapping[str, Figure], of: str, to: str) -> float | None:
    first, second = figures.get(of), figures.get(to)
    if first is None or second is None or not first.valid or not second.valid:
        return None
    return first.seconds / second.seconds


def _over(figures: Mapping[str, Figure], peer: str) -> float | None:
    ours, theirs = figures.get(OURS), figures.get(peer)
    if ours is None or theirs is None or not ours.valid or not theirs.valid:
        return None
    return ours.seconds - theirs.seconds
