"""Files of the reservoir back into messages: fetched, checked and decompressed by one thread, ahead of the reader.

In: files, in order. Out: their messages, as the tap wrote them. Every file is checked against its hash before
anything of it is used.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from dlt_singer.errors import DamagedReservoirError, MessageError
from dlt_singer.messages import Cutter, Message, Record, Records, parse_line
from dlt_singer.mirror.folder import Reservoir
from dlt_singer.runs import StoredFile

T = TypeVar("T")
_AHEAD = 8
_PATIENCE_S = 0.2


def fetch(reservoir: Reservoir, file: StoredFile) -> bytes:
    """Return a file's bytes.

    Raises:
        DamagedReservoirError: It is missing, or not what was written.
    """
    data = reservoir.store.read(reservoir.key(file.path), file.offset, file.offset + file.bytes)
    # Of alto's files nobody has noted what was written.
    if data is not None and (not file.sha256 or hashlib.sha256(data).hexdigest() == file.sha256):
        return data
    raise changed(reservoir, file, None if data is None else len(data))


def changed(reservoir: Reservoir, file: StoredFile, size: int | None) -> DamagedReservoirError:
    """Return the error for a file that is not what was written; `size` is None for one that is not there."""
    how = "is missing" if size is None else "is not what was written there"
    held = f"{file.records} records of stream '{file.stream}'" if file.sha256 else f"stream '{file.stream}'"
    return DamagedReservoirError(
        f"{reservoir.url}/{file.path} {how} ({held}).",
        "Somebody has changed the reservoir: alto's compaction does, if it runs over these files. Restore it, or "
        "leave it out with reservoir(..., damaged='skip').",
        path=file.path,
    )


def texts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces of a file into texts of whole lines, without the last line end."""
    rest: list[bytes] = []
    for piece in pieces:
        end = piece.rfind(b"\n")
        if end < 0:
            rest.append(piece)
            continue
        yield b"".join((*rest, piece[:end]))
        rest = [piece[end + 1 :]]
    last = b"".join(rest)
    if last.strip():
        yield last


def messages_in(found: Iterable[bytes], path: str) -> Iterator[Message]:
    """Yield the messages of texts.

    Raises:
        DamagedReservoirError: A line is no message.
    """
    cutter = Cutter()
    for text in found:
        # alto ends each line twice.
        single = text.replace(b"\n\n", b"\n") if b"\n\n" in text else text
        for piece in cutter.cut(single):
            if isinstance(piece, Records):
                yield piece
            elif piece and not piece.isspace():
                yield _parsed(piece, path)


def _parsed(line: bytes, path: str) -> Message:
    try:
        message = parse_line(line)
    except MessageError as err:
        raise DamagedReservoirError(
            f"{path} holds a line that is no Singer message. {err.reason}", "Restore the file.", path=path
        ) from None
    return Records.of_line(message, line) if isinstance(message, Record) else message


class Ahead(Generic[T]):
    """Runs an iterator in a thread of its own, a few items ahead.

    Args:
        make: Makes the iterator, in the thread.
    """

    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        self._make = make
        self._queue: queue.Queue[tuple[T, ...] | BaseException] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="reservoir", daemon=True)

    def __iter__(self) -> Iterator[T]:
        self._thread.start()
        try:
            while (item := self._queue.get()) != ():
                if isinstance(item, BaseException):
                    raise item
                yield item[0]
        finally:
            self._closed.set()

    def _work(self) -> None:
        try:
            for item in self._make():
                if not self._put((item,)):
                    return
            self._put(())
        except BaseException as err:  # noqa: BLE001 - raised by whoever reads
            self._put(err)

    def _put(self, item: tuple[T, ...] | BaseException) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=_PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False
