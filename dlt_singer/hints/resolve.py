"""JSON schema in, `Shape` out: references, combinators, type lists, formats and numeric bounds.

Accepts any JSON value as a schema. Bounded in depth and size, also for recursive references.
Never raises: what it does not understand becomes `any` (dlt infers it from the values).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Final

from dlt_singer._types import JSON, JSONObject
from dlt_singer.hints.references import target_of
from dlt_singer.hints.shape import MAX_DIGITS, Kind, Shape, decimal, union

_MAX_DEPTH: Final = 24
_MAX_NODES: Final = 20_000
_INT64: Final = 2**63
_STRUCTURES: Final = ("object", "array", "json")
_DECIMAL_FORMATS: Final = {"singer.decimal", "x-singer.decimal"}
_FORMATS: Final[Mapping[str, Kind]] = {"date-time": "timestamp", "date": "date", "time": "time"}
_TYPE_NAMES: Final[Mapping[type, str]] = {
    type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string",
}  # fmt: skip
_SQL_TYPE: Final = re.compile(r"\s*([a-z][a-z0-9_ ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.IGNORECASE)
_SQL_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "integer", "bigint"), "bigint"),
    **dict.fromkeys(("float", "double", "double precision", "real"), "double"),
    **dict.fromkeys(("decimal", "numeric", "number"), "decimal"),
    **dict.fromkeys(("char", "varchar", "text", "string", "uuid"), "text"),
    **dict.fromkeys(("bool", "boolean"), "bool"),
    **dict.fromkeys(("json", "jsonb", "variant", "super"), "json"),
    **dict.fromkeys(("timestamp", "timestamptz", "datetime", "timestamp_tz"), "timestamp"),
    "date": "date",
    "time": "time",
}


class _RecursiveReferenceError(Exception):
    """A `$ref` that leads back to itself."""


class Resolver:
    """Turns the nodes of one schema document into shapes.

    Args:
        document: What local references (`#/…`) point into.
    """

    def __init__(self, document: JSON) -> None:
        self._document = document
        self._nodes = 0
        self._nodes_in_arrays = 0
        self._is_in_array = False

    def shape(self, node: JSON, depth: int = 0, refs: frozenset[str] = frozenset({"#"})) -> Shape:
        """Return the shape of `node`; `refs` are the references that led to it."""
        self._nodes += 1
        if depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            return Shape("json", note="the schema nests too deep to be flattened")
        if not isinstance(node, Mapping):
            return Shape("any")
        try:
            flat, refs = self._flattened(node, refs, depth)
        except _RecursiveReferenceError:
            return Shape("json")
        shape = self._declared(flat, depth, refs)
        ref = node.get("$ref")
        if shape.kind == "any" and isinstance(ref, str) and target_of(ref, self._document) is None:
            shape = Shape("any", note=f"its reference '{ref}' leads nowhere")
        description = flat.get("description")
        return replace(shape, description=description) if isinstance(description, str) else shape

    def _declared(self, node: JSONObject, depth: int, refs: frozenset[str]) -> Shape:
        branches = [b for key in ("anyOf", "oneOf") for b in _items(node.get(key)) if _says_type(b)]
        own = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}
        shapes = [self.shape(_inheriting(own, branch), depth + 1, refs) for branch in branches]
        if not shapes:
            shapes = [self._typed(own, name, depth, refs) for name in _types(own)]
        shape = union(shapes)
        return _sql_override(shape, node.get("x-sql-datatype"))

    def _typed(self, node: JSONObject, name: JSON, depth: int, refs: frozenset[str]) -> Shape:
        if isinstance(name, Mapping):
            return self.shape(name, depth + 1, refs)
        if name == "object":
            return self._object(node, depth, refs)
        if name == "array":
            return self._array(node, depth, refs)
        reader = _SCALARS.get(name) if isinstance(name, str) else None
        return reader(node) if reader else Shape("any")

    def _object(self, node: JSONObject, depth: int, refs: frozenset[str]) -> Shape:
        properties = node.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            return Shape("json")
        return Shape("object", properties={k: self.shape(v, depth + 1, refs) for k, v in properties.items()})

    def _array(self, node: JSONObject, depth: int, refs: frozenset[str]) -> Shape:
        items = node.get("items")
        declared = [*_items(node.get("prefixItems")), *(_items(items) or [items])]
        nodes = [item for item in declared if isinstance(item, Mapping)]
        if self._is_in_array:
            return Shape("array", items=self._items_shape(nodes, depth, refs))
        # Counted apart: what is deep in arrays must cost the columns of the root nothing.
        outside, self._nodes, self._is_in_array = self._nodes, self._nodes_in_arrays, True
        shape = self._items_shape(nodes, depth, refs)
        self._nodes_in_arrays, self._nodes, self._is_in_array = self._nodes, outside, False
        return Shape("array", items=shape)

    def _items_shape(self, nodes: Sequence[JSON], depth: int, refs: frozenset[str]) -> Shape | None:
        shape = union([self.shape(node, depth + 1, refs) for node in nodes]) if nodes else None
        return None if self._nodes > _MAX_NODES else shape

    def _flattened(self, node: JSONObject, refs: frozenset[str], depth: int) -> tuple[JSONObject, frozenset[str]]:
        """Return `node` with its `$ref` and `allOf` merged in."""
        if depth > _MAX_DEPTH:
            raise _RecursiveReferenceError
        flat = {key: value for key, value in node.items() if key not in ("$ref", "allOf")}
        ref = node.get("$ref")
        parts = list(_items(node.get("allOf")))
        if isinstance(ref, str):
            if ref in refs:
                raise _RecursiveReferenceError
            refs |= {ref}
            parts.insert(0, target_of(ref, self._document))
        for part in parts:
            if isinstance(part, Mapping):
                merged, refs = self._flattened(part, refs, depth + 1)
                flat = _all_of(flat, merged)
        return flat, refs


def _items(value: JSON) -> Sequence[JSON]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _says_type(branch: JSON) -> bool:
    # Branches such as {"required": ["a"]} or {"not": {…}} constrain values, they do not add a type.
    keys = {"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "properties", "items", "format"}
    return isinstance(branch, bool) or (isinstance(branch, Mapping) and (not branch or bool(keys & set(branch))))


def _inheriting(own: JSONObject, branch: JSON) -> JSON:
    if not isinstance(branch, Mapping):
        return branch
    shared = {key: value for key, value in own.items() if key not in ("type", "description", "x-sql-datatype")}
    untyped = not {"type", "$ref", "allOf", "anyOf", "oneOf", "enum", "const"} & set(branch)
    typed = {"type": own["type"]} if untyped and "type" in own else {}
    return {**shared, **typed, **branch}


def _all_of(left: JSONObject, right: JSONObject) -> dict[str, JSON]:
    merged: dict[str, JSON] = {**right, **left}
    if "properties" in left and "properties" in right:
        merged["properties"] = _all_properties(left["properties"], right["properties"])
    if "type" in left and "type" in right:
        mine, theirs = _types(left), _types(right)
        merged["type"] = [t for t in mine if t in theirs] or [*mine, *theirs]
    for key in ("anyOf", "oneOf"):
        if key in left and key in right:
            merged[key] = [*_items(left[key]), *_items(right[key])]
    return merged


def _all_properties(left: JSON, right: JSON) -> JSON:
    if not isinstance(left, Mapping) or not isinstance(right, Mapping):
        return left if isinstance(left, Mapping) else right
    shared = {name: {"allOf": [left[name], right[name]]} for name in left if name in right}
    return {**left, **right, **shared}


def _types(node: JSONObject) -> Sequence[JSON]:
    """Return the node's types, inferred from its other keywords if it names none."""
    declared = node.get("type")
    if declared is not None:
        listed = declared if not isinstance(declared, str | Mapping) else [declared]
        nullable: list[JSON] = ["null"] if node.get("nullable") is True else []
        return [*_items(listed), *nullable] or ["any"]
    values = [*_items(node.get("enum")), *([node["const"]] if "const" in node else [])]
    if values:
        return list(dict.fromkeys(_type_of(value) for value in values))
    for key, name in (("properties", "object"), ("additionalProperties", "object"), ("items", "array")):
        if key in node:
            return [name]
    if node.get("format") in _FORMATS or node.get("format") in _DECIMAL_FORMATS:
        return ["string"]
    return ["number"] if "multipleOf" in node else ["any"]


