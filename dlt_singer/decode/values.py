"""The JSON text of one value in, the Python value that dlt loads exactly into a column of a given type out.

What the column cannot hold comes back as it is where dlt's normaliser refuses it (and makes its variant column),
or as a `Variant` where dlt would guess, round or fail. Knows the quirks of dlt's coercion, not dlt itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import partial
from typing import Final, TypeAlias

import msgspec

Reader: TypeAlias = Callable[[bytes], object]

_LONG_NUMBER: Final = re.compile(rb"[0-9]{16}|[0-9][eE][+-]?[0-9]{3}")
"""Finds every number that a double or a 64-bit integer may not hold (and some that they do)."""
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6}0*)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
"""What dlt reads to the microsecond; it would guess at `2024` or `1700000000`, and round beyond six digits."""
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?)?", re.ASCII)
_TIME: Final = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d{1,6}0*)?)?)(?:Z|[+-]00:?00)?", re.ASCII)

_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(rb"-?[0-9]+")
_CONSTANTS: Final = {"NaN", "Infinity", "-Infinity"}
_DEFAULT_DECIMAL: Final = (38, 9)
_EDGE_YEARS: Final = ("0001-", "9999-")
_UTC_ENDS: Final = ("Z", "+00:00", "-00:00")
_INT64: Final = range(-(2**63), 2**63)
_INT64_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class Variant:
    """A value for dlt's variant column `<column>__v_<kind>` instead of the column itself."""

    kind: str
    value: object

    def beside(self, name: str) -> str:
        """Return the key of the variant of `name`."""
        return f"{name}__v_{self.kind}"


def natural(raw: bytes) -> object:
    """Return a value of no declared type as it is; numbers that dlt cannot carry become text variants."""
    if not _LONG_NUMBER.search(raw):
        return msgspec.json.decode(raw)
    return _lifted(json.loads(raw, parse_int=_integer_or_text, parse_float=_float_or_text))


def reader_for(column: Mapping[str, object]) -> Reader | None:
    """Return the reader for a dlt column, or None if its values need none."""
    if column.get("data_type") != "decimal":
        return _READERS.get(str(column.get("data_type")))
    precision, scale = column.get("precision"), column.get("scale")
    if not isinstance(precision, int) or not isinstance(scale, int):
        precision, scale = _DEFAULT_DECIMAL
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])
    return partial(_decimal, context, Decimal(1).scaleb(-scale))


def put(row: dict[str, object], name: str, value: object) -> None:
    """Set `name` in `row`, or its variant."""
    if type(value) is Variant:
        row[value.beside(name)] = value.value
    else:
        row[name] = value


def _text(raw: bytes) -> object:
    if raw[:1] == b'"':
        return msgspec.json.decode(raw)
    return None if raw == b"null" else raw.decode()


def _bigint(raw: bytes) -> object:
    if _WHOLE.fullmatch(raw):
        return _integer_or_text(raw.decode())
    if raw[:1] == b'"':
        return _number_in_text(raw, _bigint)
    if not _is_number(raw):
        return natural(raw)
    exact = Decimal(raw.decode())
    if exact.adjusted() >= _INT64_DIGITS:
        return Variant("text", raw.decode())
    if exact == exact.to_integral_value():
        return _integer_or_text(str(int(exact)))
    inexact = float(exact)
    return Variant("text", raw.decode()) if inexact.is_integer() else inexact


def _double(raw: bytes) -> object:
    if raw[:1] == b'"':
        return _number_in_text(raw, _double)
    if not _is_number(raw):
        return natural(raw)
    text = raw.decode()
    value = float(text)
    if math.isinf(value) or (value == 0 and Decimal(text) != 0):
        return Variant("text", text)
    if _WHOLE.fullmatch(raw) and int(value) != int(text):
        return _integer_or_text(text, variant=True)
    return value


def _decimal(context: Context, unit: Decimal, raw: bytes) -> object:
    if raw[:1] == b'"':
        return _number_in_text(raw, partial(_decimal, context, unit))
    if not _is_number(raw):
        return natural(raw)
    try:
        return context.quantize(Decimal(raw.decode()), unit)
    except (Inexact, InvalidOperation):
        return Variant("text", raw.decode())


