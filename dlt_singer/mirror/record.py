"""The mirror of one run: messages pass through unchanged, and are stored by one thread on their way.

In: a tap's messages. Out: the same, in the same order. What the thread has not stored yet is bounded; a store that
refuses fails the run.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Final, TypeAlias

from msgspec.structs import replace

from dlt_singer.errors import StorageError
from dlt_singer.messages import Idle, Message, Records
from dlt_singer.mirror.folder import Reservoir
from dlt_singer.mirror.publish import publish
from dlt_singer.mirror.writer import Limits, StreamCount, Writer
from dlt_singer.runs import Manifest, RunStart, StreamEnd, stamp

_BLOCK_BYTES = 1 << 20
_BLOCK_AGE_S = 0.5
_BLOCKS = 32
_MESSAGE_BYTES = 200
_PATIENCE_S = 0.2
_GOODBYE_S = 30.0
_END: Final = "end"
_STOP: Final = "stop"

Repeated: TypeAlias = tuple[dict[str, int] | None, object]
"""Hashes with counts of rows that come again, None if there are too many; and their replication value."""


class Recorder:
    """Mirrors one run.

    Args:
        reservoir: Where to.
        start: The run.
        limits: When files are closed.
    """

    def __init__(self, reservoir: Reservoir, start: RunStart, limits: Limits | None = None) -> None:
        self.start = start
        self._reservoir = reservoir
        self._writer = Writer(reservoir, start, limits or Limits())
        self._queue: queue.Queue[list[Message | str]] = queue.Queue(_BLOCKS)
        self._block: list[Message | str] = []
        self._block_bytes = 0
        self._block_since = 0.0
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._ended = False
        self._stopped = False

    def record(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Pass messages on, storing them.

        Raises:
            StorageError: The store refuses.
        """
        self._reservoir.put(self.start)
        self._thread = threading.Thread(target=self._work, name=f"mirror {self.start.tap}", daemon=True)
        self._thread.start()
        for message in messages:
            self._take(message)
            yield message
        self._ended = True
        self._hand([_END])

    def took_over(self, message: Message) -> None:
        """Note a message of a run that died, which is stored already; before `record`."""
        self._writer.took_over(message)

    def finish(
        self,
        handed: Mapping[str, int],
        bookmarks: Mapping[str, object],
        repeated: Mapping[str, Repeated] | None = None,
    ) -> Manifest:
        """Store what is left and write the manifest: from now on the run can be replayed.

        Args:
            handed: How many RECORDs of each stream were handed over.
            bookmarks: Each stream's part of the newest STATE.
            repeated: The rows that the tap will repeat, of streams that no pipeline remembers.

        Raises:
            StorageError: The store refuses.
        """
        self._stop()
        if self._thread is not None:
            self._thread.join()
        self._raise_failure()
        streams = {
            stream: replace(self._end_of(stream, count, handed.get(stream, 0)), bookmark=bookmarks.get(stream))
            for stream, count in self._writer.counts.items()
            if count.schema is not None
        }
        for stream, (remembered, greatest) in (repeated or {}).items():
            streams[stream] = replace(streams[stream], remembered=remembered, greatest=greatest)
        now = datetime.now(timezone.utc)
        manifest = Manifest(self.start, stamp(now), streams, tuple(self._writer.files), self._writer.state)
        return publish(self._reservoir, manifest)

    def close(self) -> None:
        """Store what has come so far and end the thread; idempotent. The run can be taken over by the next."""
        self._stop()
        if self._thread is not None:
            self._thread.join(_GOODBYE_S)

    @property
    def is_stored(self) -> bool:
        """Whether all that has come is stored, once it is closed."""
        return self._thread is not None and not self._thread.is_alive() and self._failure is None

    def _end_of(self, stream: str, count: StreamCount, handed: int) -> StreamEnd:
        return StreamEnd(
            count.schema_id,
            count.messages,
            min(handed, count.records),
            complete=self._ended and handed >= count.records,
            restarts=self.start.streams[stream].restarts,
            versions=count.versions,
            schemas=tuple(line.decode() for line in count.pending),
            key_properties=tuple((count.schema.key_properties if count.schema is not None else None) or ()),
        )

    def _take(self, message: Message) -> None:
        now = time.monotonic()
        if isinstance(message, Idle):
            if self._block:
                self._send()
            self._raise_failure()
            return
        if not self._block:
            self._block_since = now
        self._block.append(message)
        self._block_bytes += len(message.text) if isinstance(message, Records) else _MESSAGE_BYTES
        if self._block_bytes >= _BLOCK_BYTES or now - self._block_since >= _BLOCK_AGE_S:
            self._send()

    def _send(self) -> None:
        block, self._block, self._block_bytes = self._block, [], 0
        self._hand(block)

    def _hand(self, block: list[Message | str]) -> None:
        if self._block:
            block, self._block, self._block_bytes = [*self._block, *block], [], 0
        while True:
            self._raise_failure()
            with contextlib.suppress(queue.Full):
                self._queue.put(block, timeout=_PATIENCE_S)
                return

    def _stop(self) -> None:
        if self._stopped or self._thread is None:
            return
        self._stopped = True
        # After a failure nobody reads the queue any more.
        with contextlib.suppress(StorageError):
            self._hand([_STOP])

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while self._handle():
                pass
        except BaseException as err:  # noqa: BLE001 - whoever sends next raises it
            self._failure = err

    def _handle(self) -> bool:
        try:
            block = self._queue.get(timeout=_PATIENCE_S)
        except queue.Empty:
            self._writer.close_if_due()
            return True
        for item in block:
            if item is _STOP:
                self._writer.checkpoint()
                return False
            if item is _END:
                self._writer.checkpoint(ended=True)
            elif not isinstance(item, str):
                self._writer.take(item)
        return True