def _type_of(value: JSON) -> str:
    if isinstance(value, Mapping):
        return "object"
    return _TYPE_NAMES.get(type(value), "array")


def _string(node: JSONObject) -> Shape:
    name = node.get("format")
    if name in _DECIMAL_FORMATS:
        return _singer_decimal(node)
    return Shape(_FORMATS.get(name, "text") if isinstance(name, str) else "text")


def _singer_decimal(node: JSONObject) -> Shape:
    precision, scale = _natural(node.get("precision")), _natural(node.get("scale"))
    if scale is None:
        scale = _scale_of(node.get("multipleOf"))
    if precision is not None:
        scale = scale or 0
        return decimal(precision - scale, scale)
    return decimal(None if scale is None else MAX_DIGITS - scale, scale)


def _number(node: JSONObject) -> Shape:
    if node.get("format") in _DECIMAL_FORMATS or {"precision", "scale"} <= set(node):
        return _singer_decimal(node)
    scale = _scale_of(node.get("multipleOf"))
    if scale is None:
        return Shape("double")
    # Bounds only decide whether 38 digits are enough: a column that is widened upstream later must still fit.
    digits = max((bound.adjusted() + 1 for bound in _bounds(node)), default=0)
    return decimal(max(digits, MAX_DIGITS - scale), scale)


