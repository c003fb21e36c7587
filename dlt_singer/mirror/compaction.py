"""Small files of one stream and schema put together, one after the other, into larger objects.

gzip allows it: nothing is decompressed, and each file is then a part of an object, with the hash it had. The new
objects come first, then later generations of the manifests. The old ones stay for who reads them, until `prune`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from dlt_singer.mirror.folder import SUFFIX, Reservoir
from dlt_singer.mirror.holdings import Holdings
from dlt_singer.mirror.index import moment_of
from dlt_singer.mirror.reading import changed
from dlt_singer.mirror.rebuilding import rebuild
from dlt_singer.runs import Manifest, StoredFile

OBJECT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did.

    Attributes:
        before: How many objects it put together.
        after: How many there are of them now.
        bytes: How many bytes they have.
    """

    before: int
    after: int
    bytes: int


def compact(reservoir: Reservoir, object_bytes: int = OBJECT_BYTES) -> Compacted:
    """Put small files together; the runs keep all their rows, and whoever reads meanwhile finds the old or the new.

    Args:
        reservoir: A tap's folder.
        object_bytes: Objects that have half of it are left alone, and none gets larger.

    Raises:
        DamagedReservoirError: A file is missing or not what was written; nothing of its group was changed.
        StorageError: The store refuses.
    """
    holdings = Holdings.of(reservoir)
    held: dict[str, list[StoredFile]] = {}
    for run in holdings.manifests.values():
        for file in run.files:
            held.setdefault(file.path, []).append(file)
    moved: dict[str, tuple[str, int]] = {}
    objects = size = 0
    for group in _groups({path: holdings.survey.sizes.get(path, 0) for path in held}, object_bytes):
        parts = [_checked(reservoir, path, held[path]) for path in group]
        target = _name_behind(group)
        reservoir.store.write(reservoir.key(target), b"".join(parts))
        moved |= {path: (target, sum(map(len, parts[:at]))) for at, path in enumerate(group)}
        objects, size = objects + 1, size + sum(map(len, parts))
    for run in holdings.manifests.values():
        _move(reservoir, run, moved)
    if moved:
        rebuild(reservoir)
    return Compacted(len(moved), objects, size)


def _groups(sizes: Mapping[str, int], object_bytes: int) -> Iterator[list[str]]:
    """Yield small objects of one stream and schema, in order of time, as many as go into one."""
    folders: dict[str, list[str]] = {}
    for path in sorted(sizes, key=moment_of):
        if 0 < sizes[path] < object_bytes / 2:
            folders.setdefault(path.rpartition("/")[0], []).append(path)
    for paths in folders.values():
        group: list[str] = []
        for path in paths:
            if sum(sizes[each] for each in group) + sizes[path] > object_bytes:
                yield from [group] if len(group) > 1 else []
                group = []
            group.append(path)
        yield from [group] if len(group) > 1 else []


def _checked(reservoir: Reservoir, path: str, files: list[StoredFile]) -> bytes:
    """Return an object whose every file is what was written."""
    data = reservoir.store.read(reservoir.key(path))
    for file in files:
        part = (data or b"")[file.offset : file.offset + file.bytes]
        if hashlib.sha256(part).hexdigest() != file.sha256:
            raise changed(reservoir, file, None if data is None else len(data))
    return data or b""


def _name_behind(group: list[str]) -> str:
    """Return a name that sorts just before the last one's: who has read that one does not look at it again."""
    last = max(group, key=moment_of)
    return f"{last.rpartition('/')[0]}/{moment_of(last).partition('-')[0]}-{uuid.uuid4().hex[:6]}{SUFFIX}"


def _move(reservoir: Reservoir, run: Manifest, moved: Mapping[str, tuple[str, int]]) -> None:
    """Write a later generation of a manifest, unless somebody else has."""
    if not any(file.path in moved for file in run.files):
        return
    files = []
    for file in run.files:
        path, offset = moved.get(file.path, (file.path, 0))
        files.append(replace(file, path=path, offset=file.offset + offset))
    reservoir.create(replace(run, files=tuple(files), generation=run.generation + 1))
