"""One stream of a session: rows on their way from the tap to the host, and which STATE they make count.

Pure, but for the clock that says how long rows have waited.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import msgspec

from dlt_singer.messages import Records, Restart, Schema
from dlt_singer.session.snapshot import Snapshot


@dataclass(slots=True)
class Rows:
    """A batch of one stream.

    Attributes:
        number: Batches of a stream are numbered from 1.
        first: Number of the first row within the run.
        schema: The SCHEMA the rows came under.
        pieces: The rows, as they came.
        version: Their table version, if the tap keeps versions.
        state: The newest STATE that counts, as far as this stream goes, once the batch is handed over.
        counted: How many of the run's rows stand before that STATE.
        rows: How many rows there are, also once they are let go.
        restart: The stream was begun anew before its rows.
    """

    number: int
    first: int
    schema: Schema
    pieces: list[Records]
    version: int | None
    state: Snapshot | None
    counted: int
    rows: int = 0
    restart: Restart | None = None

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    @property
    def raws(self) -> list[msgspec.Raw]:
        """The rows as JSON text.

        Raises:
            MessageError: A piece holds a line that is no RECORD of the stream.
        """
        return [raw for piece in self.pieces for raw in piece.raws]


class Feed:
    """Buffers one stream.

    A batch that was handed over makes the newest STATE count that stands before the stream's next record. That
    STATE is known when that record comes, so the batch is completed then (`_seal`); until it comes, the newest
    STATE of all is the one.
    """

    __slots__ = (
        "_at_state",
        "_handed",
        "_pieces",
        "_seen_state",
        "_tail",
        "bytes",
        "live",
        "queue",
        "read_bytes",
        "renewed",
        "restart",
        "schema",
        "since",
        "stream",
        "total",
        "version",
        "waiting",
    )

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.live = True
        self.schema: Schema | None = None
        self.version: int | None = None
        self.restart: Restart | None = None
        self.renewed = False
        self.queue: deque[Rows] = deque()
        self.total = 0
        self.read_bytes = 0
        self.since = 0.0
        self.bytes = 0
        self._pieces: list[Records] = []
        self.waiting = 0
        self._seen_state: Snapshot | None = None
        self._at_state = 0
        # Stands for "nothing yet": the STATE before the first record needs no row to be handed over.
        self._handed = self._tail = Rows(0, 0, Schema("", msgspec.Raw(b"{}")), [], None, None, 0)

    def add(self, records: Records, newest: Snapshot | None) -> None:
        """Take records."""
        if not self._pieces:
            self._seal(newest)
            self.since = time.monotonic()
        if newest is not self._seen_state:
            self._seen_state, self._at_state = newest, self.total
        self._pieces.append(records)
        self.waiting += len(records)
        self.total += len(records)
        self.bytes += len(records.text)
        self.read_bytes += len(records.text)

    def flush(self, newest: Snapshot | None) -> bool:
        """Make a batch of the waiting rows; return whether there were any."""
        if not self._pieces or self.schema is None:
            return False
        first, counted = self.total - self.waiting, self._counted(newest)
        self._tail = Rows(
            self._tail.number + 1, first, self.schema, self._pieces, self.version, newest, counted,
            self.waiting, self.restart,
        )  # fmt: skip
        self.queue.append(self._tail)
        self._pieces, self.waiting, self.bytes, self.restart = [], 0, 0, None
        return True

    @property
    def handed(self) -> int:
        """How many rows reached the host."""
        return self._handed.first + self._handed.rows

    def hand_over(self, rows: Rows) -> None:
        """Note that a batch reached the host, and so all before it."""
        if rows.number > self._handed.number:
            self._handed = rows

    def counts(self, newest: Snapshot | None) -> tuple[Snapshot | None, int]:
        """Return the newest STATE that counts for this stream and how many of its rows stand before it."""
        if self.live and self._handed is self._tail and not self._pieces:
            return newest, self._counted(newest)
        return self._handed.state, self._handed.counted

    def close(self, newest: Snapshot | None) -> None:
        """Take no more: whatever comes, this stream's STATE stays where its handed rows are."""
        if not self._pieces:
            self._seal(newest)
        self.live = False
        self.queue.clear()
        self._pieces, self.waiting, self.bytes = [], 0, 0

    def _seal(self, newest: Snapshot | None) -> None:
        self._tail.state, self._tail.counted = newest, self._counted(newest)

    def _counted(self, newest: Snapshot | None) -> int:
        """Return how many rows stand before the newest STATE; one no record has come after stands behind all."""
        return self._at_state if newest is self._seen_state else self.total
