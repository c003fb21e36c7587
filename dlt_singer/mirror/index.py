"""alto's index of a tap's folder: which files there are, stream by stream.

Ours are added after a run's manifest, so that alto finds them; for us it only says which files are alto's own. A
text that cannot be read is as good as none: it can be rebuilt.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import msgspec

from dlt_singer.errors import StorageError
from dlt_singer.mirror.folder import INDEX, LOCK, SUFFIX, Reservoir

VERSION = "__version__"
_OURS = "dlt-singer "
_STALE = timedelta(minutes=5)
_PAUSE_S = 0.2
OUR_DIGITS = 26
"""A name of ours is a time with six digits more than alto's."""


@dataclass(frozen=True, slots=True)
class Index:
    """The index.

    Attributes:
        files: Files by stream, below the tap's folder, in order.
        version: Raised by alto whenever it has put files together.
    """

    files: Mapping[str, tuple[str, ...]]
    version: int = 0

    def theirs(self) -> dict[str, tuple[str, ...]]:
        """Return the files that alto has written."""
        found = {stream: tuple(path for path in paths if not is_ours(path)) for stream, paths in self.files.items()}
        return {stream: paths for stream, paths in found.items() if paths}

    def last(self, stream: str) -> str:
        """Return the latest name of a stream's files; alto never looks at an earlier one again."""
        return max(map(moment_of, self.files.get(stream, ())), default="")

    def with_files(self, files: Mapping[str, list[str]]) -> Index:
        """Return the index with files added that it does not have."""
        merged = {
            stream: tuple(dict.fromkeys([*self.files.get(stream, ()), *files.get(stream, ())]))
            for stream in {**self.files, **files}
        }
        return Index(merged, self.version)


def is_ours(path: str) -> bool:
    """Return whether a file has a name as we give it."""
    return len(moment_of(path).partition("-")[0]) >= OUR_DIGITS


def moment_of(path: str) -> str:
    """Return a file's name without its ending: the time it was written at."""
    return path.rpartition("/")[2].removesuffix(SUFFIX)


def read_index(reservoir: Reservoir) -> Index | None:
    """Return the index, None if there is none that can be read."""
    text = reservoir.store.read(reservoir.key(INDEX))
    if text is None:
        return None
    try:
        document = msgspec.json.decode(text, type=dict[str, list[str] | int])
    except msgspec.DecodeError:
        return None
    head = reservoir.root + "/"
    files = {
        stream: tuple(path.lstrip("/").removeprefix(head) for path in paths)
        for stream, paths in document.items()
        if isinstance(paths, list)
    }
    version = document.get(VERSION, 0)
    return Index(files, version if isinstance(version, int) else 0)


def write_index(reservoir: Reservoir, index: Index) -> None:
    """Write the index; hold the lock."""
    files = {stream: [reservoir.key(path) for path in paths] for stream, paths in index.files.items()}
    reservoir.store.write(reservoir.key(INDEX), msgspec.json.encode({VERSION: index.version, **files}))


@contextlib.contextmanager
def locked(reservoir: Reservoir, holder: str, wait_s: float = 3.0) -> Iterator[bool]:
    """Hold alto's lock for a block; yields whether it could be had.

    Args:
        reservoir: The folder.
        holder: Who holds it, for whoever finds the lock.
        wait_s: How long to wait for another holder.
    """
    key, had = reservoir.key(LOCK), False
    waited = 0.0
    while not (had := _take(reservoir, key, holder)) and waited < wait_s:
        time.sleep(_PAUSE_S)
        waited += _PAUSE_S
    try:
        yield had
    finally:
        if had:
            with contextlib.suppress(StorageError):
                reservoir.store.delete(key)


def _take(reservoir: Reservoir, key: str, holder: str) -> bool:
    now = datetime.now(timezone.utc)
    if reservoir.store.create(key, f"{_OURS}{now.timestamp():.0f} {holder}".encode()):
        return True
    # Whoever was killed while it held the lock would lock out everybody, and we hold it for seconds only.
    words = (reservoir.store.read(key) or b"").decode(errors="replace").removeprefix(_OURS).split()
    if words and words[0].isdigit() and now - datetime.fromtimestamp(int(words[0]), timezone.utc) > _STALE:
        reservoir.store.delete(key)
    return False
