"""Batches of one stream on their way through the pipe, several of them in one item if they come quickly.

What reads a load file does so by its row groups, and an item becomes one: a group of a batch's size costs DuckDB
a third more time than one of its own size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from dlt_singer.decode.arrow_table import Tables
from dlt_singer.session import Rows
from dlt_singer.session.boundary import Mark
from dlt_singer.session.stream_schema import StreamSchema
from dlt_singer.source.decoding import Content
from dlt_singer.source.table import Columns

if TYPE_CHECKING:
    from dlt_singer.source.sync import StreamSync

_ROWS: Final = 122_880
"""A row group of DuckDB's; others like theirs as large or larger."""
_BYTES: Final = 40 << 20
_PATIENCE_S: Final = 5.0


@dataclass(slots=True)
class Delivery:
    """Batches that become one item.

    Attributes:
        sync: The stream they belong to.
        shape: How the stream is decoded.
        batches: One, or several that came one after the other.
        content: Their rows, until dlt is given them.
        marks: Their rows as the boundary sees them, for a stream that repeats rows.
        sequence: The last `_sdc_sequence` in them, 0 without.
        rows: How many of their rows are new.
        has_hints: Whether the item carries the table's hints.
        tables: The item with its child tables, until they are written; None if dlt makes them of rows.
        columns: Those of the tables.
        disposition: How the table is written, if the user does not say.
        since: When the first of them was ready.
    """

    sync: StreamSync
    shape: StreamSchema
    batches: list[Rows]
    content: Content
    marks: list[Mark] = field(default_factory=list)
    sequence: int = 0
    rows: int = 0
    has_hints: bool = False
    tables: Tables | None = None
    columns: Columns = field(default_factory=dict)
    disposition: str = ""
    since: float = field(default_factory=time.monotonic)

    def join(self, after: Delivery) -> bool:
        """Take what comes after it; return False if it cannot."""
        ours, theirs = self.content, after.content
        if not (isinstance(ours, Tables) and isinstance(theirs, Tables)) or self.shape is not after.shape:
            return False
        if not ours.fits(theirs):
            return False
        self.content = ours.join(theirs)
        self.batches += after.batches
        self.marks += after.marks
        self.sequence = after.sequence
        self.rows += after.rows
        after.content = []
        return True

    @property
    def bytes(self) -> int:
        """How much memory waiting for more takes."""
        return self.content.bytes if isinstance(self.content, Tables) else 0

    @property
    def full(self) -> bool:
        """Whether it is not to grow any more."""
        return not isinstance(self.content, Tables) or len(self.content) >= _ROWS or self.bytes >= _BYTES

    @property
    def old(self) -> bool:
        """Whether it has waited long enough for more."""
        return time.monotonic() - self.since > _PATIENCE_S


class Pause(Enum):
    """Something else comes first, before more is taken of a stream."""

    FOR_OTHERS = auto()
    """It is another stream's turn."""
    TO_HAND_OVER = auto()
    """What follows depends on what came before having reached dlt."""


def joined(deliveries: Iterator[Delivery | Pause], hold: Callable[[int], bool]) -> Iterator[Delivery | Pause]:
    """Join what comes quickly.

    Args:
        deliveries: Of one stream, in order.
        hold: Counts the bytes that wait here and elsewhere, fewer if negative, and tells whether there is room.

    Yields:
        The same rows in larger deliveries.
    """
    waiting: list[Delivery] = []

    def ready() -> Delivery:
        hold(-waiting[0].bytes)
        return waiting.pop()

    try:
        for delivery in deliveries:
            if isinstance(delivery, Pause):
                if waiting and (waiting[0].old or delivery is Pause.TO_HAND_OVER):
                    yield ready()
                yield delivery
                continue
            has_room = hold(delivery.bytes)
            if waiting and not waiting[0].join(delivery):
                yield ready()
            if not waiting:
                waiting.append(delivery)
            if waiting[0].full or not has_room:
                yield ready()
        if waiting:
            yield ready()
    finally:
        if waiting:
            ready()
