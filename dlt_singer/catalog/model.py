"""A Singer catalog as immutable values over the tap's own JSON, which is kept verbatim.

Reads both dialects: `metadata` lists, and the older `properties.json` with `selected` and `inclusion` inside
the schema. Knows nothing of rules; a changed catalog is a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from dlt_singer._types import JSON, JSONObject
from dlt_singer.errors import CatalogError, UnknownStreamError, did_you_mean

Breadcrumb: TypeAlias = tuple[str, ...]
"""Where in the schema a metadata entry belongs; `()` is the stream."""
PropertyPath: TypeAlias = tuple[str, ...]
"""A property's name after those of the objects around it."""


@dataclass(frozen=True)
class Stream:
    """One entry of a catalog.

    Attributes:
        document: The entry as the tap wrote it.
    """

    document: JSONObject

    @property
    def id(self) -> str:
        """The `tap_stream_id`, by which rules, state and users know the stream."""
        return str(self.document.get("tap_stream_id") or self.document.get("stream") or "")

    @property
    def name(self) -> str:
        """The name in the stream's messages."""
        return str(self.document.get("stream") or self.id)

    @property
    def schema(self) -> JSONObject:
        """The JSON schema of the records; empty if the tap gave none."""
        return _object(self.document.get("schema"))

    @cached_property
    def metadata(self) -> dict[Breadcrumb, JSONObject]:
        """All metadata entries; two of one breadcrumb are merged."""
        found: dict[Breadcrumb, JSONObject] = {}
        for entry in _list(self.document.get("metadata")):
            if isinstance(entry, Mapping):
                breadcrumb = tuple(str(part) for part in _list(entry.get("breadcrumb")))
                found[breadcrumb] = {**found.get(breadcrumb, {}), **_object(entry.get("metadata"))}
        return found

    @property
    def key_properties(self) -> tuple[str, ...]:
        """Names of the key properties, the tap's or the user's for a view."""
        root = self._root
        candidates = (
            root.get("table-key-properties"), root.get("view-key-properties"), self.document.get("key_properties")
        )  # fmt: skip
        return next((tuple(str(key) for key in _list(keys)) for keys in candidates if _list(keys)), ())

    @property
    def replication_method(self) -> str | None:
        """What the tap forces, else what was chosen; in capitals, as the specification has it.

        FULL_TABLE for a view of a database that names nothing: it has no log, and is not read by a key.
        """
        chosen = self._chosen("forced-replication-method", "replication-method", "replication_method")
        if chosen is None and self.is_view and self.replication_key is None:
            return "FULL_TABLE"
        return None if chosen is None else chosen.upper()

    @property
    def replication_key(self) -> str | None:
        """The bookmark property."""
        return self._chosen("replication-key", "replication_key")

    @property
    def is_view(self) -> bool:
        """Whether it is a view of a database."""
        return True in (self._root.get("is-view"), self.document.get("is_view"))

    @property
    def parent(self) -> str | None:
        """Id of the stream that the tap must read to get at this one."""
        return self._chosen("parent-tap-stream-id", "parent_tap_stream_id")

    @property
    def is_legacy(self) -> bool:
        """Whether the tap looks for `selected` in the stream and its schema instead of in metadata."""
        return "metadata" not in self.document or "selected" in self.document or "selected" in self.schema

    @cached_property
    def properties(self) -> dict[Breadcrumb, PropertyPath]:
        """All properties by breadcrumb: those of the schema, then those only metadata knows, with their parents."""
        found = dict(_nested(self.schema, ()))
        for breadcrumb in self.metadata:
            for length in range(2, len(breadcrumb) + 1):
                if breadcrumb[length - 2] == "properties":
                    found.setdefault(breadcrumb[:length], _property_path(breadcrumb[:length]))
        return found

    def inclusion(self, breadcrumb: Breadcrumb) -> str:
        """Return `automatic`, `available` or `unsupported`."""
        described = self.metadata.get(breadcrumb, {}).get("inclusion")
        if described is None:
            described = _at(self.schema, breadcrumb).get("inclusion")
        return str(described or "available")

    def with_document(self, **changes: JSON) -> Stream:
        """Return the stream with other top-level values."""
        return replace(self, document={**self.document, **changes})

    def with_metadata(self, changes: Mapping[Breadcrumb, JSONObject]) -> Stream:
        """Return the stream with `changes` merged into its metadata, new breadcrumbs last."""
        left = dict(changes)
        entries: list[JSON] = []
        for entry in _list(self.document.get("metadata")):
            breadcrumb = _breadcrumb(entry)
            if isinstance(entry, Mapping) and breadcrumb in left:
                merged = {**_object(entry.get("metadata")), **left.pop(breadcrumb)}
                entries.append({**entry, "metadata": merged})
            else:
                entries.append(entry)
        entries += [{"breadcrumb": list(crumb), "metadata": dict(values)} for crumb, values in left.items()]
        return self.with_document(metadata=entries)

    @property
    def _root(self) -> JSONObject:
        return self.metadata.get((), {})

    def _chosen(self, *keys: str) -> str | None:
        values = [*(self._root.get(key) for key in keys), *(self.document.get(key) for key in keys)]
        return next((str(value) for value in values if value), None)


