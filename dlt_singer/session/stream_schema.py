"""A stream's SCHEMA and options made into what the host needs: column hints, and rows from a batch. Pure.

Rows are decoded, deselected properties removed, keys checked. Columns are those of the SCHEMA, in the types a
table that is there already has, and technical ones: `_sdc_sequence` where the last record of a key must win,
`_sdc_table_version` on request, `_sdc_deleted_at` for deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import msgspec
import pyarrow as pa

from dlt_singer._types import JSON
from dlt_singer.decode import NotExact, RowDecoder
from dlt_singer.decode.arrow import ArrowDecoder
from dlt_singer.decode.arrow_table import Tables
from dlt_singer.errors import MessageError, TapProtocolError
from dlt_singer.hints import ColumnHint, DataType, Disposition, Path, TableHints, stream_hints
from dlt_singer.hints.table import column_name
from dlt_singer.messages import Schema
from dlt_singer.session.feed import Rows

SEQUENCE = "_sdc_sequence"
VERSION = "_sdc_table_version"
DELETED_AT = "_sdc_deleted_at"

StoredColumns: TypeAlias = Callable[[Path], Mapping[str, ColumnHint]]
"""The columns that the table at a path has already, `()` being the stream's own."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What is known of a stream besides its SCHEMA.

    Attributes:
        stream: Its name.
        tap: The tap's name, for errors.
        replication_method: From the catalog.
        replication_key: From the catalog; else the SCHEMA's first bookmark property.
        key_properties: Stand in for a SCHEMA that names none.
        users_keys: Keys the user has set; they win over the SCHEMA's.
        schema_overrides: JSON schemas of properties that replace the tap's.
        deselected: Properties that are removed if the tap sends them all the same.
        deletes: How `_sdc_deleted_at` is obeyed: `hard`, `soft` or `off`.
        version_column: Keep the table version of each row in `_sdc_table_version`.
        max_table_nesting: dlt's limit for nested tables.
        backend: `arrow`, `rows`, or `auto` for Arrow where it is exact.
        normalize: dlt's naming convention for one identifier.
    """

    stream: str
    tap: str = ""
    replication_method: str | None = None
    replication_key: str | None = None
    key_properties: tuple[str, ...] = ()
    users_keys: tuple[str, ...] = ()
    schema_overrides: Mapping[str, JSON] = field(default_factory=dict)
    deselected: Collection[str] = ()
    deletes: str = "soft"
    version_column: bool = False
    max_table_nesting: int | None = None
    backend: str = "auto"
    normalize: Callable[[str], str] = str


class StreamSchema:
    """Rows and hints of one stream under one SCHEMA.

    Args:
        schema: The SCHEMA.
        options: What else is known.
        stored: Says which columns the stream's table has already, or a child table at a path. Their types stay:
            a database keeps a column as it was made, and would round or refuse what another type lets through.
            What does not fit goes to a variant column, as dlt has it.

    Raises:
        SchemaError: A key is no property, or two properties share a column.
        TapProtocolError: The schema is no JSON object.
    """

    def __init__(self, schema: Schema, options: StreamOptions, stored: StoredColumns) -> None:
        self.options = options
        self.schema = schema
        self.key_properties = options.users_keys or tuple(schema.key_properties or options.key_properties)
        self.replication_key = options.replication_key or next(iter(schema.bookmark_properties or ()), None)
        json_schema = self._json_schema()
        properties = self._properties(json_schema.get("properties"))
        declared = stream_hints(
            {**json_schema, "properties": properties},
            self.key_properties,
            options.replication_method,
            stream=options.stream,
            max_table_nesting=options.max_table_nesting,
            normalize=options.normalize,
        )
        table = _as_stored(declared, stored, options.normalize)
        self.hints = replace(
            declared,
            columns=table.columns,
            paths=table.paths,
            children=table.children,
            warnings=(*declared.warnings, *_retyped(options.stream, declared, stored), *self._doubts()),
        )
        self._decoder = RowDecoder(self.hints, options.deselected)

    @property
    def disposition(self) -> Disposition:
        """How the stream's table is written if the user does not say."""
        return self.hints.disposition

    @property
    def repeats_rows(self) -> bool:
        """Whether runs overlap in rows that no key can tell apart: the tap repeats the rows at its bookmark."""
        return self.options.replication_method == "INCREMENTAL" and not self.key_properties

    def columns(self, *, merges: bool) -> dict[str, ColumnHint]:
        """Return the column hints as of the rows decoded so far, technical columns included."""
        return {**self.hints.columns, **self._decoder.variants, **self._technical_columns(merges=merges)}

    def child_columns(self) -> dict[Path, dict[str, ColumnHint]]:
        """Return the column hints of child tables as of the rows decoded so far, parents first."""
        variants = self._decoder.child_variants
        return {path: {**table.columns, **variants.get(path, {})} for path, table in self.hints.descendants()}

    def table(self, batch: Rows) -> Tables:
        """Decode a batch as Arrow; may be called in several threads.

        Raises:
            NotExact: Rows must be made of it.
        """
        tables = self.arrow.decode(batch.pieces)
        for key in self.hints.primary_key:
            if tables.root[key].null_count:
                raise NotExact("a record lacks its key", key)
        if self.options.version_column:
            return tables.with_root(
                lambda root: with_column(root, VERSION, pa.repeat(pa.scalar(batch.version, pa.int64()), len(root)))
            )
        return tables

    @cached_property
    def arrow(self) -> ArrowDecoder:
        """What decodes batches as Arrow; made by one thread before others use it, as msgspec asks for."""
        return ArrowDecoder(self.hints, self.options.deselected)

    def rows(self, batch: Rows) -> list[dict[str, object]]:
        """Decode a batch.

        Raises:
            TapProtocolError: A record is no JSON object or lacks its key.
        """
        try:
            rows = self._decoder.decode(batch.raws)
        except MessageError as err:
            tap = f"{self.options.tap}, stream" if self.options.tap else "Stream"
            raise TapProtocolError(f"{tap} '{self.options.stream}': {err.reason}", err.remedy) from None
        self._check_keys(batch, rows)
        if self.options.version_column:
            for row in rows:
                row[VERSION] = batch.version
        return rows

    def _doubts(self) -> Iterator[str]:
        if not (self.key_properties or self.replication_key or self.options.replication_method):
            yield (
                f"Stream '{self.options.stream}' has no key and declares no replication method, so each run "
                "appends to it. If the tap sends it whole every time, say so: metadata: "
                f"{{{self.options.stream}: {{replication-method: FULL_TABLE}}}}."
            )

    def _json_schema(self) -> dict[str, JSON]:
        try:
            schema: dict[str, JSON] = msgspec.json.decode(self.schema.schema, type=dict)
        except msgspec.ValidationError:
            raise TapProtocolError(
                f"The SCHEMA of stream '{self.options.stream}' holds no JSON object as its schema.",
                "Report it to the tap's maintainers.",
            ) from None
        return schema

    def _properties(self, declared: JSON) -> dict[str, JSON]:
        """Return the properties that are loaded, with the user's word over the tap's."""
        own = declared if isinstance(declared, Mapping) else {}
        kept = {name: value for name, value in own.items() if name not in self.options.deselected}
        return {**kept, **self.options.schema_overrides}

    def _check_keys(self, batch: Rows, rows: list[dict[str, object]]) -> None:
        for key in self.key_properties:
            for position, row in enumerate(rows):
                if row.get(key) is None:
                    raise TapProtocolError(
                        f"Record {batch.first + position + 1} of stream '{self.options.stream}' has no value "
                        f"for its key '{key}'.",
                        "Nothing was loaded. Set other `key-properties` for the stream under `metadata`, "
                        "or report it to the tap's maintainers.",
                    )

    def _technical_columns(self, *, merges: bool) -> dict[str, ColumnHint]:
        columns: dict[str, ColumnHint] = {}
        if merges:
            columns[SEQUENCE] = _column(SEQUENCE, "bigint", "Order of arrival; the last record of a key wins.")
            columns[SEQUENCE]["dedup_sort"] = "desc"
        if self.options.version_column:
            columns[VERSION] = _column(VERSION, "bigint", "The tap's table version.")
        if self.options.replication_method == "LOG_BASED" and self.options.deletes != "off":
            columns[DELETED_AT] = _column(DELETED_AT, "timestamp", "When the source deleted the row.")
        if merges and self.options.deletes == "hard":
            deleted = columns.get(DELETED_AT) or self.hints.columns.get(DELETED_AT)
            if deleted is not None:
                columns[DELETED_AT] = {**deleted, "hard_delete": True}
        return columns


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Return a table with a column at its end, in place of one of that name."""
    return (table.drop_columns([name]) if name in table.column_names else table).append_column(name, values)


def _as_stored(
    table: TableHints, stored: StoredColumns, normalize: Callable[[str], str], at: Path = ()
) -> TableHints:
    """Return a table in the types it has in the database, as far as it is there."""
    there = stored(at)
    columns = {name: _typed_as(column, there.get(name, {})) for name, column in table.columns.items()}
    paths, children = dict(table.paths), {}
    for path, child in table.children.items():
        name = column_name(path, normalize)
        if there.get(name, {}).get("data_type") == "json":
            # dlt makes no child table of what is a json column already.
            columns[name] = ColumnHint(name=name, nullable=True, data_type="json")
            paths[path] = name
        else:
            children[path] = _as_stored(child, stored, normalize, (*at, *path))
    return replace(table, columns=columns, paths=paths, children=children)


def _typed_as(column: ColumnHint, stored: ColumnHint) -> ColumnHint:
    if "data_type" not in stored:
        return column
    ours: ColumnHint = {**column, "data_type": stored["data_type"]}
    ours.pop("precision", None)
    ours.pop("scale", None)
    if "precision" in stored:
        ours["precision"] = stored["precision"]
    if "scale" in stored:
        ours["scale"] = stored["scale"]
    return ours


def _retyped(stream: str, declared: TableHints, stored: StoredColumns) -> Iterator[str]:
    for at, table in (((), declared), *declared.descendants()):
        there = stored(at)
        for name, column in table.columns.items():
            before, now = there.get(name, {}).get("data_type"), column.get("data_type")
            if before is not None and before != now:
                where = ".".join((*at, name))
                yield (
                    f"Stream '{stream}', column '{where}': the tap now says {now}, the table has {before}; "
                    f"values that are no {before} go to a column '{name}__v_...'."
                )


def _column(name: str, data_type: DataType, description: str) -> ColumnHint:
    return ColumnHint(name=name, data_type=data_type, nullable=True, description=description)
