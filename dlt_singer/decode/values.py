"""The JSON text of one value in, the Python value that dlt loads exactly into a column of a given type out.

What the column cannot hold comes back as a `Variant`: left alone, dlt would guess at it, round it, fail, or make
a variant column of a type that the next misfit fails on. Knows the quirks of dlt's coercion, not dlt itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from dlt_singer.decode.forms import DATE, TIME, TIMESTAMP

if TYPE_CHECKING:
    from dlt_singer.hints import DataType

Reader: TypeAlias = Callable[[bytes], object]

_LONG_NUMBER: Final = re.compile(rb"[0-9]{16}|[0-9][eE][+-]?[0-9]{3}")
"""Finds every number that a double or a 64-bit integer may not hold (and some that they do)."""
_TIMESTAMP: Final = re.compile(TIMESTAMP, re.ASCII)
_DATE: Final = re.compile(DATE, re.ASCII)
_TIME: Final = re.compile(TIME, re.ASCII)

_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(rb"-?[0-9]+")
_CONSTANTS: Final = {"NaN", "Infinity", "-Infinity"}
_VARIANTS: Final[Mapping[type, DataType]] = {str: "text", int: "bigint", float: "double", bool: "bool"}
_DEFAULT_DECIMAL: Final = (38, 9)
_EDGE_YEARS: Final = ("0001-", "9999-")
_INT64: Final = range(-(2**63), 2**63)
_INT64_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class Variant:
    """A value for dlt's variant column `<column>__v_<kind>` instead of the column itself."""

    kind: DataType
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


def _text(raw: bytes) -> object:
    if raw[:1] == b'"':
        return msgspec.json.decode(raw)
    return None if raw == b"null" else raw.decode()


def _bigint(raw: bytes) -> object:
    if _WHOLE.fullmatch(raw):
        return _integer_or_text(raw.decode())
    if not _is_number(raw):
        return _number_in_text(raw, _bigint)
    exact = Decimal(raw.decode())
    if exact.adjusted() >= _INT64_DIGITS:
        return Variant("text", raw.decode())
    if exact == exact.to_integral_value():
        return _integer_or_text(str(int(exact)))
    inexact = float(exact)
    return Variant("text", raw.decode()) if inexact.is_integer() else Variant("double", inexact)


def _double(raw: bytes) -> object:
    if not _is_number(raw):
        return _number_in_text(raw, _double)
    text = raw.decode()
    value = float(text)
    if math.isinf(value) or (value == 0 and Decimal(text) != 0):
        return Variant("text", text)
    if _WHOLE.fullmatch(raw) and int(value) != int(text):
        return _misfit(_integer_or_text(text))
    return value


def _decimal(context: Context, unit: Decimal, raw: bytes) -> object:
    if not _is_number(raw):
        return _number_in_text(raw, partial(_decimal, context, unit))
    try:
        return context.quantize(Decimal(raw.decode()), unit)
    except (Inexact, InvalidOperation):
        return Variant("text", raw.decode())


def _bool(raw: bytes) -> object:
    if raw in (b"0", b"1"):
        return raw == b"1"
    value = natural(raw)
    # Of "yes", 7 or 0.5 dlt would make a truth value, too.
    fits = isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false"))
    return value if fits else _misfit(value)


def _timestamp(raw: bytes) -> object:
    value = natural(raw)
    text = value.upper() if isinstance(value, str) else ""
    match = _TIMESTAMP.fullmatch(text)
    if match is None or not _exists(text):
        return _misfit(value)
    # At either end of the calendar dlt overflows on the way to UTC.
    return _misfit(value) if match[1] and text.startswith(_EDGE_YEARS) else text


def _date(raw: bytes) -> object:
    value = natural(raw)
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match and _exists(match[1]) else _misfit(value)


def _time(raw: bytes) -> object:
    value = natural(raw)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else _misfit(value)


def _json(raw: bytes) -> object:
    """Return the tap's own JSON text, so that no digit and no key is lost, in a shell that dlt takes off again."""
    if raw == b"null":
        return None
    # dlt parses a str for a json column once, and writes what is then a str as it is.
    return json.dumps(raw.decode())


def _number_in_text(raw: bytes, read: Reader) -> object:
    """Return what `read` makes of a number in a string; any other value is a misfit."""
    value = natural(raw)
    if not isinstance(value, str):
        return _misfit(value)
    if value in _CONSTANTS and read is _double:
        return value
    number = read(value.encode()) if _NUMBER.fullmatch(value.encode()) else None
    return Variant("text", value) if number is None or isinstance(number, Variant) else number


def _misfit(value: object) -> object:
    """Return the variant of a scalar; objects and arrays dlt spreads over columns and tables of their own."""
    kind = _VARIANTS.get(type(value))
    return Variant(kind, value) if kind else value


def _exists(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _is_number(raw: bytes) -> bool:
    return raw[:1] in b"-0123456789"


def _integer_or_text(text: str) -> object:
    if len(text) > _INT64_DIGITS + 1 or (value := int(text)) not in _INT64:
        return Variant("text", text)
    return value


def _float_or_text(text: str) -> object:
    value = float(text)
    return Variant("text", text) if math.isinf(value) else value


def _lifted(value: object) -> object:
    """Move variants inside of objects and arrays to the keys of their variant columns."""
    if isinstance(value, dict):
        members = ((name, _lifted(member)) for name, member in value.items())
        return dict((m.beside(n), m.value) if isinstance(m, Variant) else (n, m) for n, m in members)
    if isinstance(value, list):
        lifted = (_lifted(member) for member in value)
        return [{m.beside("value"): m.value} if isinstance(m, Variant) else m for m in lifted]
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
