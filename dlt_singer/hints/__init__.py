"""A stream's SCHEMA in, dlt's column hints, primary key and write disposition out.

Pure and without dlt: columns are plain dicts of dlt's `TColumnSchema`. Every property becomes a column,
objects become the flattened columns dlt's normaliser makes of them, arrays are left to its child tables.
Unions that no exact type holds are widened to text or json with one warning each; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypedDict

from dlt_singer._types import JSONObject
from dlt_singer.errors import SchemaError, did_you_mean
from dlt_singer.hints.resolve import Resolver
from dlt_singer.hints.shape import Shape

__all__ = ["ColumnHint", "DataType", "Disposition", "Path", "StreamHints", "stream_hints"]

Path: TypeAlias = tuple[str, ...]
"""A property and the objects around it, outermost first."""
DataType: TypeAlias = Literal["text", "bigint", "double", "decimal", "bool", "timestamp", "date", "time", "json"]
Disposition: TypeAlias = Literal["replace", "merge", "append"]


class ColumnHint(TypedDict, total=False):
    """What we say of a column, in the keys of dlt's `TColumnSchema`."""

    name: str
    data_type: DataType
    nullable: bool
    precision: int
    scale: int
    description: str
    variant: bool
    dedup_sort: Literal["asc", "desc"]
    hard_delete: bool


@dataclass(frozen=True, slots=True)
class StreamHints:
    """All that dlt needs to know about a stream before its first row.

    Attributes:
        columns: Column hints by column name, in the order of the schema.
        primary_key: Column names of the key, in the tap's order.
        disposition: FULL_TABLE replaces, other keyed streams merge, keyless ones append.
        warnings: One sentence for each column whose type is wider than declared.
        paths: Which column the value of a property goes to; objects that are flattened are not listed.
        arrays: Properties that dlt makes a child table of.
    """

    columns: dict[str, ColumnHint]
    primary_key: tuple[str, ...]
    disposition: Disposition
    warnings: tuple[str, ...]
    paths: Mapping[Path, str]
    arrays: tuple[Path, ...] = ()


def stream_hints(  # noqa: PLR0913  # the keyword ones are options
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
    columns: dict[str, ColumnHint] = {}
    paths: dict[Path, str] = {}
    owners: dict[str, Path] = {}
    warnings: list[str] = []
    arrays: list[Path] = []
    for path, shape in _leaves(root.properties, max_table_nesting):
        name = "__".join(normalize(part) if part.strip() else "_empty" for part in path)
        other = owners.setdefault(name, path)
        if other != path:
            raise _collision(stream, name, other, path)
        if shape.kind == "array":
            arrays.append(path)
            continue
        is_key = len(path) == 1 and path[0] in keys
        typed = _typed(shape, is_key=is_key)
        columns[name] = _column(name, typed, nullable=not is_key)
        paths[path] = name
        if typed.note:
            kind = columns[name]["data_type"]
            warnings.append(f"Stream '{stream}', property '{'.'.join(path)}': {typed.note}; the column is {kind}.")
    primary_key = tuple(paths[(key,)] for key in keys)
    disposition = _disposition(replication_method, keys)
    return StreamHints(columns, primary_key, disposition, tuple(warnings), paths, tuple(arrays))


def _leaves(
    properties: Mapping[str, Shape], levels: int | None, parents: Path = ()
) -> Iterator[tuple[Path, Shape]]:
    """Yield what dlt's normaliser makes a column (or child table) of, in the order of the schema."""
    for name, shape in properties.items():
        path = (*parents, name)
        if levels is not None and levels <= 0 and shape.kind in ("object", "array"):
            yield path, Shape("json", description=shape.description, note=shape.note)
        elif shape.kind == "object":
            yield from _leaves(shape.properties, None if levels is None else levels - 1, path)
        else:
            yield path, shape


def _typed(shape: Shape, *, is_key: bool) -> Shape:
    """Give a type to what the schema leaves open, so that a column is there before its first value."""
    if shape.kind == "null":
        return replace(shape, kind="text")
    if shape.kind != "any":
        return shape
    # A key is a plain value, and databases compare texts.
    return replace(shape, kind="text" if is_key else "json", note=shape.note or "it declares no type")


def _column(name: str, shape: Shape, *, nullable: bool) -> ColumnHint:
    column = ColumnHint(name=name, nullable=nullable)
    match shape.kind:
        case "any" | "null" | "object" | "array":  # given a type, flattened, or a table of their own by now
            pass
        case "decimal":
            column |= ColumnHint(data_type="decimal", precision=shape.digits + shape.scale, scale=shape.scale)
        case kind:
            column["data_type"] = kind
    if shape.description:
        column["description"] = shape.description
    return column


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


def _collision(stream: str, column: str, first: Path, second: Path) -> SchemaError:
    names = f"'{'.'.join(first)}' and '{'.'.join(second)}'"
    return SchemaError(
        f"Stream '{stream}': the properties {names} both become the column '{column}'.",
        "Deselect one of them, or choose another dlt naming convention.",
    )
