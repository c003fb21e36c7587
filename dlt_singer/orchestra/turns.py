"""Invocations on one machine take turns where two at once would spoil each other's work.

In: a pipeline. Out: the DuckDB file it loads into, and locks: the pipeline's own, and one per DuckDB file, which
has one writer.
"""

from __future__ import annotations

from pathlib import Path

import dlt
from dlt.destinations.impl.duckdb.configuration import DUCK_DB_NAME_PAT, DuckDbClientConfiguration
from filelock import FileLock

from dlt_singer.source.turns import lock_of

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
    database = duckdb_file(pipeline)
    files = [] if database is None else [FileLock(database.with_name(f"{database.name}.lock"))]
    return [lock_of(pipeline), *files]


def _duckdb(pipeline: dlt.Pipeline) -> DuckDbClientConfiguration | None:
    configuration = pipeline.destination_client().config
    # MotherDuck's is another class: it takes many writers.
    if not isinstance(configuration, DuckDbClientConfiguration):
        return None
    database = configuration.credentials.database
    return None if not database or database in _NO_FILES else configuration
