"""Invocations on one machine take turns where two at once would spoil each other's work.

In: a pipeline. Out: the DuckDB file it loads into, and locks: one per pipeline, because its working directory is
shared by name, and one per DuckDB file, which has one writer. A wait is announced and has no end of its own.
"""

from __future__ import annotations

from pathlib import Path

import dlt
from dlt.destinations.impl.duckdb.configuration import DUCK_DB_NAME_PAT, DuckDbClientConfiguration
from filelock import FileLock, Timeout

from dlt_singer.tap import announce

_NO_FILES = (":memory:", ":external:")


def duckdb_file(pipeline: dlt.Pipeline) -> Path | None:
    """Return the DuckDB file a pipeline loads into, None if it loads elsewhere.

    Args:
        pipeline: The pipeline; nothing of it is opened.
    """
    configuration = _duckdb(pipeline)
    return Path(configuration.credentials.database) if configuration else None


def is_named_after(pipeline: dlt.Pipeline, file: Path) -> bool:
    """Tell whether a DuckDB file is where it is because of the pipeline's name, and nobody's choice.

    Args:
        pipeline: The pipeline.
        file: The file.
    """
    return file.name == DUCK_DB_NAME_PAT % pipeline.pipeline_name


def locks_of(pipeline: dlt.Pipeline) -> list[FileLock]:
    """Return the locks to hold while a pipeline works, in the order to take them.

    Args:
        pipeline: The pipeline.
    """
    directory = Path(pipeline.pipelines_dir)
    files = [directory / f"{pipeline.pipeline_name}.lock"]
    database = duckdb_file(pipeline)
    if database is not None:
        files.append(database.with_name(f"{database.name}.lock"))
    return [FileLock(file) for file in files]


def take(lock: FileLock) -> None:
    """Take a lock, and say so if that means to wait.

    Args:
        lock: The lock; its directory is made if need be.
    """
    file = Path(lock.lock_file)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        announce(f"Waiting for another invocation that uses {file.with_suffix('')}")
        lock.acquire()


def _duckdb(pipeline: dlt.Pipeline) -> DuckDbClientConfiguration | None:
    configuration = pipeline.destination_client().config
    # MotherDuck's is another class: it takes many writers.
    if not isinstance(configuration, DuckDbClientConfiguration):
        return None
    database = configuration.credentials.database
    return None if not database or database in _NO_FILES else configuration
