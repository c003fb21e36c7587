"""Figures in words that fit a column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from dlt_singer._types import JSON

_SHORT = 48
_MINUTE = 60
_HOUR = 3600
_UNIT = 1000
_GAP = "  "


def bookmark_words(value: JSON) -> str:
    """Return a stream's part of a STATE, shortened to the value that counts where that can be told; "" for none.

    Example:
        >>> bookmark_words({"replication_key": "updated_at", "replication_key_value": "2024-01-01"})
        '2024-01-01'
    """
    if isinstance(value, Mapping) and "replication_key_value" in value:
        value = value["replication_key_value"]
    if isinstance(value, Mapping) and len(value) == 1:
        (inner,) = value.values()
        value = inner if inner is None or isinstance(inner, str | int | float) else value
    if value is None or value == {}:
        return ""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return words if len(words) <= _SHORT else f"{words[: _SHORT - 1]}…"


def byte_words(size: float) -> str:
    """Return a number of bytes.

    Example:
        >>> byte_words(999), byte_words(1_234_567)
        ('999 B', '1.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if round(size, 1) < _UNIT:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= _UNIT
    return f"{size:,.1f} TB"


def second_words(seconds: float) -> str:
    """Return a duration.

    Example:
        >>> second_words(2.34), second_words(75), second_words(3720)
        ('2.3 s', '1:15 min', '1:02 h')
    """
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02} min"
    return f"{whole // _HOUR:,}:{whole % _HOUR // _MINUTE:02} h"


def count_words(count: int, one: str, many: str) -> str:
    """Return a count with its noun.

    Example:
        >>> count_words(1, "stream", "streams")
        '1 stream'
    """
    return f"{count:,} {one if count == 1 else many}"


def columns(headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> list[str]:
    """Return aligned lines; columns named in `numbers` are aligned to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    right = [header in numbers for header in headers]
    return [
        _GAP.join(f"{c:>{w}}" if r else f"{c:<{w}}" for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in (headers, *rows)
    ]
