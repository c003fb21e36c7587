"""Time as the API counts it: minutes in UTC, half-hours, and windows of days.

In: datetimes of any zone and precision. Out: half-open windows `[start, end)` that follow each other
without gap or overlap. Pure: no clock, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
HalfHour: TypeAlias = "Mapping[str, Json]"

MAX_DAYS = 14
"""The API refuses longer windows."""

_MINUTE = "%Y-%m-%dT%H:%MZ"


@dataclass(frozen=True, slots=True)
class Window:
    """The half-hours that begin at or after `start` and before `end`, both whole minutes in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def asked_by(cls, url: str) -> Window:
        """Return the window whose `path` the URL ends with."""
        start, end = url.rstrip("/").split("/")[-2:]
        return cls(_minute(start), _minute(end))

    @property
    def path(self) -> str:
        """`{from}/{to}`, as the API spells it."""
        return f"{self.start:{_MINUTE}}/{self.end:{_MINUTE}}"

    def half_hours(self, answered: Iterable[HalfHour]) -> Iterator[tuple[str, str, HalfHour]]:
        """Yield `(from, to, half-hour)` of this window's half-hours, ascending, each once.

        The API selects by `to`, both ends included: its first half-hour began before the window and was the
        last one of the window before. It also has served a half-hour twice; the later one counts.
        """
        by_start = {_minute(str(half_hour["from"])): half_hour for half_hour in answered}
        for start in sorted(by_start):
            if self.start <= start < self.end:
                half_hour = by_start[start]
                yield timestamp(start), timestamp(_minute(str(half_hour["to"]))), half_hour


def windows(start: datetime, end: datetime, days: int) -> Iterator[Window]:
    """Cut `[start, end)` into windows of at most `days` days; nothing if it is empty.

    Example:
        >>> first, second = windows(moment("2024-01-01"), moment("2024-01-20"), days=14)
        >>> second.path
        '2024-01-15T00:00Z/2024-01-20T00:00Z'
    """
    start, end = _whole_minute(start), _whole_minute(end)
    while start < end:
        stop = min(start + timedelta(days=days), end)
        yield Window(start, stop)
        start = stop


def moment(text: str) -> datetime:
    """Return an ISO 8601 date or date-time as a datetime in UTC; without a zone it is taken as UTC."""
    # Python 3.10 does not know "Z".
    value = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def timestamp(value: datetime) -> str:
    """Return a UTC datetime as RFC 3339, with the seconds the API leaves out."""
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"


def _minute(text: str) -> datetime:
    return datetime.strptime(text, _MINUTE).replace(tzinfo=timezone.utc)


def _whole_minute(value: datetime) -> datetime:
    """Round up: half-hours begin at whole minutes, so `>=` and `<` mean the same before and after."""
    floor = value.astimezone(timezone.utc).replace(second=0, microsecond=0)
    return floor if floor == value else floor + timedelta(minutes=1)
