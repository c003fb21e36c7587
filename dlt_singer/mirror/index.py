"""alto's index of a tap's folder: which files there are, stream by stream.

Ours are added after a run's manifest, so that alto finds them; for us it only says which files are alto's own. A
text that cannot be read is as good as none: it can be rebuilt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from dlt_singer.mirror.folder import INDEX, SUFFIX, Reservoir

VERSION = "__version__"
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
