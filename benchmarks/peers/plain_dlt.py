"""dlt without us: lists of dicts, ready Arrow tables, and nothing at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import cast

import dlt
from dlt.common.schema.typing import TTableSchemaColumns

from benchmarks import records
from benchmarks.job import Job
from benchmarks.peers.dlt_pipeline import pipeline_of
from dlt_singer.hints import stream_hints

_ROWS_OF_A_LIST = 5_000
_ROWS_OF_A_TABLE = 50_000


def dicts(job: Job) -> Callable[[], object]:
    """Return a run of what one would write by hand: one dict for each record."""
    pipeline = pipeline_of(job)
    file = job.data_directory / "messages.jsonl"

    def read() -> Iterator[list[object]]:
        rows = []
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                message = json.loads(line)
                if message["type"] == "RECORD":
                    rows.append(message["record"])
                if len(rows) == _ROWS_OF_A_LIST:
                    yield rows
                    rows = []
        yield rows

    @dlt.source(name="plain", max_table_nesting=job.load.nesting)  # type: ignore[arg-type]  # None is its default
    def source() -> object:
        hints = stream_hints(job.data.schema, ["id"], max_table_nesting=job.load.nesting)
        return dlt.resource(
            read,
            name=job.data.name,
            columns=cast("TTableSchemaColumns", hints.columns),
            primary_key="id",
            write_disposition=job.load.disposition,
            file_format="parquet",
        )

    return lambda: pipeline.run(source())


def arrow(job: Job) -> Callable[[], object]:
    """Return a run of the tables that our side would hand to dlt, read before the clock starts."""
    pipeline = pipeline_of(job)
    merges = job.load.disposition == "merge"
    tables = [
        (stream, table.slice(start, _ROWS_OF_A_TABLE))
        for stream, table in records.arrow_tables(job.data, job.data_directory, merges=merges)
        for start in range(0, table.num_rows, _ROWS_OF_A_TABLE)
    ]
    sequence: TTableSchemaColumns = {"_sdc_sequence": {"data_type": "bigint", "dedup_sort": "desc"}}

    def read() -> Iterator[object]:
        for stream, table in tables:
            yield dlt.mark.with_table_name(table, stream)

    resource = dlt.resource(
        read,
        name=job.data.name,
        columns=sequence if merges else {},
        primary_key="id",
        write_disposition=job.load.disposition,
    )
    return lambda: pipeline.run(resource)


def empty(job: Job) -> Callable[[], object]:
    """Return a run that has nothing to load; the first load has all rows."""
    if job.first:
        return dicts(job)
    pipeline = pipeline_of(job)
    return lambda: pipeline.run(dlt.resource([], name=job.data.name))
