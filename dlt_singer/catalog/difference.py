"""What has changed between two catalogs of a tap, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from dlt_singer._types import JSON
from dlt_singer.catalog.model import Catalog, Stream


def difference(before: Catalog, now: Catalog) -> tuple[str, ...]:
    """Return one sentence for each stream and property that came, went or changed.

    >>> old = Catalog.parse({"streams": [{"stream": "users"}]})
    >>> new = Catalog.parse({"streams": [{"stream": "users"}, {"stream": "logs"}]})
    >>> difference(old, new)
    ('logs: new stream',)
    """
    return tuple(_changes(before, now))


def _changes(before: Catalog, now: Catalog) -> Iterator[str]:
    for name in dict.fromkeys((*before.stream_ids, *now.stream_ids)):
        if name not in before.by_id:
            yield f"{name}: new stream"
        elif name not in now.by_id:
            yield f"{name}: gone"
        else:
            yield from (f"{name}{change}" for change in _changes_within(before.by_id[name], now.by_id[name]))


def _changes_within(before: Stream, now: Stream) -> Iterator[str]:
    for what, old, new in (
        ("keys", ", ".join(before.key_properties), ", ".join(now.key_properties)),
        ("replication method", before.replication_method, now.replication_method),
        ("replication key", before.replication_key, now.replication_key),
    ):
        if old != new:
            yield f": {what} was {old or 'none'}, is {new or 'none'}"
    for crumb in dict.fromkeys((*before.properties, *now.properties)):
        path = ".".join((before.properties | now.properties)[crumb])
        if crumb not in before.properties:
            yield f".{path}: new property"
        elif crumb not in now.properties:
            yield f".{path}: gone"
        elif (old := _type_at(before, crumb)) != (new := _type_at(now, crumb)):
            yield f".{path}: type was {old}, is {new}"


def _type_at(stream: Stream, crumb: tuple[str, ...]) -> str:
    schema: JSON = stream.schema
    for part in crumb:
        schema = schema.get(part) if isinstance(schema, dict) else None
    if not isinstance(schema, dict):
        return "unknown"
    kind = schema.get("type")
    kinds = sorted(map(str, kind)) if isinstance(kind, list) else [str(kind or "any")]
    form = schema.get("format")
    return "/".join(kinds) + (f" ({form})" if form else "")
