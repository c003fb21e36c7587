"""What is known of a tap's streams before anything runs: names, tables, columns and options of their assets.

In: a source definition. Out: `StreamAsset`s. Asks no tap, imports neither Dagster nor dlt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dlt_singer._types import JSON
from dlt_singer.catalog import Stream, users_mapping
from dlt_singer.dagster.naming import snake_case
from dlt_singer.dagster.options import AssetOptions, asset_options
from dlt_singer.errors import SchemaError
from dlt_singer.hints import ColumnHint, StreamHints, stream_hints
from dlt_singer.source.definition import Definition


@dataclass(frozen=True, slots=True)
class StreamAsset:
    """One stream, as a translator gets to see it.

    Attributes:
        tap: The tap's name.
        stream: The stream's name.
        dataset: Where its table is.
        table: The table's name, by dlt's default naming convention.
        destination: The destination's name, such as `duckdb`; None if dlt's configuration names it.
        description: The tap's own words; empty without.
        columns: Columns by name; empty if the catalog is not known.
        primary_key: Names of the key columns.
        options: What the project says of the asset.
    """

    tap: str
    stream: str
    dataset: str
    table: str
    destination: str | None = None
    description: str = ""
    columns: Mapping[str, ColumnHint] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    options: AssetOptions = field(default_factory=AssetOptions)


def stream_asset(  # noqa: PLR0913 - two of them by keyword
    definition: Definition,
    stream: str,
    dataset: str,
    destination: str | None = None,
    *,
    table: str | None = None,
    meta: Mapping[str, JSON] | None = None,
) -> StreamAsset:
    """Return what is known of a stream.

    Args:
        definition: The source definition it belongs to.
        stream: The stream.
        dataset: Where its table is.
        destination: The destination's name.
        table: The table, if it is not named like the stream.
        meta: Options over those of `alto.yaml`.

    Raises:
        ConfigError: An option is unknown or of another form.
    """
    tap = definition.tap
    options = {**users_mapping(tap.plugin.metadata, stream, "dagster"), **(meta or {})}
    selection = definition.catalog.kept()
    entry = selection.catalog.by_id.get(stream) if selection else None
    hints = _hints(definition, entry) if entry else None
    return StreamAsset(
        tap.plugin.tap_name,
        stream,
        dataset,
        snake_case(table or stream),
        destination,
        _description(entry) if entry else "",
        hints.columns if hints else {},
        hints.primary_key if hints else (),
        asset_options(options, f"stream '{stream}' of {tap.name}"),
    )


def _hints(definition: Definition, entry: Stream) -> StreamHints | None:
    properties = entry.schema.get("properties")
    if not isinstance(properties, Mapping):
        return None
    options = definition.stream_options(entry.id, None, None)
    kept = {name: schema for name, schema in properties.items() if name not in options.deselected}
    try:
        return stream_hints(
            {**entry.schema, "properties": kept},
            options.users_keys or options.key_properties,
            options.replication_method,
            stream=entry.id,
            max_table_nesting=definition.tap.plugin.max_table_nesting,
            normalize=snake_case,
        )
    except SchemaError:
        # The run will say so; the other assets are none the worse for it.
        return None


def _description(entry: Stream) -> str:
    words = entry.schema.get("description") or entry.metadata.get((), {}).get("description")
    return words if isinstance(words, str) else ""
