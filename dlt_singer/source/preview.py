"""The tables that a source will make, as far as the catalog tells; the tap is not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from dlt.extract.source import DltSource

from dlt_singer.hints import ColumnHint
from dlt_singer.messages import Schema
from dlt_singer.session.stream_schema import StreamSchema
from dlt_singer.source.steps import streams_of
from dlt_singer.source.table import Table


@dataclass(frozen=True, slots=True)
class TablePreview:
    """What a stream's table will be.

    Attributes:
        tap: The tap, or the partition of it.
        resource: The resource, named like the stream unless somebody said otherwise.
        stream: The stream.
        table: The table, as the destination calls it.
        disposition: How it is written.
        primary_key: The columns of its key.
        columns: Column hints by name.
        warnings: Types that are wider than declared, and other doubts.
    """

    tap: str
    resource: str
    stream: str
    table: str
    disposition: str
    primary_key: tuple[str, ...]
    columns: Mapping[str, ColumnHint]
    warnings: tuple[str, ...]


def tables_of(source: DltSource) -> tuple[TablePreview, ...]:
    """Return the tables of a source's selected streams; a stream that no catalog describes has no columns yet.

    Args:
        source: What `singer` returned.

    Raises:
        SchemaError: A stream's schema makes no table.
    """
    previews = []
    for definition, stream, resource in streams_of(source):
        options = definition.stream_options(stream, resource, source)
        selection = definition.catalog.kept()
        entry = selection.catalog.by_id.get(stream) if selection else None
        schema = Schema(
            stream, msgspec.Raw(msgspec.json.encode(entry.schema if entry else {})), list(options.key_properties)
        )
        shape = StreamSchema(schema, options, lambda _: {})
        table = Table(resource, source.schema, None, feeds_transformer=False)
        disposition = table.disposition(shape.disposition)
        name = source.schema.naming.normalize_table_identifier(str(resource.table_name))
        columns = shape.columns(merges=disposition == "merge" and not table.keeps_history)
        previews.append(
            TablePreview(
                definition.tap.name,
                resource.name,
                stream,
                name,
                disposition,
                shape.hints.primary_key,
                columns,
                shape.hints.warnings,
            )
        )
    return tuple(previews)
