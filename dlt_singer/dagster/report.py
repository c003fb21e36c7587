"""What a load has done to each stream, as metadata of its materialisation: rows, bookmark, columns, place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import dagster as dg
import dlt
from dlt.common.pipeline import LoadInfo
from dlt.common.schema import Schema
from dlt.common.schema.utils import get_columns_names_with_prop, get_nested_tables
from dlt.extract.source import DltSource

from dlt_singer._types import JSON
from dlt_singer.config import mask
from dlt_singer.dagster.translator import table_schema
from dlt_singer.hints import ColumnHint
from dlt_singer.source.steps import own_steps
from dlt_singer.state import committed_bookmark

Metadata = dict[str, object]


class Report:
    """A pipeline before its load, to be told what the load has changed.

    Args:
        pipeline: The pipeline, its state restored.
        source: What will be loaded.
        tap: The tap's name.
        streams: The streams that are loaded.
    """

    def __init__(self, pipeline: dlt.Pipeline, source: DltSource, tap: str, streams: Sequence[str]) -> None:
        self._pipeline = pipeline
        self._tap = tap
        self._source = source
        self._before = {stream: self._bookmark(stream) for stream in streams}
        self._resources = {own_steps(each)[0].stream: each for each in source.resources.values()}

    def metadata(self, info: LoadInfo, stream: str) -> Metadata:
        """Return the metadata of a stream's materialisation.

        Args:
            info: What the load returned.
            stream: The stream.
        """
        schema, table = self._schema, self._table(stream)
        rows = self._rows()
        found: Metadata = {
            "rows_loaded": rows.get(table, 0),
            "bookmark_from": _shown(self._before[stream]),
            "bookmark_to": _shown(self._bookmark(stream)),
            "load_id": ", ".join(info.loads_ids),
            "pipeline": self._pipeline.pipeline_name,
            "dataset": info.dataset_name,
            "destination": info.destination_name,
            "dagster/table_name": f"{info.dataset_name}.{table}",
        }
        if table in schema.tables:
            columns = cast("Mapping[str, ColumnHint]", schema.get_table_columns(table))
            key = get_columns_names_with_prop(schema.get_table(table), "primary_key")
            found["dagster/column_schema"] = table_schema(columns, key)
            tables = [str(each["name"]) for each in get_nested_tables(schema.tables, table)]
            nested = [name for name in tables if name != table]
            if nested:
                found["rows_of_child_tables"] = {name: rows.get(name, 0) for name in nested}
        return found

    def row_count(self, stream: str, warn: Callable[[str], object]) -> Metadata:
        """Return how many rows the table has; nothing if the destination cannot count.

        Args:
            stream: The stream.
            warn: Told why there is no count.
        """
        table = self._table(stream)
        try:
            with self._pipeline.sql_client(self._schema.name) as client:
                name = client.make_qualified_table_name(table)
                ((count,),) = client.execute_sql(f"SELECT COUNT(*) FROM {name}") or []  # noqa: S608 - dlt quotes it
        except Exception as failure:  # noqa: BLE001 - the rows are loaded, whatever a count meets
            warn(f"The rows of {table} could not be counted: {failure}")
            return {}
        return {"dagster/row_count": int(count)}

    @property
    def _schema(self) -> Schema:
        return self._pipeline.schemas[self._source.schema.name]

    def _table(self, stream: str) -> str:
        return self._schema.naming.normalize_table_identifier(str(self._resources[stream].table_name))

    def _rows(self) -> Mapping[str, int]:
        trace = self._pipeline.last_trace
        normalized = trace.last_normalize_info if trace else None
        return normalized.row_counts if normalized else {}

    def _bookmark(self, stream: str) -> JSON:
        return committed_bookmark(self._pipeline.state, self._tap, stream)


def _shown(bookmark: JSON) -> object:
    if bookmark is None:
        return dg.MetadataValue.null()
    masked = mask({"bookmark": bookmark})
    value = masked["bookmark"] if isinstance(masked, Mapping) else masked
    return dg.MetadataValue.json(value) if isinstance(value, (Mapping, list)) else str(value)
