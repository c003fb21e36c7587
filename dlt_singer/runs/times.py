"""Times as records hold them: UTC, and text that sorts. Pure."""

from __future__ import annotations

from datetime import date, datetime, timezone


def stamp(moment: datetime) -> str:
    """Return a time as records hold it."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}"


def moment_in(value: str | date) -> datetime:
    """Return the time that a text or a date means; without a zone it is UTC.

    Raises:
        ValueError: It is none.

    Example:
        >>> stamp(moment_in("2026-01-31"))
        '2026-01-31T00:00:00.000000Z'
    """
    moment = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - the zone comes below
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