def _bool(raw: bytes) -> object:
    if raw in (b"0", b"1"):
        return raw == b"1"
    value = natural(raw)
    # dlt's normaliser also takes "yes", "1", 7 or 0.5 for a truth value
    if isinstance(value, str):
        return value if value.lower() in ("true", "false") else Variant("text", value)
    return _guessable(value)


def _timestamp(raw: bytes) -> object:
    value = natural(raw)
    if not isinstance(value, str):
        return _guessable(value)
    text = value.upper()
    if not _TIMESTAMP.fullmatch(text):
        return _unless_refused(value)
    # at either end of the calendar dlt overflows on the way to UTC
    return Variant("text", value) if text.startswith(_EDGE_YEARS) and not text.endswith(_UTC_ENDS) else text


def _date(raw: bytes) -> object:
    return _matched(natural(raw), _DATE)


def _time(raw: bytes) -> object:
    return _matched(natural(raw), _TIME)


def _json(raw: bytes) -> object:
    """Return objects and arrays as they are; the JSON text of all else in a shell that dlt takes off again."""
    if raw == b"null":
        return None
    if raw[:1] in b"{[" and not _LONG_NUMBER.search(raw):
        return msgspec.json.decode(raw)
    # dlt parses a str for a json column once, and writes what is then a str as it is
    return json.dumps(raw.decode())


def _matched(value: object, pattern: re.Pattern[str]) -> object:
    if not isinstance(value, str):
        return _guessable(value)
    match = pattern.fullmatch(value)
    return match[1] if match else _unless_refused(value)


def _unless_refused(text: str) -> object:
    # dlt refuses what does not start like a number; of `2024`, `1700000000` or `10` it would make a point in time
    return Variant("text", text) if text.strip()[:1].isdecimal() or text.strip()[:1] in "+-" else text


def _guessable(value: object) -> object:
    # dlt reads numbers as seconds since 1970, or as truth values
    if type(value) is int:
        return Variant("bigint", value)
    return Variant("double", value) if type(value) is float else value


def _number_in_text(raw: bytes, read: Reader) -> object:
    """Return what `read` makes of a number in a string; a number that is written in any other way stays text."""
    text = msgspec.json.decode(raw, type=str)
    if text in _CONSTANTS and read is _double:
        return text
    if _NUMBER.fullmatch(text.encode()):
        value = read(text.encode())
        return value if type(value) is not Variant else Variant("text", text)
    return Variant("text", text) if _python_number(text) else text


def _python_number(text: str) -> bool:
    """Tell whether dlt would take `text` for a number, which JSON does not: 007, 0x10, 1_000, inf."""
    stripped = text.strip()
    try:
        return stripped.startswith("0x") or float(stripped) is not None
    except ValueError:
        return False


def _is_number(raw: bytes) -> bool:
    return raw[:1] in b"-0123456789"


def _integer_or_text(text: str, *, variant: bool = False) -> object:
    if len(text) > _INT64_DIGITS + 1 or (value := int(text)) not in _INT64:
        return Variant("text", text)
    return Variant("bigint", value) if variant else value


def _float_or_text(text: str) -> object:
    value = float(text)
    return Variant("text", text) if math.isinf(value) else value


def _lifted(value: object) -> object:
    """Move variants inside of objects and arrays to the keys of their variant columns."""
    if isinstance(value, dict):
        row: dict[str, object] = {}
        for name, member in value.items():
            put(row, name, _lifted(member))
        return row
    if isinstance(value, list):
        members = [_lifted(member) for member in value]
        return [{m.beside("value"): m.value} if type(m) is Variant else m for m in members]
    return value


_READERS: Final[dict[str, Reader]] = {
    "text": _text,
    "bigint": _bigint,
    "double": _double,
    "bool": _bool,
    "timestamp": _timestamp,
    "date": _date,
    "time": _time,
    "json": _json,
}
