"""DuckDB's own JSON reader: the limit."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

from benchmarks import records
from benchmarks.job import DATASET, Job


def prepare(job: Job) -> Callable[[], object]:
    """Return one statement that makes a table of the file."""
    return _table_of(job, records.messages(job.data, job.data_directory))


def compressed(job: Job) -> Callable[[], object]:
    """Return the same for the file compressed, which is done now."""
    plain = job.data_directory / "messages.jsonl"
    file = Path(job.directory) / "messages.jsonl.gz"
    with plain.open("rb") as source, gzip.open(file, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return _table_of(job, records.messages(job.data, job.data_directory).replace(str(plain), str(file)))


def _table_of(job: Job, rows: str) -> Callable[[], object]:
    connection = duckdb.connect(job.database)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {DATASET}")

    def work() -> None:
        connection.execute(f"CREATE OR REPLACE TABLE {DATASET}.{job.data.name} AS {rows}")
        connection.close()

    return work
