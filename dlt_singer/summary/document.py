"""A summary as a JSON document, whose keys are a promise: new ones may come within a version, none goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, cast

from dlt_singer._types import JSON, JSONObject
from dlt_singer.summary.model import RunSummary

VERSION: Final = 1
_DIGITS = 3


def document(summary: RunSummary) -> JSONObject:
    """Return a summary as JSON.

    Args:
        summary: The summary.

    Returns:
        Its fields by name, totals beside them, and the `version` of the form.

    Example:
        >>> document(RunSummary("tap-x-1", "tap-x", "default", "2026-01-01T00:00:00Z"))["version"]
        1
    """
    totals = {
        "rows_read": summary.rows_read,
        "bytes_read": summary.bytes_read,
        "waiting_seconds": summary.waiting_seconds,
        "stray_lines": summary.stray_lines,
    }
    return cast("JSONObject", _plain({"version": VERSION, **asdict(summary), "totals": totals}))


def _plain(value: object) -> JSON:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else cast("JSON", value)
