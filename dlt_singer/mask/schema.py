"""What a JSON schema says of masked properties: which are there, and that they are strings from now on.

Looks through `$ref`, `anyOf`, `oneOf`, `allOf` and the items of arrays; changes nothing that no rule reaches.
Pure; a changed schema is a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import is_
from typing import TypeAlias

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog.model import PropertyPath
from dlt_singer.hints.references import target_of
from dlt_singer.mask.rules import Effect, Level, matches

_References: TypeAlias = "frozenset[str]"
_COMBINED = ("anyOf", "oneOf", "allOf")
_ARRAYS = ("items", "prefixItems")
# They would tell of names or values as they were.
_OUTDATED = frozenset({
    "enum", "const", "default", "example", "examples", "if", "then", "else", "not", "contains", "dependencies",
    "dependentSchemas",
})  # fmt: skip
_STRING: JSONObject = {"type": ["string", "null"]}
_MOST_NAMES = 500


def masked_schema(schema: JSONObject, level: Level) -> JSONObject:
    """Return the schema with every masked property a nullable string; the very same if there is none.

    Args:
        schema: The JSON schema of a stream's records.
        level: What is masked.

    >>> masked_schema({"properties": {"id": {"type": "integer"}}}, Level([(("id",), "sha256")]))
    {'properties': {'id': {'type': ['string', 'null']}}}
    """
    masked = _masked(schema, schema, level, frozenset())
    return masked if isinstance(masked, Mapping) else schema


def has_property(schema: JSONObject, path: PropertyPath) -> bool:
    """Tell whether a property that the patterns match is declared, or may be there since nothing is.

    Args:
        schema: The JSON schema of a stream's records.
        path: Patterns of names, outermost first.
    """
    return _has(schema, [schema], path)


def property_names(schema: JSONObject) -> list[str]:
    """Return the names of properties, nested ones after those around them, for a person to choose from."""
    names: list[str] = []
    levels: list[tuple[PropertyPath, list[JSON]]] = [((), [schema])]
    while levels and len(names) < _MOST_NAMES:
        path, nodes = levels.pop(0)
        for name, inner in _properties(schema, nodes).items():
            names.append(".".join((*path, name)))
            levels.append(((*path, name), inner))
    return names


def _has(document: JSONObject, nodes: Sequence[JSON], path: PropertyPath) -> bool:
    properties = _properties(document, nodes)
    if not properties:
        return any(_is_open(node) for node in _branches(document, nodes))
    found = [inner for name, inner in properties.items() if matches(name, path[0])]
    return bool(found) if len(path) == 1 else any(_has(document, inner, path[1:]) for inner in found)


def _properties(document: JSONObject, nodes: Sequence[JSON]) -> dict[str, list[JSON]]:
    """Return the properties of an object that any of `nodes` describes, each with all that is said of it."""
    found: dict[str, list[JSON]] = {}
    for node in _branches(document, nodes):
        properties = node.get("properties")
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            found.setdefault(name, []).append(inner)
    return found


def _branches(
    document: JSONObject, nodes: Sequence[JSON], references: _References = frozenset()
) -> Iterator[JSONObject]:
    """Yield `nodes` and all that they refer to, combine, or have as items."""
    for node in nodes:
        if not isinstance(node, Mapping):
            continue
        yield node
        inner = [part for key in (*_COMBINED, *_ARRAYS) for part in _parts(node.get(key))]
        reference = node.get("$ref")
        if isinstance(reference, str) and reference not in references:
            yield from _branches(document, [target_of(reference, document)], references | {reference})
        yield from _branches(document, inner, references)


def _is_open(node: JSONObject) -> bool:
    """Tell whether objects are allowed without a word about their properties."""
    kind = node.get("type")
    if kind is None:
        return not {"$ref", *_COMBINED, *_ARRAYS, "enum", "const"} & node.keys()
    kinds = _parts(kind) or [kind]
    return "object" in kinds or ("array" in kinds and not {*_ARRAYS} & node.keys())


def _masked(document: JSONObject, node: JSON, level: Level, references: _References) -> JSON:
    """Return what a node says once its properties are masked; the very same node if none is."""
    if not isinstance(node, Mapping):
        return node
    changed = {
        key: after
        for key, before in node.items()
        if (after := _masked_keyword(document, key, before, level, references)) is not before
    }
    dropped = _of_unknown_names(node, level)
    reference = node.get("$ref")
    # One that leads back to itself, and through no property, has been looked at.
    if isinstance(reference, str) and reference not in references:
        target = target_of(reference, document)
        masked = _masked(document, target, level, references | {reference})
        if masked is not target:
            dropped |= {"$ref"}
            changed["allOf"] = [masked, *_parts(changed.get("allOf", node.get("allOf")))]
    if not changed and not dropped:
        return node
    kept = {key: value for key, value in node.items() if key not in _OUTDATED and key not in dropped}
    return {**kept, **changed}


def _masked_keyword(document: JSONObject, key: str, value: JSON, level: Level, references: _References) -> JSON:
    if key == "properties" and isinstance(value, Mapping):
        properties = {name: _masked_property(document, inner, level[name]) for name, inner in value.items()}
        return value if all(properties[name] is inner for name, inner in value.items()) else properties
    if key in _ARRAYS or key in _COMBINED:
        if not _is_list(value):
            return _masked(document, value, level, references)
        parts = [_masked(document, part, level, references) for part in _parts(value)]
        return value if all(map(is_, parts, _parts(value))) else parts
    return value


def _masked_property(document: JSONObject, schema: JSON, action: Effect | Level | None) -> JSON:
    if action is None:
        return schema
    if isinstance(action, Level):
        return _masked(document, schema, action, frozenset())
    described = schema.get("description") if isinstance(schema, Mapping) else None
    return {**_STRING, "description": described} if isinstance(described, str) else _STRING


def _of_unknown_names(node: JSONObject, level: Level) -> set[str]:
    """Return the keywords that give a type to properties without a name, if one of those may be masked."""
    declared = node.get("properties")
    named = set(declared) if isinstance(declared, Mapping) else set()
    stated = {key for key in ("additionalProperties", "patternProperties") if isinstance(node.get(key), Mapping)}
    return stated if any(path[0] not in named for path, _ in level.rules) else set()


def _is_list(value: JSON) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _parts(value: JSON) -> Sequence[JSON]:
    """Return a keyword's schemas: one, or a list of them."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return [value] if isinstance(value, Mapping) else []
