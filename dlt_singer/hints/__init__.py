"""A stream's SCHEMA in, dlt's column hints, primary key and write disposition out.

Pure and without dlt: columns are plain dicts of dlt's `TColumnSchema`. Every property becomes a column,
objects become the flattened columns dlt's normaliser makes of them, arrays its child tables.
Unions that no exact type holds are widened to text or json with one warning each; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dlt_singer._types import JSONObject
from dlt_singer.errors import SchemaError, did_you_mean
from dlt_singer.hints.columns import ColumnHint, DataType, Path, TableHints
from dlt_singer.hints.resolve import Resolver
from dlt_singer.hints.shape import Shape
from dlt_singer.hints.table import TableReader

__all__ = ["ColumnHint", "DataType", "Disposition", "Path", "StreamHints", "TableHints", "stream_hints"]

Disposition: TypeAlias = Literal["replace", "merge", "append"]


@dataclass(frozen=True, slots=True)
class StreamHints(TableHints):
    """All that dlt needs to know about a stream before its first row.

    Attributes:
        primary_key: Column names of the key, in the tap's order.
        disposition: FULL_TABLE replaces, other keyed streams merge, keyless ones append.
        warnings: One sentence for each column whose type is wider than declared.
    """

    primary_key: tuple[str, ...]
    disposition: Disposition
    warnings: tuple[str, ...]


def stream_hints(  # noqa: PLR0913 - the keyword ones are options
    schema: JSONObject,
    key_properties: Sequence[str],
    replication_method: str | None = None,
    *,
    stream: str = "",
    max_table_nesting: int | None = None,
    normalize: Callable[[str], str] = str,
) -> StreamHints:
    """Return the hints for one stream.

    `number` is a double, with `multipleOf` a decimal of that scale; a `date-time` is a timestamp with time
    zone, one without offset is taken as UTC; `{}` is json and `null` is text.

    Args:
        schema: The JSON schema of the stream's records.
        key_properties: Names of the key properties; they become NOT NULL.
        replication_method: FULL_TABLE, INCREMENTAL or LOG_BASED; without one, a keyed stream merges.
        stream: Name of the stream, for errors and warnings.
        max_table_nesting: dlt's limit; objects and arrays beyond it stay in one json column.
        normalize: dlt's naming convention for one identifier (`schema.naming.normalize_path`).

    Returns:
        The hints; `columns` are keyed by normalised name.

    Raises:
        SchemaError: A key is not a plain property, or two properties share a column name.

    >>> schema = {"properties": {"id": {"type": "integer"}, "at": {"format": "date-time"}}}
    >>> hints = stream_hints(schema, ["id"])
    >>> [(name, column["data_type"]) for name, column in hints.columns.items()]
    [('id', 'bigint'), ('at', 'timestamp')]
    """
    root = Resolver(schema).shape(schema)
    keys = tuple(dict.fromkeys(key_properties))
    _check_keys(stream, keys, root.properties)
    reader = TableReader(stream, normalize)
    table = reader.table(root.properties, max_table_nesting, keys)
    primary_key = tuple(table.paths[(key,)] for key in keys)
    disposition = _disposition(replication_method, keys)
    return StreamHints(
        table.columns, table.paths, table.children, table.items, primary_key, disposition, tuple(reader.warnings)
    )


def _disposition(replication_method: str | None, keys: Sequence[str]) -> Disposition:
    if (replication_method or "").upper() == "FULL_TABLE":
        return "replace"
    return "merge" if keys else "append"


def _check_keys(stream: str, keys: Sequence[str], properties: Mapping[str, Shape]) -> None:
    for key in keys:
        if key not in properties:
            raise SchemaError(
                f"Stream '{stream}' has the key property '{key}', which its schema does not have.",
                did_you_mean(key, properties) or "Set the right `key-properties` for the stream under `metadata`.",
            )
        if properties[key].kind in ("object", "array"):
            raise SchemaError(
                f"Stream '{stream}' has the key property '{key}', which is an {properties[key].kind}.",
                "A key must be a single value: set other `key-properties` for the stream under `metadata`.",
            )
