"""The batches of an extract made into Arrow tables, ahead of time and in threads, or into rows.

While dlt writes one batch the next are decoded and the tap fills its pipe. How many are on their way is bounded
for the whole extract, and with it the memory they take.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from typing import Final, TypeAlias

import pyarrow as pa

from dlt_singer.decode import NotExact
from dlt_singer.decode.arrow_table import Tables
from dlt_singer.errors import BackendError
from dlt_singer.session import Rows
from dlt_singer.session.stream_schema import SEQUENCE, StreamSchema, with_column

FEW_ROWS = 10
"""A batch of fewer is not worth a file of its own: a tap with thousands of streams would pay for them."""
_THREADS: Final = 2
_AHEAD: Final = 4
_HELD_BYTES: Final = 96 << 20

Content: TypeAlias = Tables | list[dict[str, object]]
"""A batch as dlt gets it."""


class Decoders:
    """Decodes for all streams of an extract; starts its threads when it is first used.

    Attributes:
        counts: How many batches of each stream became `arrow` and how many `rows`.
        reasons: Why batches of a stream became rows, the first time.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.reasons: dict[str, str] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._free = threading.BoundedSemaphore(_AHEAD)
        self._held_bytes = 0
        self._lock = threading.Lock()

    def start(self, decode: Callable[[], Tables]) -> Future[Tables] | None:
        """Return a decoding on its way, None if there are enough of them."""
        if not self._free.acquire(blocking=False):
            return None
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tap-decode")
        return self._threads.submit(decode)

    def take(self, future: Future[Tables]) -> Tables:
        """Wait for a decoding that was started; each must be taken once."""
        try:
            return future.result()
        finally:
            self._free.release()

    def hold(self, more_bytes: int) -> bool:
        """Count what waits to be joined over all streams; return whether there is room for more of it."""
        with self._lock:
            self._held_bytes += more_bytes
            return self._held_bytes < _HELD_BYTES

    def close(self) -> None:
        """Let the threads end; idempotent."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class Decoding:
    """A batch that is being decoded.

    Attributes:
        batch: The batch.
        shape: How its stream is decoded.
        decoders: Those of the extract.
        typed: Puts an Arrow table into the types of the destination; None if the stream is given rows.
        obstacle: Why it is; empty if that was to be.
    """

    batch: Rows
    shape: StreamSchema
    decoders: Decoders
    typed: Callable[[Tables], Tables] | None
    obstacle: str = ""
    _future: Future[Tables] | None = None

    def start(self) -> bool:
        """Begin in a thread; return whether there was one to spare, and something for it to do."""
        # What is decoded in is made in this thread, before others share it.
        if self.typed is not None and self.shape.arrow:
            self._future = self.decoders.start(self._table)
        return self._future is not None

    @property
    def ready(self) -> bool:
        """Whether `content` need not wait for a thread."""
        return self._future is None or self._future.done()

    def content(self) -> Content:
        """Return the batch as Arrow if that is exact, else as rows; to be called once.

        Raises:
            BackendError: Arrow was asked for and is not exact.
            TapProtocolError: A record is no JSON object or lacks its key.
        """
        try:
            table = self._table() if self._future is None else self.decoders.take(self._future)
        except NotExact as verdict:
            rows = self.shape.rows(self.batch)
            self._note_rows(verdict)
            return rows
        self.decoders.counts[self.shape.options.stream, "arrow"] += 1
        return table

    def _table(self) -> Tables:
        if self.typed is None:
            raise NotExact(self.obstacle)
        return self.typed(self.shape.table(self.batch))

    def _note_rows(self, verdict: NotExact) -> None:
        options = self.shape.options
        at = f", property '{verdict.column}'" if verdict.column else ""
        if options.backend == "arrow":
            raise BackendError(
                f"Stream '{options.stream}'{at} cannot be loaded as Arrow: {verdict.reason}.",
                "Nothing was loaded. With backend 'auto' such batches are loaded as rows.",
            )
        self.decoders.counts[options.stream, "rows"] += 1
        if verdict.reason:
            self.decoders.reasons.setdefault(options.stream, f"{verdict.reason}{at}")


def kept(content: Content, keep: list[bool]) -> Content:
    """Return only the rows to keep."""
    if isinstance(content, list):
        return list(compress(content, keep))
    return content if all(keep) else content.filter(keep)


def numbered(content: Content, first: int) -> Content:
    """Put the order of arrival into a column."""
    if isinstance(content, list):
        for number, row in enumerate(content, first):
            row[SEQUENCE] = number
        return content
    numbers = pa.array(range(first, first + len(content)), pa.int64())
    return content.with_root(lambda root: with_column(root, SEQUENCE, numbers))
