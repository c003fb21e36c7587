"""Messages into files: one open file per stream, all closed together at a checkpoint, which then covers everything.

In: messages, in order. Out: files in the store, and a checkpoint after each set of them. Runs in one thread; has
none of its own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import msgspec

from dlt_singer.messages import ActivateVersion, Message, Records, Schema, State
from dlt_singer.mirror.folder import SUFFIX, Reservoir, folder_name
from dlt_singer.mirror.gzip import Compressor, compressor
from dlt_singer.mirror.lines import digits_of, lines_of, schema_id, schema_line
from dlt_singer.runs import NULL, Checkpoint, RunStart, StoredFile, stamp

_PIECE_BYTES = 256 << 10
_OPEN_FILES = 2
"""All open files together may have the bytes of so many full ones."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When files are closed.

    Attributes:
        file_bytes: Once a file has so many bytes, compressed.
        checkpoint_s: Once the oldest message that no checkpoint covers has waited so long.
    """

    file_bytes: int = 32 << 20
    checkpoint_s: float = 30.0


@dataclass(slots=True)
class OpenFile:
    """A file that is being written, in memory."""

    stream: str
    name: str
    schema_id: str
    first: int
    messages: int = 0
    records: int = 0
    raw_bytes: int = 0
    size: int = 0
    _waiting: list[bytes] = field(default_factory=list)
    _waiting_bytes: int = 0
    _pieces: list[bytes] = field(default_factory=list)
    _compressor: Compressor = field(default_factory=compressor)

    def write(self, text: bytes) -> None:
        """Take whole lines, without the last line end."""
        if len(text) >= _PIECE_BYTES:
            self._compress()
            self._keep(self._compressor.compress(text))
            self.raw_bytes += len(text)
            text = b""
        self._waiting += (text, b"\n")
        self._waiting_bytes += len(text) + 1
        if self._waiting_bytes >= _PIECE_BYTES:
            self._compress()

    def close(self) -> bytes:
        """Return the file."""
        self._compress()
        self._keep(self._compressor.flush())
        return b"".join(self._pieces)

    def _compress(self) -> None:
        # Only whole pieces: the library's speed is in long runs, and it lets other threads work meanwhile.
        self._keep(self._compressor.compress(b"".join(self._waiting)))
        self.raw_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size += len(piece)


@dataclass(slots=True)
class StreamCount:
    """What a run has seen of a stream.

    Attributes:
        messages: How many messages, SCHEMAs not counted.
        records: How many RECORDs.
        versions: Its table versions.
        schema: Its SCHEMA.
        schema_id: alto's id of that.
        pending: SCHEMA lines that nothing has come after.
    """

    messages: int = 0
    records: int = 0
    versions: tuple[int, ...] = ()
    schema: Schema | None = None
    schema_id: str = ""
    pending: list[bytes] = field(default_factory=list)


class Writer:
    """Writes the files of one run.

    Args:
        reservoir: Where to.
        start: The run.
        limits: When files are closed.
        clock: Seconds that only grow.
        now: The time of day, in UTC.
    """

    def __init__(
        self,
        reservoir: Reservoir,
        start: RunStart,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.files: list[StoredFile] = []
        self.state = NULL
        self.counts: dict[str, StreamCount] = {}
        self._reservoir, self._start, self._limits, self._clock, self._now = reservoir, start, limits, clock, now
        self._names = {stream.name: name for name, stream in start.streams.items()} | {
            name: name for name in start.streams
        }
        self._open: dict[str, OpenFile] = {}
        self._closed: list[OpenFile] = []
        self._covers: dict[str, int] = {}
        self._moved: set[str] = set()
        self._open_bytes, self._large = 0, False
        self._number = 0
        self._oldest: float | None = None
        self._last_name = datetime.min.replace(tzinfo=timezone.utc)
        if start.taken is not None:
            self._take_over(start.taken)

    def take(self, message: Message) -> None:
        """Take the next message; whatever needs storing is stored at once.

        Raises:
            StorageError: The store refuses.
        """
        match message:
            case Records():
                self._records(message)
            case State():
                self.state = message.value
                for stream in self._moved:
                    self._covers[stream] = self.counts[stream].messages
                self._moved.clear()
            case Schema():
                self._schema(message)
            case ActivateVersion():
                self._activate(message)
            case _:
                return
        if self._oldest is None:
            self._oldest = self._clock()
        self.close_if_due()

    def close_if_due(self) -> None:
        """Close all files if one is large enough, or the oldest message has waited long enough."""
        old = self._oldest is not None and self._clock() - self._oldest >= self._limits.checkpoint_s
        if old or self._large or self._open_bytes >= self._limits.file_bytes * _OPEN_FILES:
            self.checkpoint()

    def checkpoint(self, *, ended: bool = False) -> None:
        """Close and store all files, then say so in a checkpoint; without anything new only at the end.

        Args:
            ended: Whether the tap has ended, and well.
        """
        if self._oldest is None and not ended:
            return
        self._closed += self._open.values()
        self._open = {}
        files = tuple(self._store(file) for file in self._closed)
        self._closed, self._oldest, self._open_bytes, self._large = [], None, 0, False
        self.files += files
        self._number += 1
        versions = {stream: count.versions for stream, count in self.counts.items() if count.versions}
        self._reservoir.put(
            Checkpoint(
                self._start.run, self._number, files, self.state, dict(self._covers), stamp(self._now()), versions,
                ended,
            )
        )  # fmt: skip

    def took_over(self, message: Message) -> None:
        """Note a message of a run that died, which is stored already."""
        match message:
            case Records():
                self._count(self._names.get(message.stream, message.stream)).records += message.rows
            case Schema() if (stream := self._names.get(message.stream)) is not None:
                count = self._count(stream)
                count.schema, count.schema_id = message, schema_id(message)

    def _records(self, message: Records) -> None:
        if (stream := self._known(message.stream)) is not None:
            self._write(stream, lines_of(message), message.rows, message.version)
            self.counts[stream].records += message.rows
            self._open[stream].records += message.rows

    def _activate(self, message: ActivateVersion) -> None:
        if (stream := self._known(message.stream)) is not None:
            self._write(stream, msgspec.json.encode(message), 1, message.version)

    def _known(self, name: str) -> str | None:
        """Return the stream of a name, None if it is none of ours or nothing says what its rows look like."""
        stream = self._names.get(name)
        return None if stream is None or self._count(stream).schema is None else stream

    def _write(self, stream: str, lines: bytes, messages: int, version: int | None) -> None:
        count, file = self._count(stream), self._file(stream)
        before = file.size
        file.write(lines)
        self._open_bytes += file.size - before
        self._large = self._large or file.size >= self._limits.file_bytes
        file.messages += messages
        count.messages += messages
        if version is not None and version not in count.versions:
            count.versions += (version,)
        self._moved.add(stream)

    def _schema(self, message: Schema) -> None:
        stream = self._names.get(message.stream)
        if stream is None:
            return
        count = self._count(stream)
        if message == count.schema:
            return
        count.schema, count.schema_id = message, schema_id(message)
        count.pending.append(schema_line(message))
        if stream in self._open:
            self._closed.append(self._open.pop(stream))

    def _file(self, stream: str) -> OpenFile:
        file = self._open.get(stream)
        if file is None:
            count = self._count(stream)
            assert count.schema is not None  # noqa: S101 - `_known` has looked
            file = OpenFile(stream, count.schema.stream, count.schema_id, count.messages)
            # A file begins with its SCHEMA, whether it is a new one or not.
            for line in count.pending or [schema_line(count.schema)]:
                file.write(line)
            count.pending = []
            self._open[stream] = file
        return file

    def _store(self, file: OpenFile) -> StoredFile:
        data = file.close()
        path = f"{folder_name(file.name)}/{file.schema_id}/{self._next_name()}{SUFFIX}"
        self._reservoir.store.write(self._reservoir.key(path), data)
        return StoredFile(
            path, file.stream, file.schema_id, file.first, file.messages, file.records, len(data), file.raw_bytes,
            hashlib.sha256(data).hexdigest(),
        )  # fmt: skip

    def _next_name(self) -> str:
        """Return a time that no other file of this run has, with digits that no other run has."""
        self._last_name = max(self._now(), self._last_name + timedelta(microseconds=1))
        return f"{self._last_name:%Y%m%d%H%M%S%f}{digits_of(self._start.run)}"

    def _count(self, stream: str) -> StreamCount:
        return self.counts.setdefault(stream, StreamCount())

    def _take_over(self, taken: Checkpoint) -> None:
        self.files += taken.files
        self.state = taken.state
        self._covers = dict(taken.covers)
        for stream, messages in taken.covers.items():
            self.counts[stream] = StreamCount(messages, versions=taken.versions.get(stream, ()))
