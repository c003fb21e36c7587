"""The METRIC lines of a tap's log, added up.

In: lines of a log, as singer-sdk (plain or structured) and singer-python write them. Out: one `Metric` for each
name and stream, however many lines there were. Other tags are passed over: they may hold what was asked for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

_MOST: Final = 10_000
"""So many are told apart; a tap that makes up names must not fill our memory."""
_KINDS: Final = ("counter", "timer", "gauge")


@dataclass(frozen=True, slots=True)
class Metric:
    """What a tap measured.

    Attributes:
        name: Such as `http_request_duration`.
        kind: `counter`, `timer` (its values are seconds) or `gauge`.
        stream: The stream it is about, None if it is about none.
        points: How many lines there were.
        total: The sum of their values.
        greatest: The greatest value.
        failed: How many were tagged as failed.
    """

    name: str
    kind: str
    stream: str | None = None
    points: int = 0
    total: float = 0.0
    greatest: float = 0.0
    failed: int = 0

    def plus(self, value: float, *, failed: bool) -> Metric:
        """Return it with one more line."""
        greatest = value if not self.points else max(self.greatest, value)
        total = round(self.total + value, 6)
        return replace(self, points=self.points + 1, total=total, greatest=greatest, failed=self.failed + failed)

    def with_(self, other: Metric) -> Metric:
        """Return the sum of this and another one, about no stream in particular."""
        return replace(
            self,
            stream=None,
            points=self.points + other.points,
            total=round(self.total + other.total, 6),
            greatest=max(self.greatest, other.greatest),
            failed=self.failed + other.failed,
        )


class Metrics:
    """Adds up lines.

    Example:
        >>> metrics = Metrics()
        >>> metrics.read('INFO METRIC: {"type": "counter", "metric": "record_count", "value": 2, "tags": {}}')
        >>> metrics.found[0].total
        2.0
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str | None], Metric] = {}

    @property
    def found(self) -> tuple[Metric, ...]:
        """All of them, by name and stream."""
        return tuple(found for _, found in sorted(self._found.copy().items(), key=lambda item: str(item[0])))

    def read(self, line: str) -> None:
        """Take a line of the log; most are none of ours, and what cannot be read is passed over."""
        at = line.find("METRIC")
        point = _point(line, at) if at >= 0 else None
        if point is None:
            return
        kind, name, value = point.get("type"), point.get("metric"), point.get("value")
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if kind not in _KINDS or not isinstance(name, str) or not isinstance(value, int | float) or not is_number:
            return
        tags = point.get("tags")
        tags = tags if isinstance(tags, Mapping) else {}
        stream = tags.get("stream")
        key = (name, str(kind), stream if isinstance(stream, str) else None)
        if key in self._found or len(self._found) < _MOST:
            before = self._found.get(key) or Metric(name, key[1], key[2])
            self._found[key] = before.plus(float(value), failed=tags.get("status") == "failed")


def _point(line: str, at: int) -> Mapping[str, object] | None:
    """Return the JSON object behind the word, or the one the whole line is."""
    whole = line.startswith("{")
    start = 0 if whole else line.find("{", at)
    try:
        found = json.loads(line[start:]) if start >= 0 else None
        if whole and isinstance(found, Mapping):
            inside, message = found.get("metric_info"), found.get("message")
            in_text = isinstance(message, str) and message.startswith("METRIC: ")
            found = json.loads(str(message)[len("METRIC: ") :]) if inside is None and in_text else inside
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None