@dataclass(frozen=True)
class Catalog:
    """What a tap can read.

    Attributes:
        streams: The entries, in the tap's order.
        document: All else the tap wrote at the top level.
    """

    streams: tuple[Stream, ...]
    document: JSONObject

    @classmethod
    def parse(cls, document: JSON) -> Catalog:
        """Return the catalog in a tap's JSON.

        Raises:
            CatalogError: It is no object with a list of streams, each with a name.

        >>> Catalog.parse({"streams": [{"stream": "users", "schema": {}}]}).stream_ids
        ('users',)
        """
        entries = document.get("streams") if isinstance(document, Mapping) else None
        if not isinstance(document, Mapping) or not _is_list(entries):
            raise CatalogError("The catalog is no JSON object with a list of `streams`.", "Discover it again.")
        streams = tuple(Stream(entry) for entry in _list(entries) if isinstance(entry, Mapping))
        if len(streams) != len(_list(entries)) or not all(stream.id for stream in streams):
            raise CatalogError(
                "The catalog has a stream without `tap_stream_id` and `stream`.", "Discover it again."
            )
        return cls(streams, document)

    def to_json(self) -> dict[str, JSON]:
        """Return the catalog as the tap wants to read it."""
        return {**self.document, "streams": [stream.document for stream in self.streams]}

    @cached_property
    def stream_ids(self) -> tuple[str, ...]:
        """The ids of all streams."""
        return tuple(stream.id for stream in self.streams)

    @cached_property
    def by_id(self) -> Mapping[str, Stream]:
        """The streams by id."""
        return {stream.id: stream for stream in reversed(self.streams)}

    def stream(self, stream_id: str) -> Stream:
        """Return the stream of that id.

        Raises:
            UnknownStreamError: There is none.
        """
        if stream_id in self.by_id:
            return self.by_id[stream_id]
        ids = self.stream_ids
        raise UnknownStreamError(
            f"The tap has no stream '{stream_id}'.",
            f"{did_you_mean(stream_id, ids)} It has: {', '.join(sorted(ids)[:20])}.".lstrip(),
        )

    def ancestors(self, stream_ids: Iterable[str]) -> tuple[str, ...]:
        """Return the ids of streams that must be read for `stream_ids` but are not among them."""
        by_id = self.by_id
        wanted = dict.fromkeys(stream_ids)
        ancestors: dict[str, None] = {}
        for stream_id in wanted:
            parent = by_id[stream_id].parent if stream_id in by_id else None
            while parent is not None and parent in by_id and parent not in wanted and parent not in ancestors:
                ancestors[parent] = None
                parent = by_id[parent].parent
        return tuple(ancestors)

    def with_streams(self, streams: Iterable[Stream]) -> Catalog:
        """Return the catalog with other streams."""
        return replace(self, streams=tuple(streams))


def _nested(schema: JSONObject, parents: Breadcrumb) -> Iterator[tuple[Breadcrumb, PropertyPath]]:
    for name, inner in _object(schema.get("properties")).items():
        breadcrumb = (*parents, "properties", name)
        yield breadcrumb, breadcrumb[1::2]
        yield from _nested(_object(inner), breadcrumb)


def _property_path(breadcrumb: Breadcrumb) -> PropertyPath:
    """Return the names in a breadcrumb such as `properties, tags, items, properties, id`."""
    names: list[str] = []
    parts = iter(breadcrumb)
    for keyword in parts:
        if keyword == "properties":
            names.extend(name for name in (next(parts, None),) if name is not None)
    return tuple(names)


def _at(schema: JSONObject, breadcrumb: Breadcrumb) -> JSONObject:
    for part in breadcrumb:
        schema = _object(schema.get(part))
    return schema


def _breadcrumb(entry: JSON) -> Breadcrumb:
    return tuple(str(part) for part in _list(entry.get("breadcrumb"))) if isinstance(entry, Mapping) else ("",)


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, Mapping) else {}


def _is_list(value: JSON) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _list(value: JSON) -> Sequence[JSON]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