def _integer(node: JSONObject) -> Shape:
    if node.get("format") in _DECIMAL_FORMATS:
        return _singer_decimal(node)
    widest = max((abs(bound) for bound in _bounds(node)), default=Decimal(0))
    # 2**63 is what becomes of 2**63 - 1 in a schema that went through floats, and prints as a little more.
    if widest <= _INT64 or float(widest) == float(_INT64):
        return Shape("bigint")
    digits = widest.adjusted() + 1
    if digits > MAX_DIGITS:
        return Shape("text", note=f"integers of {digits} digits exceed every numeric type")
    return decimal(digits, 0)


def _bounds(node: JSONObject) -> list[Decimal]:
    keys = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    return [bound for key in keys if (bound := _exact(node.get(key))) is not None]


def _scale_of(multiple_of: JSON) -> int | None:
    step = _exact(multiple_of)
    if step is None or step <= 0:
        return None
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else None


def _exact(value: JSON) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        exact = Decimal(str(value))
    except (InvalidOperation, ValueError):  # `str` refuses integers of more than 4,300 digits.
        return None
    return exact if exact.is_finite() else None


def _natural(value: JSON) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


_SCALARS: Final[Mapping[str, Callable[[JSONObject], Shape]]] = {
    "null": lambda _: Shape("null"),
    "boolean": lambda _: Shape("bool"),
    "integer": _integer,
    "number": _number,
    "string": _string,
}


def _sql_override(shape: Shape, sql_type: JSON) -> Shape:
    """Apply the SDK's `x-sql-datatype`; a name that is unknown or cannot hold the value changes nothing."""
    if not isinstance(sql_type, str) or shape.kind == "null":
        return shape
    match = _SQL_TYPE.fullmatch(sql_type)
    kind = _SQL_KINDS.get(match[1].lower()) if match else None
    if match is None or kind is None or (shape.kind in _STRUCTURES and kind not in ("json", "text")):
        return shape
    if kind != "decimal":
        return Shape(kind, description=shape.description)
    precision, scale = (int(group) if group else None for group in match.groups()[1:])
    sized = decimal(None, None) if precision is None else decimal(precision - (scale or 0), scale or 0)
    return replace(sized, description=shape.description)
