"""What a data set holds, as SQL for DuckDB: what peers are compared with, and what they are given ready-made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.columns import FIRST_ID
from benchmarks.datasets import BLOCK_ROWS, DataSet

assert FIRST_ID % BLOCK_ROWS == 0  # noqa: S101 - repeated blocks would overlap


def messages(data: DataSet, directory: Path, stream: str | None = None) -> str:
    """Return the query that reads the rows of one stream, or of all, from the file of messages."""
    record = "STRUCT(" + ", ".join(f'"{name}" {kind.read}' for name, kind in data.columns.items()) + ")"
    chosen = "" if stream is None else f" AND stream = '{stream}'"
    return (
        f"SELECT unnest(record) FROM read_json('{directory / 'messages.jsonl'}', format = 'newline_delimited', "
        f"columns = {{type: 'VARCHAR', stream: 'VARCHAR', record: '{record}'}}) WHERE type = 'RECORD'{chosen}"
    )


def bare(data: DataSet, file: Path) -> str:
    """Return the query that reads a file of records."""
    columns = ", ".join(f"{name}: '{kind.read}'" for name, kind in data.columns.items())
    return f"SELECT * FROM read_json('{file}', format = 'newline_delimited', columns = {{{columns}}})"


def everything(data: DataSet, directory: Path) -> str:
    """Return the query that gives all rows the tap sends, with the stream of each as `_stream`."""
    if data.bare:
        return f"SELECT '{data.name}' AS _stream, * FROM ({bare(data, directory / 'records.jsonl')})"
    rows = messages(data, directory).replace("SELECT", "SELECT stream AS _stream,", 1)
    if not data.repeated:
        return rows
    repeated = (
        f"SELECT * REPLACE (id + {BLOCK_ROWS} * n AS id) FROM ({rows}), range({data.repetitions}) AS times(n)"
    )
    return f"SELECT * EXCLUDE (n) FROM ({repeated})"


def arrow_tables(data: DataSet, directory: Path, *, merges: bool) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each stream as a table with the columns that our side adds."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        sequence = ", (epoch_us(now()) + row_number() OVER ()) AS _sdc_sequence" if merges else ""
        for stream in data.stream_names:
            rows = messages(data, directory, None if data.streams == 1 else stream)
            ids = "left(md5(uuid()::VARCHAR), 14) AS _dlt_id, epoch(now())::VARCHAR AS _dlt_load_id"
            yield stream, connection.sql(f"SELECT *, {ids}{sequence} FROM ({rows})").to_arrow_table()
