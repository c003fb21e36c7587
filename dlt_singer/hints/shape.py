"""What a JSON schema node says about a column: a `Shape`, and how several of them widen into one.

Comes in: shapes of union branches. Goes out: one shape that holds every value any of them allows.
Never loses a type: what cannot be joined exactly becomes text (scalars) or json, with a note that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "any", "null", "object", "array", "json",
    "text", "bigint", "double", "decimal", "bool", "timestamp", "date", "time",
]  # fmt: skip

MAX_DIGITS = 38
"""The widest decimal that DuckDB, PostgreSQL and a parquet decimal128 all hold."""
DEFAULT_SCALE = 9
"""dlt's own scale for a decimal without one."""
_BIGINT_DIGITS = 19
_STRUCTURES = {"object", "array", "json"}
_SINGER_WORDS = {
    "text": "string",
    "bigint": "integer",
    "double": "number",
    "bool": "boolean",
    "timestamp": "date-time",
    "json": "object",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of one property.

    Attributes:
        kind: A dlt data type, or `any` (undeclared), `null`, `object` (flattened), `array` (child table).
        digits: Of a decimal, the digits before the point.
        scale: Of a decimal, the digits behind the point.
        properties: Of an object, the shapes of its properties.
        items: Of an array, the one shape of its items; None if they may be anything.
        description: The schema's own words.
        note: Why the type is wider than declared; empty if it is not.
    """

    kind: Kind
    digits: int = 0
    scale: int = 0
    properties: Mapping[str, Shape] = field(default_factory=dict)
    items: Shape | None = None
    description: str = ""
    note: str = ""


def decimal(digits: int | None, scale: int | None) -> Shape:
    """Return a decimal shape, or the default one with a note if it would exceed 38 digits."""
    scale = DEFAULT_SCALE if scale is None else scale
    digits = MAX_DIGITS - scale if digits is None else digits
    if digits >= 0 and 0 <= scale <= MAX_DIGITS and 1 <= digits + scale <= MAX_DIGITS:
        return Shape("decimal", digits, scale)
    note = f"{digits} and {scale} digits are more than {MAX_DIGITS}, so what does not fit goes to a text variant"
    return Shape("decimal", MAX_DIGITS - DEFAULT_SCALE, DEFAULT_SCALE, note=note)


def union(shapes: Iterable[Shape]) -> Shape:
    """Return the one shape that holds every value of `shapes`, whatever their order.

    >>> union([Shape("bigint"), Shape("null"), Shape("double")]).kind
    'double'
    >>> union([Shape("text"), Shape("bigint")]).kind
    'text'
    """
    given = list(shapes)
    members = [shape for shape in given if shape.kind != "null"]
    if not members:
        return given[0] if given else Shape("any")
    joined = _joined(members)
    described = joined.description or next((s.description for s in given if s.description), "")
    noted = joined.note or next((s.note for s in members if s.note), "")
    return replace(joined, description=described, note=noted)


def _joined(members: list[Shape]) -> Shape:  # noqa: PLR0911 - a table of cases
    kinds = {shape.kind for shape in members}
    match sorted(kinds):
        case ["object"]:
            return reduce(_merged_objects, members)
        case ["array"]:
            return _merged_arrays(members)
        case ["decimal"] | ["bigint", "decimal"]:
            return _widest_decimal(members)
        case [_]:
            return members[0]
        case ["json", "object"]:
            return Shape("json")
        case ["bigint", "double"]:
            return Shape("double")
        case _ if "any" in kinds:
            return Shape("any")
        # singer-io taps declare "a date-time if it parses" as date-time or string: the variant takes the rest.
        case _ if kinds <= {"text", "timestamp", "date"}:
            return Shape("timestamp" if "timestamp" in kinds else "date")
        case ["text", "time"]:
            return Shape("time")
    note = "declared as " + " or ".join(sorted(_SINGER_WORDS.get(kind, kind) for kind in kinds))
    return Shape("json" if kinds & _STRUCTURES else "text", note=note)


def _merged_objects(left: Shape, right: Shape) -> Shape:
    names = [*left.properties, *(name for name in right.properties if name not in left.properties)]
    both = (left.properties, right.properties)
    return Shape("object", properties={n: union(side[n] for side in both if n in side) for n in names})


def _merged_arrays(members: list[Shape]) -> Shape:
    items = [shape.items for shape in members if shape.items is not None]
    return replace(members[0], items=union(items) if len(items) == len(members) else None)


def _widest_decimal(members: list[Shape]) -> Shape:
    digits = max(s.digits if s.kind == "decimal" else _BIGINT_DIGITS for s in members)
    return decimal(digits, max(s.scale for s in members))
