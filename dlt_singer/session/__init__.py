"""One run of a tap, shared by the streams that sync together.

In: an iterator of messages. Out: batches of rows per stream, pulled by whoever's turn it is, and for each stream
the newest STATE behind rows that were all handed over. Holds no thread and no queue without bound; knows nothing
of the host.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from dlt_singer.errors import TapError, TapProtocolError, did_you_mean
from dlt_singer.messages import ActivateVersion, Batch, Idle, Message, Records, Restart, Schema, State
from dlt_singer.session.feed import Feed, Rows
from dlt_singer.session.signals import sigterm_as_interrupt
from dlt_singer.session.snapshot import Snapshot
from dlt_singer.session.upstream import MessageStream, Upstream

__all__ = ["END", "Feed", "Limits", "MessageStream", "Rows", "Session", "Upstream"]

_LOCK_PATIENCE_S = 0.2
_TURN_S = 0.05


class _End(Enum):
    END = "end"


END: Final = _End.END
"""Pulled when a stream has nothing more in this run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is held back to make batches.

    Attributes:
        batch_rows: Rows of one batch; up to a quarter more, where the last ones came together.
        batch_bytes: Bytes of one batch as the tap wrote it. Output is read in pieces of a megabyte at most, which
            are not taken apart for this, and no record is.
        waiting_bytes: Bytes that may wait for batches, over all streams.
        waiting_s: Seconds that a row may wait for more of its stream.
    """

    batch_rows: int = 10_000
    batch_bytes: int = 4 << 20
    waiting_bytes: int = 64 << 20
    waiting_s: float = 5.0


class Session:
    """The pump: feeds messages into streams until somebody who is pulling has a batch.

    Threads take turns by `lock`; hold it around several calls that belong together.

    Args:
        upstream: The tap.
        streams: The streams that pull from this session, each under the names its messages may use.
        limits: Bounds of batches.

    Attributes:
        name: The tap's.
        feeds: What is on its way, by stream.
        newest: The newest STATE.
        failure: What ended the run while somebody still pulled, None if nothing has.
    """

    def __init__(self, upstream: Upstream, streams: Mapping[str, str], limits: Limits | None = None) -> None:
        self.name = upstream.name
        self.feeds = {stream: Feed(stream) for stream in streams.values()}
        self._by_name = {name: self.feeds[stream] for name, stream in streams.items()}
        self.newest: Snapshot | None = None
        self._upstream = upstream
        self._unasked: set[str] = set()
        self._limits = limits or Limits()
        self._stream: MessageStream | None = None
        self._messages: Iterator[Message] = iter(())
        self.lock = threading.RLock()
        self._live = len(self.feeds)
        self._ready = 0
        self._waiting_bytes = 0
        self._ended = False
        self._error: BaseException | None = None
        self.failure: BaseException | None = None

    def pull(self, feed: Feed) -> Rows | Literal[_End.END] | None:
        """Return the stream's next batch, None if it is another stream's turn, `END` after its last.

        Raises:
            TapError: The tap failed; every stream of the session gets the error.
        """
        if not self.lock.acquire(timeout=_LOCK_PATIENCE_S):
            return None
        try:
            if self._error is not None:
                raise self._error
            if not feed.queue and not self._ready and not self._ended:
                with sigterm_as_interrupt():
                    self._pump()
            if feed.queue:
                self._ready -= 1
                return feed.queue.popleft()
            return END if self._ended else None
        except BaseException as err:
            self._fail(err)
            raise
        finally:
            self.lock.release()

    def hand_over(self, feed: Feed, rows: Rows) -> None:
        """Note that a batch reached the host."""
        with self.lock:
            feed.hand_over(rows)

    def counts(self, feed: Feed) -> tuple[Snapshot | None, int]:
        """Return the newest STATE that counts for a stream and how many of its rows stand before it."""
        with self.lock:
            return feed.counts(self.newest)

    def note_skipped(self, feed: Feed) -> None:
        """Note that a stream sent nothing, not even a SCHEMA."""
        self._upstream.note_skipped(feed.stream)

    def close_feed(self, feed: Feed) -> None:
        """Note that nobody pulls this stream any more; the last one ends the tap."""
        with self.lock:
            if not feed.live:
                return
            self._ready -= len(feed.queue)
            self._waiting_bytes -= feed.bytes
            feed.close(self.newest)
            self._live -= 1
            if not self._live:
                self._finish()
                self.close()

    def close(self) -> None:
        """End the tap and all pulling; idempotent."""
        with self.lock:
            if self._error is None and not self._ended:
                self._error = TapError(f"The run of {self.name} was broken off.")
                # Once nobody pulls any more, that is no failure.
                self.failure = self._error if self._live else None
            if self._stream is not None:
                self._stream.close()

    @property
    def failed(self) -> bool:
        """Whether the run ended before the tap did."""
        return self._error is not None

    def _fail(self, err: BaseException) -> None:
        if self._error is None:
            self._error = self.failure = err
        self.close()

    def _finish(self) -> None:
        if self._error is None and self._stream is not None:
            try:
                self._upstream.finish({stream: feed.handed for stream, feed in self.feeds.items()}, self.newest)
            except BaseException as err:
                self._fail(err)
                raise

    def _pump(self) -> None:
        if self._stream is None:
            self._stream = self._upstream.start()
            self._messages = iter(self._stream)
        turn_ends = time.monotonic() + _TURN_S
        for message in self._messages:
            # In the order of how often they come.
            if isinstance(message, Records):
                self._records(message)
            elif isinstance(message, State):
                self.newest = Snapshot(message.value)
            elif not isinstance(message, Idle):
                self._note(message)
            # A tap that trickles must not keep the others waiting until a batch is full.
            if isinstance(message, Idle) or time.monotonic() > turn_ends:
                self._flush_old()
                return
            if self._ready:
                return
        for feed in self.feeds.values():
            self._flush(feed)
        self._ended = True

    def _records(self, message: Records) -> None:
        feed = self._by_name.get(message.stream)
        if feed is None:
            if message.stream not in self._unasked:
                self._unasked.add(message.stream)
                self._upstream.note_unasked(message.stream)
            return
        if not feed.live:
            return
        if feed.schema is None:
            self._refuse_early_record(message.stream)
        if message.version is not None and message.version != feed.version:
            self._version(feed, message.version)
        rows = self._limits.batch_rows
        # One that is a little too long goes whole: to cut it takes as long as to read it.
        while len(message) > (room := rows - feed.waiting) + rows // 4:
            first, message = message.split(room)
            self._add(feed, first)
        self._add(feed, message)

    def _add(self, feed: Feed, records: Records) -> None:
        feed.add(records, self.newest)
        self._waiting_bytes += len(records.text)
        if feed.waiting >= self._limits.batch_rows or feed.bytes >= self._limits.batch_bytes:
            self._flush(feed)
        elif self._waiting_bytes >= self._limits.waiting_bytes:
            self._flush(max(self.feeds.values(), key=lambda each: each.bytes))

    def _note(self, message: Schema | ActivateVersion | Batch | Restart) -> None:
        """Take what changes how the next records are read."""
        feed = self._by_name.get(message.stream)
        if feed is None or not feed.live:
            return
        match message:
            case Schema() if message != feed.schema:
                self._flush(feed)
                feed.schema = message
            case ActivateVersion() if message.version != feed.version:
                self._version(feed, message.version)
            case Restart():
                self._flush(feed)
                feed.restart = message
                feed.renewed = feed.renewed or message.renewed

    def _version(self, feed: Feed, version: int) -> None:
        if feed.version is not None and not self._upstream.mixes_versions:
            raise TapProtocolError(
                f"{self.name} sent two table versions of stream '{feed.stream}' in one run "
                f"({feed.version} and {version}).",
                "Set 'version_column: true' on the tap to load both, told apart by '_sdc_table_version'.",
            )
        self._flush(feed)
        feed.version = version

    def _flush(self, feed: Feed) -> None:
        waiting = feed.bytes
        if feed.flush(self.newest):
            self._ready += 1
            self._waiting_bytes -= waiting

    def _flush_old(self) -> None:
        """Make batches of rows that have waited long enough for more."""
        latest = time.monotonic() - self._limits.waiting_s
        for feed in self.feeds.values():
            if feed.waiting and feed.since < latest:
                self._flush(feed)

    def _refuse_early_record(self, stream: str) -> None:
        known = [name for name, feed in self._by_name.items() if feed.schema is not None]
        raise TapProtocolError(
            f"{self.name} sent a RECORD of stream '{stream}' before its SCHEMA.",
            did_you_mean(stream, known) or "Report it to the tap's maintainers.",
        )
