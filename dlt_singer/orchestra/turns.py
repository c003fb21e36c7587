"""Invocations on one machine take turns where two at once would spoil each other's work.

In: a pipeline. Out: locks: the pipeline's own, and one per DuckDB file, which has one writer.
"""

from __future__ import annotations

import dlt
from filelock import FileLock

from dlt_singer.source.siblings import duckdb_file
from dlt_singer.source.turns import lock_of


def locks_of(pipeline: dlt.Pipeline) -> list[FileLock]:
    """Return the locks to hold while a pipeline works, in the order to take them.

    Args:
        pipeline: The pipeline.
    """
    database = duckdb_file(pipeline)
    files = [] if database is None else [FileLock(database.with_name(f"{database.name}.lock"))]
    return [lock_of(pipeline), *files]
