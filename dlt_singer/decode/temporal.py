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
_SOME_DAY: Final = "1970-01-01"
_ZEROS: Final = (r"(\.\d{6})0+", r"\1")
_SAFE_FROM: Final = datetime(2, 1, 1, tzinfo=timezone.utc)
_SAFE_TO: Final = datetime(9998, 12, 31, tzinfo=timezone.utc)


def _timestamps(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    _check_form(column, TIMESTAMP, name)
    stamps = _instants(column, name)
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
    # Arrow knows no way from a text to a time of day, but one from a moment.
    moments = pc.binary_join_element_wise(pa.scalar(_SOME_DAY), column, "T")
    return pc.cast(pc.cast(_instants(moments, name), _NAIVE), pa.time64("us"))


def _instants(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return texts, of a form that was checked, as moments in UTC."""
    for finest in (column, None):
        # Digits beyond Arrow's are zeros by now, and few write them.
        texts = pc.replace_substring_regex(column, *_ZEROS) if finest is None else finest
        # Arrow wants an offset everywhere or nowhere. Without one, a time is UTC.
        for kind in (_UTC, _NAIVE):
            try:
                return pc.cast(pc.cast(texts, kind), _UTC)
            except pa.ArrowInvalid:
                continue
    raise NotExact("a text is no date or time, or is written in another way than others", name)


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
