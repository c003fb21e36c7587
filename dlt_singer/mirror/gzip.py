"""gzip at the speed of what is there: Intel's library if it is installed, else Python's own. Pure.

Files may consist of several members one after the other, as alto's compaction makes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Final, Protocol

from dlt_singer.errors import DamagedReservoirError


def _fastest() -> ModuleType:
    try:
        from isal import isal_zlib
    except ImportError:  # pragma: no cover - there is no build of it for every machine
        return zlib
    else:
        return isal_zlib


_library: Final = _fastest()
# Neither library lets the other's error be its own.
_ERRORS: Final[tuple[type[Exception], ...]] = (zlib.error, _library.error)
_GZIP = 31
_SLICE_BYTES = 128 << 10
_LEVEL = 1


class Compressor(Protocol):
    """Turns pieces of text into pieces of one gzip member."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece."""
        ...

    def flush(self) -> bytes:
        """End the member."""
        ...


def compressor() -> Compressor:
    """Return what makes one gzip member, fast rather than small."""
    made: Compressor = _library.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return made


def decompressed(data: bytes, path: str) -> Iterator[bytes]:
    """Yield what is in a gzip file, piece by piece.

    Args:
        data: The file.
        path: Its name, for the error.

    Raises:
        DamagedReservoirError: It is cut off, or no gzip file.
    """
    view = memoryview(data)
    member = _library.decompressobj(_GZIP)
    at = 0
    while at < len(view):
        piece = view[at : at + _SLICE_BYTES]
        at += len(piece)
        while piece:
            try:
                yield member.decompress(piece)
            except _ERRORS as err:
                raise _damaged(path, f"no gzip file, or a damaged one ({err})") from None
            piece = memoryview(member.unused_data)
            if piece:
                member = _library.decompressobj(_GZIP)
    if not member.eof:
        raise _damaged(path, "cut off")


def _damaged(path: str, how: str) -> DamagedReservoirError:
    return DamagedReservoirError(
        f"{path} is {how}.",
        "Restore it, or leave it out with reservoir(..., damaged='skip').",
        path=path,
    )
