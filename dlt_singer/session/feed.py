"""One stream of a session: rows on their way from the tap to the host, and which STATE they make count. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import msgspec

from dlt_singer.messages import Schema
from dlt_singer.session.snapshot import Snapshot


@dataclass(slots=True)
class Rows:
    """A batch of one stream.

    Attributes:
        number: Batches of a stream are numbered from 1.
        first: Number of the first row within the run.
        schema: The SCHEMA the rows came under.
        raws: The rows as JSON text.
        version: Their table version, if the tap keeps versions.
        state: The newest STATE that counts, as far as this stream goes, once the batch is handed over.
        counted: How many of the run's rows stand before that STATE.
    """

    number: int
    first: int
    schema: Schema
    raws: list[msgspec.Raw]
    version: int | None
    state: Snapshot | None
    counted: int


class Feed:
    """Buffers one stream.

    A batch that was handed over makes the newest STATE count that stands before the stream's next record. That
    STATE is known when that record comes, so the batch is completed then (`_seal`); until it comes, the newest
    STATE of all is the one.
    """

    __slots__ = (
        "_at_state",
        "_handed",
        "_raws",
        "_seen_state",
        "_tail",
        "bytes",
        "live",
        "queue",
        "schema",
        "stream",
        "total",
        "version",
    )

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.live = True
        self.schema: Schema | None = None
        self.version: int | None = None
        self.queue: deque[Rows] = deque()
        self.total = 0
        self.bytes = 0
        self._raws: list[msgspec.Raw] = []
        self._seen_state: Snapshot | None = None
        self._at_state = 0
        # Stands for "nothing yet": the STATE before the first record needs no row to be handed over.
        self._handed = self._tail = Rows(0, 0, Schema("", msgspec.Raw(b"{}")), [], None, None, 0)

    def add(self, raw: msgspec.Raw, size: int, newest: Snapshot | None) -> int:
        """Take a record; return how many rows wait for a batch now."""
        if not self._raws:
            self._seal(newest)
        if newest is not self._seen_state:
            self._seen_state, self._at_state = newest, self.total
        self._raws.append(raw)
        self.total += 1
        self.bytes += size
        return len(self._raws)

    def flush(self, newest: Snapshot | None) -> bool:
        """Make a batch of the waiting rows; return whether there were any."""
        if not self._raws or self.schema is None:
            return False
        first, counted = self.total - len(self._raws), self._counted(newest)
        self._tail = Rows(self._tail.number + 1, first, self.schema, self._raws, self.version, newest, counted)
        self.queue.append(self._tail)
        self._raws, self.bytes = [], 0
        return True

    def hand_over(self, rows: Rows) -> None:
        """Note that a batch reached the host, and so all before it."""
        if rows.number > self._handed.number:
            self._handed = rows

    def counts(self, newest: Snapshot | None) -> tuple[Snapshot | None, int]:
        """Return the newest STATE that counts for this stream and how many of its rows stand before it."""
        if self.live and self._handed is self._tail and not self._raws:
            return newest, self._counted(newest)
        return self._handed.state, self._handed.counted

    def close(self, newest: Snapshot | None) -> None:
        """Take no more: whatever comes, this stream's STATE stays where its handed rows are."""
        if not self._raws:
            self._seal(newest)
        self.live = False
        self.queue.clear()
        self._raws, self.bytes = [], 0

    def _seal(self, newest: Snapshot | None) -> None:
        self._tail.state, self._tail.counted = newest, self._counted(newest)

    def _counted(self, newest: Snapshot | None) -> int:
        """Return how many rows stand before the newest STATE; one no record has come after stands behind all."""
        return self._at_state if newest is self._seen_state else self.total
