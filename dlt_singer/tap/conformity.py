"""Whether a JSON value is what its JSON schema says, in the part of JSON schema that taps use. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from dlt_singer._types import JSON, JSONObject

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "object": (dict,),
    "array": (list,), "null": (type(None),),
}  # fmt: skip


def misfits(value: JSON, schema: JSON, path: str = "") -> Iterator[str]:
    """Yield where a value is not as its schema says: a path and the kind of misfit, never the value.

    Args:
        value: The value.
        schema: Its schema; what is not understood fits.
        path: What leads to the value.

    Example:
        >>> list(misfits({"id": "x"}, {"properties": {"id": {"type": "integer"}}}))
        ['id: a string where integer is declared']
    """
    if not isinstance(schema, Mapping):
        return
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        if isinstance(branches, Sequence) and branches and not any(_fits(value, branch) for branch in branches):
            yield f"{path or 'the record'}: fits none of {key}"
            return
    kinds = _kinds(schema)
    if kinds and not any(_is_a(value, kind) for kind in kinds):
        yield f"{path or 'the record'}: {_kind_of(value)} where {' or '.join(kinds)} is declared"
        return
    if isinstance(value, dict):
        yield from _misfits_of_properties(value, schema, path)
    elif isinstance(value, list):
        for item in value:
            yield from misfits(item, schema.get("items"), f"{path}[]")
    elif isinstance(value, str) and (form := _form_missed(value, schema)):
        yield f"{path}: a string that is no {form}"


def _misfits_of_properties(value: Mapping[str, JSON], schema: JSONObject, path: str) -> Iterator[str]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    for name, child in value.items():
        yield from misfits(child, known.get(name), f"{path}.{name}" if path else name)
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in value:
            yield f"{path}.{name}: required and not there" if path else f"{name}: required and not there"


def _fits(value: JSON, schema: JSON) -> bool:
    return next(misfits(value, schema), None) is None


def _kinds(schema: JSONObject) -> list[str]:
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else [str(each) for each in kind] if isinstance(kind, list) else []


def _is_a(value: JSON, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS.get(kind, (object,)))


def _kind_of(value: JSON) -> str:
    names = {bool: "a boolean", str: "a string", int: "an integer", float: "a number", dict: "an object"}
    return "null" if value is None else names.get(type(value), "an array")


def _form_missed(value: str, schema: JSONObject) -> str:
    """Return the format that a string is not of; empty if it is, or nobody can tell."""
    form = schema.get("format")
    readers = {"date-time": dt.datetime.fromisoformat, "date": dt.date.fromisoformat}
    read = readers.get(str(form))
    if read is None:
        return ""
    try:
        # Python 3.10 knows neither Z nor fractions of other lengths than three and six.
        read(value if form == "date" else value.strip().replace("Z", "+00:00").partition(".")[0])
    except ValueError:
        return str(form)
    return ""
