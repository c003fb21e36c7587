"""Runs of one pipeline on one machine take turns: its working directory is shared by name, and has room for one.

In: a pipeline. Out: a lock, held for the length of a run. A wait is announced and has no end of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
from filelock import FileLock, Timeout

from dlt_singer.tap import announce


def lock_of(pipeline: dlt.Pipeline) -> FileLock:
    """Return the lock to hold while a pipeline works; whoever holds it may take it again.

    Args:
        pipeline: The pipeline.
    """
    return FileLock(Path(pipeline.pipelines_dir) / f"{pipeline.pipeline_name}.lock", is_singleton=True)


@contextmanager
def turn_of(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Keep other runs of a pipeline waiting, for the length of a block.

    Args:
        pipeline: The pipeline.
    """
    lock = lock_of(pipeline)
    take(lock)
    try:
        yield
    finally:
        lock.release()


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
