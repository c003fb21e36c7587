"""An object as a file that is read part by part, each part a request of its own that can be repeated."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from dlt_singer.errors import StorageError
from dlt_singer.storage.drivers import PART_BYTES

if TYPE_CHECKING:
    from typing_extensions import Buffer

ReadRange = Callable[[int, int], "bytes | None"]


def read_in_parts(read: ReadRange, size: int, what: str) -> BinaryIO:
    """Return a file over an object; holds one part in memory.

    Args:
        read: Returns the bytes from a first up to a last position.
        size: The object's length.
        what: The object, for errors.
    """
    return cast("BinaryIO", io.BufferedReader(_Parts(read, size, what), PART_BYTES))


class _Parts(io.RawIOBase):
    def __init__(self, read: ReadRange, size: int, what: str) -> None:
        self._read = read
        self._size = size
        self._what = what
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        data = self._next(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        # Python's own would ask for 8 kB at a time.
        return self._next(self._size)

    def _next(self, length: int) -> bytes:
        start, end = self._position, min(self._position + length, self._size)
        if end <= start:
            return b""
        data = self._read(start, end)
        if data is None or len(data) != end - start:
            raise StorageError(f"{self._what} was replaced or removed while it was read.", "Read it again.")
        self._position = end
        return data
