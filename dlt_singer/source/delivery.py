"""Batches of one stream on their way through the pipe, several of them in one item if they come quickly.

An item becomes a row group of the load file. DuckDB stores row groups of its own size as they come and must put
together what is a little more or less, which takes it twice as long.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from dlt.extract.hints import HintsMeta, TResourceHints
from dlt.extract.items import TableNameMeta

from dlt_singer.decode.arrow_table import Tables
from dlt_singer.session import Rows
from dlt_singer.session.boundary import Mark
from dlt_singer.session.stream_schema import StreamSchema
from dlt_singer.source.decoding import Content
from dlt_singer.source.nested import Columns

if TYPE_CHECKING:
    from dlt_singer.source.sync import StreamSync

_ROWS: Final = 122_880
"""A row group of DuckDB's; others like theirs as large or larger."""
_FEW_ROWS: Final = 7_680
"""The smallest part of it that is worth cutting for."""
_BYTES: Final = 80 << 20
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
        bytes: How much memory waiting for more takes.
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
    bytes: int = 0
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
        self.bytes += after.bytes
        after.content = []
        return True

    def cut(self) -> Delivery | None:
        """Keep a row group, or a half or quarter of one, and return the rows behind it; None if all are kept.

        A batch that is cut through is handed over with its last rows.
        """
        rows = _ROWS
        while rows > max(len(self.content), _FEW_ROWS):
            rows //= 2
        if not isinstance(self.content, Tables) or self.content.children or self.marks or len(self.content) <= rows:
            return None
        kept, rest = self.content.cut(rows)
        whole = len(self.batches)
        while sum(batch.rows for batch in self.batches[whole:]) < len(rest):
            whole -= 1
        if whole == 0:
            return None
        after = replace(self, batches=self.batches[whole:], content=rest, marks=[], rows=len(rest))
        after.since, after.bytes = time.monotonic(), self.bytes * len(rest) // len(self.content)
        self.batches, self.content, self.rows = self.batches[:whole], kept, len(kept)
        self.bytes -= after.bytes
        return after

    @property
    def full(self) -> bool:
        """Whether it is not to grow any more."""
        return not isinstance(self.content, Tables) or len(self.content) >= _ROWS or self.bytes >= _BYTES

    @property
    def old(self) -> bool:
        """Whether it has waited long enough for more."""
        return time.monotonic() - self.since > _PATIENCE_S


class DeliveredHints(HintsMeta):
    """The hints of an item's table, and the delivery the item is; None if it is none."""

    __slots__ = ("delivery",)

    def __init__(self, hints: TResourceHints, delivery: Delivery | None) -> None:
        super().__init__(hints, create_table_variant=True)
        self.delivery = delivery


class DeliveredTable(TableNameMeta):
    """The table of an item, and the delivery the item is."""

    __slots__ = ("delivery",)

    def __init__(self, table_name: str, delivery: Delivery | None) -> None:
        super().__init__(table_name)
        self.delivery = delivery


class Delivered:
    """Only the delivery an item is."""

    __slots__ = ("delivery",)

    def __init__(self, delivery: Delivery | None) -> None:
        self.delivery = delivery


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
    joining = _Joining(hold)
    try:
        for each in deliveries:
            if isinstance(each, Pause):
                yield from joining.before(each)
                yield each
            else:
                yield from joining.take(each)
        yield from joining.all()
    finally:
        deque(joining.all(), maxlen=0)


class _Joining:
    """What waits for more."""

    def __init__(self, hold: Callable[[int], bool]) -> None:
        self._hold = hold
        self._waiting: Delivery | None = None

    def take(self, delivery: Delivery) -> Iterator[Delivery]:
        """Add a delivery; yield what is ready."""
        # Counted once: Arrow adds up the buffers of every column anew.
        delivery.bytes = delivery.content.bytes if isinstance(delivery.content, Tables) else 0
        has_room = self._hold(delivery.bytes)
        if self._waiting is not None and not self._waiting.join(delivery):
            yield from self.all()
        if self._waiting is None:
            self._waiting = delivery
        if self._waiting.full or not has_room:
            yield self._ready(self._waiting, self._waiting.cut())

    def before(self, pause: Pause) -> Iterator[Delivery]:
        """Yield what goes first."""
        if self._waiting is not None and (self._waiting.old or pause is Pause.TO_HAND_OVER):
            yield from self.all()

    def all(self) -> Iterator[Delivery]:
        """Yield everything."""
        if self._waiting is not None:
            yield self._ready(self._waiting, None)

    def _ready(self, delivery: Delivery, rest: Delivery | None) -> Delivery:
        self._hold(-delivery.bytes)
        self._waiting = rest
        return delivery
