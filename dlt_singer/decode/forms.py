"""How dates and times may be written to be read exactly, as regular expressions for Python's `re` and for RE2."""

from __future__ import annotations

from typing import Final

_DAY: Final = r"\d{4}-\d\d-\d\d"
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6}0*)?)?"
_UTC: Final = r"Z|[+-]00(?::?00)?"

TIMESTAMP: Final = rf"{_DAY}(?:[T ]{_CLOCK}(?:{_UTC}|([+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?))?)?"
"""What dlt reads to the microsecond; it would guess at `2024` or `1700000000`, and round beyond six digits.

The group is an offset that moves the time."""
UTC_TIMESTAMP: Final = rf"{_DAY}(?:[T ]{_CLOCK}(?:{_UTC})?)?"
DATE: Final = rf"({_DAY})(?:[T ]00:00(?::00(?:\.0+)?)?(?:{_UTC})?)?"
TIME: Final = rf"({_CLOCK})(?:{_UTC})?"
