"""The end of a run: its manifest, and then its files in alto's index.

The manifest is what counts. If alto holds its lock, the index is left for `rebuild`; alto then learns of the files
later, nobody else does.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone

from msgspec.structs import replace

from dlt_singer.errors import DamagedReservoirError, StorageError
from dlt_singer.mirror.folder import INDEX, SUFFIX, Reservoir
from dlt_singer.mirror.index import Index, locked, moment_of, read_index, write_index
from dlt_singer.mirror.lines import digits_of
from dlt_singer.runs import Manifest
from dlt_singer.tap import warn


def publish(reservoir: Reservoir, manifest: Manifest) -> Manifest:
    """Write a run's manifest and add its files to the index.

    Args:
        reservoir: The folder.
        manifest: The run.

    Returns:
        The manifest as it was written.

    Raises:
        StorageError: The store refuses.
    """
    with locked(reservoir, manifest.run) as had:
        index = read_index(reservoir) or Index({})
        moved = _moved_later(reservoir, manifest, index) if had else {}
        files = tuple(replace(file, path=moved.get(file.path, file.path)) for file in manifest.files)
        later = replace(manifest, files=files)
        reservoir.put(later)
        for path in moved:
            with contextlib.suppress(StorageError):
                reservoir.store.delete(reservoir.key(path))
        if had:
            _add(reservoir, later, index)
        else:
            warn(
                f"{manifest.start.tap}: {reservoir.url}/{INDEX} is locked by somebody else, so alto does not see "
                "this run until the index is rebuilt. Replays do."
            )
    return later


def indexed(manifest: Manifest, *streams: str) -> dict[str, list[str]]:
    """Return a run's files as alto's index has them: by the name that messages use, in order.

    Args:
        manifest: The run.
        *streams: Only these; by default all.
    """
    found: dict[str, list[str]] = {}
    for stream in streams or manifest.streams:
        paths = dict.fromkeys(file.path for file in manifest.files_of(stream))
        if paths:
            found[manifest.start.streams[stream].name] = list(paths)
    return found


def _add(reservoir: Reservoir, manifest: Manifest, index: Index) -> None:
    try:
        write_index(reservoir, index.with_files(indexed(manifest)))
    except StorageError as err:
        # The run is complete without.
        warn(f"{manifest.start.tap}: alto's index was not updated. {err}")


def _moved_later(reservoir: Reservoir, manifest: Manifest, index: Index) -> dict[str, str]:
    """Copy files that alto would never look at, because it has seen a later name; return where they are now."""
    known = {path for paths in index.files.values() for path in paths}
    moved: dict[str, str] = {}
    for file in manifest.files:
        last = index.last(manifest.start.streams[file.stream].name)
        if file.path in known or file.path in moved or moment_of(file.path) > last:
            continue
        data = reservoir.store.read(reservoir.key(file.path))
        if data is None:
            raise DamagedReservoirError(f"{file.path} is gone before its run ended.", "Run again.", path=file.path)
        later = max(datetime.now(timezone.utc), _time_of(last)) + timedelta(microseconds=len(moved) + 1)
        folder = file.path.rpartition("/")[0]
        moved[file.path] = f"{folder}/{later:%Y%m%d%H%M%S%f}{digits_of(manifest.run)}{SUFFIX}"
        reservoir.store.write(reservoir.key(moved[file.path]), data)
    return moved


def _time_of(name: str) -> datetime:
    return datetime.strptime(name[:20], "%Y%m%d%H%M%S%f").replace(tzinfo=timezone.utc)
