"""The user's word over the tap's: `metadata` and `schema` of alto.yaml laid over a catalog.

A catalog in, a new one out, and a warning for each glob that matches nothing. Selection is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog.model import Catalog, Stream
from dlt_singer.catalog.rules import Rule, parse_rule, unmatched
from dlt_singer.errors import SelectionError, did_you_mean

_METHODS = ("FULL_TABLE", "INCREMENTAL", "LOG_BASED")
_LIFTED = {
    "replication-method": "replication_method",
    "replication-key": "replication_key",
    "table-key-properties": "key_properties",
}
_NOT_FOR_TAPS = ("selected", "dagster")
"""Selection is the business of `select`; how an orchestrator shows a stream is none of the tap's."""


def with_metadata(catalog: Catalog, overrides: Mapping[str, JSONObject]) -> tuple[Catalog, tuple[str, ...]]:
    """Merge values into the metadata of streams and properties.

    `replication-method`, `replication-key` and the keys (`key-properties` or `table-key-properties`) are also set
    on the stream itself, where older taps look; `selected` is left to `select`, `dagster` to the assets.

    Args:
        catalog: What the tap discovered.
        overrides: Values by stream or `stream.property`, both may be globs; later ones win.

    Returns:
        The new catalog, and warnings.

    Raises:
        SelectionError: A literal name is not in the catalog.
    """
    warnings: list[str] = []
    for key, values in overrides.items():
        rule = parse_rule(key, catalog.stream_ids)
        _check_method(key, values)
        warnings.append(unmatched(rule, catalog))
        catalog = catalog.with_streams(
            _overridden(stream, rule, _normal(values)) if rule.matches_stream(stream.id) else stream
            for stream in catalog.streams
        )
    return catalog, tuple(filter(None, warnings))


def with_schema(catalog: Catalog, overrides: Mapping[str, JSONObject]) -> tuple[Catalog, tuple[str, ...]]:
    """Replace, or add, the JSON schemas of properties.

    Args:
        catalog: What the tap discovered.
        overrides: JSON schemas by property name, by stream (may be a glob).

    Returns:
        The new catalog, and warnings.

    Raises:
        SelectionError: A literal stream is not in the catalog.
    """
    warnings: list[str] = []
    for key, schemas in overrides.items():
        rule = Rule(key, "include", key.replace("\\.", "."), ())
        warnings.append(unmatched(rule, catalog))
        catalog = catalog.with_streams(
            _reschemed(stream, schemas) if rule.matches_stream(stream.id) else stream for stream in catalog.streams
        )
    return catalog, tuple(filter(None, warnings))


def users_keys(overrides: Mapping[str, JSONObject], stream: str) -> tuple[str, ...]:
    """Return the keys that `metadata` sets for a stream, the last rule that does deciding; empty if none does.

    >>> users_keys({"*": {"key-properties": ["id"]}, "users": {"key-properties": ["email"]}}, "users")
    ('email',)
    """
    keys: JSON = None
    for key, values in overrides.items():
        rule = parse_rule(key, (stream,))
        if not rule.path and rule.matches_stream(stream):
            keys = _normal(values).get("table-key-properties", keys)
    return tuple(map(str, keys)) if isinstance(keys, Sequence) and not isinstance(keys, str) else ()


def users_mapping(overrides: Mapping[str, JSONObject], stream: str, key: str) -> dict[str, JSON]:
    """Return what `metadata` says of a stream under a key that holds a mapping, later rules over earlier ones.

    >>> users_mapping({"*": {"dagster": {"a": 1, "b": 1}}, "users": {"dagster": {"b": 2}}}, "users", "dagster")
    {'a': 1, 'b': 2}
    """
    found: dict[str, JSON] = {}
    for text, values in overrides.items():
        rule, value = parse_rule(text, (stream,)), values.get(key)
        if not rule.path and rule.matches_stream(stream) and isinstance(value, Mapping):
            found |= value
    return found


def _normal(values: JSONObject) -> JSONObject:
    hyphenated = {key.replace("_", "-") if key in _LIFTED.values() else key: value for key, value in values.items()}
    renamed = {"table-key-properties" if k == "key-properties" else k: v for k, v in hyphenated.items()}
    return {key: value for key, value in renamed.items() if key not in _NOT_FOR_TAPS}


def _check_method(key: str, values: JSONObject) -> None:
    method = _normal(values).get("replication-method")
    if method is not None and method not in _METHODS:
        raise SelectionError(
            f"`metadata` of '{key}' has the replication-method {method!r}.",
            f"{did_you_mean(str(method), _METHODS)} Singer has {', '.join(_METHODS)}.".lstrip(),
        )


def _overridden(stream: Stream, rule: Rule, values: JSONObject) -> Stream:
    if rule.path:
        crumbs = [
            crumb
            for crumb, path in stream.properties.items()
            if len(path) == len(rule.path) and rule.matches_property(path)
        ]
        return stream.with_metadata(dict.fromkeys(crumbs, values)) if crumbs else stream
    lifted = {_LIFTED[key]: value for key, value in values.items() if key in _LIFTED}
    if stream.is_legacy:
        # The entry gets a metadata list now: this keeps it recognisable as one that reads `selected` elsewhere.
        lifted["selected"] = stream.document.get("selected", False)
    return stream.with_metadata({(): values}).with_document(**lifted)


def _reschemed(stream: Stream, schemas: JSONObject) -> Stream:
    properties = stream.schema.get("properties")
    current = properties if isinstance(properties, Mapping) else {}
    replaced: dict[str, JSON] = {name: _replaced(current.get(name), new) for name, new in schemas.items()}
    return stream.with_document(schema={**stream.schema, "properties": {**current, **replaced}})


def _replaced(old: JSON, new: JSON) -> JSON:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    # What older taps keep in the schema is not a matter of type.
    return {**{key: old[key] for key in ("inclusion", "selected", "description") if key in old}, **new}
