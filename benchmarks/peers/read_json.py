"""DuckDB's own JSON reader: the limit."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from benchmarks import records
from benchmarks.job import DATASET, Job


def prepare(job: Job) -> Callable[[], object]:
    """Return one statement that makes a table of the file."""
    connection = duckdb.connect(job.database)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE SCHEMA {DATASET}")
    rows = records.messages(job.data, job.data_directory)

    def work() -> None:
        connection.execute(f"CREATE TABLE {DATASET}.{job.data.name} AS {rows}")
        connection.close()

    return work
