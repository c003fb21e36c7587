"""Columns of texts in, columns of dates and times out: exactly those that a row would hold, or `NotExact`.

Arrow reads more forms than rows do, and keeps years that no database has; so the forms are checked before, and
the edges after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from dlt_singer.decode.forms import DATE, TIME, TIMESTAMP, UTC_TIMESTAMP
from dlt_singer.decode.not_exact import NotExact

_UTC: Final = pa.timestamp("us", "UTC")
_NAIVE: Final = pa.timestamp("us")
_DAY_LENGTH: Final = 10
_SAFE_FROM: Final = datetime(2, 1, 1, tzinfo=timezone.utc)
_SAFE_TO: Final = datetime(9998, 12, 31, tzinfo=timezone.utc)


def _timestamps(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    _check_form(column, TIMESTAMP, name)
    try:
        stamps = pc.cast(column, _UTC)
    except pa.ArrowInvalid:
        # Arrow wants an offset everywhere or nowhere. Without one, a time is UTC.
        stamps = pc.cast(_cast(column, _NAIVE, name), _UTC)
    first, last = _bounds(stamps, name)
    if first is not None and last is not None and (first < _SAFE_FROM or last > _SAFE_TO):
        # At the ends of the calendar rows keep only what is UTC already.
        _check_form(column, UTC_TIMESTAMP, name)
    return stamps


def _dates(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    _check_form(column, DATE, name)
    days = _cast(pc.utf8_slice_codeunits(column, 0, _DAY_LENGTH), pa.date32(), name)
    _bounds(days, name)
    return days


def _times(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    _check_form(column, TIME, name)
    return _cast(column, pa.time64("us"), name)


TEMPORAL: Final[Mapping[str, Callable[[pa.ChunkedArray, str], pa.ChunkedArray]]] = {
    "timestamp": _timestamps,
    "date": _dates,
    "time": _times,
}
"""What reads the texts of a column, by its data type."""


def _check_form(column: pa.ChunkedArray, form: str, name: str) -> None:
    # None: there is no value at all.
    if pc.all(pc.match_substring_regex(column, rf"\A(?:{form})\z")).as_py() is False:
        raise NotExact("a text has another form than its column", name)


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str) -> pa.ChunkedArray:
    try:
        return pc.cast(column, kind)
    except pa.ArrowInvalid:
        raise NotExact("a text is no date or time, or is written in another way than others", name) from None


def _bounds(column: pa.ChunkedArray, name: str) -> tuple[datetime | None, datetime | None]:
    bounds = pc.min_max(column)
    try:
        first, last = bounds["min"].as_py(), bounds["max"].as_py()
    except (ValueError, OverflowError):
        # A year 0 or 10000, which Python does not have either.
        raise NotExact("a date is beyond the calendar", name) from None
    return first, last
