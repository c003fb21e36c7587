"""One stream in one extract: batches pulled, made into items for dlt, handed over, remembered.

A STATE is remembered once every row before it was handed over. That is when the generator is resumed after the
rows, or when they have passed the last step of the pipe: a limit closes the generator and keeps the rows.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import cast

from dlt.extract.extractors import materialize_schema_item
from dlt.extract.hints import TResourceHints
from dlt.extract.items import DataItemWithMeta

from dlt_singer._types import JSON
from dlt_singer.decode.arrow_table import Tables
from dlt_singer.hints import TableHints
from dlt_singer.messages import Restart, Schema
from dlt_singer.session import END, Rows
from dlt_singer.session.boundary import REMEMBERED_ROWS, Boundary
from dlt_singer.session.slots import Slot, write_rest
from dlt_singer.session.snapshot import Snapshot
from dlt_singer.session.stream_schema import StreamSchema
from dlt_singer.source import decoding
from dlt_singer.source.context import StreamContext
from dlt_singer.source.decoding import Content, Decoding, kept, numbered
from dlt_singer.source.delivery import Delivery, Pause, joined
from dlt_singer.source.nested import Columns
from dlt_singer.source.running import empty_before_load
from dlt_singer.tap import warn


class StreamSync:
    """Reads one stream to its end, or until it is closed.

    Args:
        context: What it works with.
    """

    def __init__(self, context: StreamContext) -> None:
        self._context = context
        self._stream = context.feed.stream
        self._slot = (context.slots.get(self._stream) or Slot()).copy()
        context.tally.begin(self._slot, context.table.name)
        self._version_before = self._slot.get("version")
        self._shape: StreamSchema | None = None
        self._boundary: Boundary | None = None
        self._sequence = max(self._slot.get("sequence", 0) + 1, time.time_ns() // 1000)
        self._columns: Columns = {}
        self._hints_arrived = False
        self._new_key = ""
        self._has_arrow = False
        self._handed = 0
        self._complete = False
        self._stored: Snapshot | None = None

    def items(self) -> Iterator[DataItemWithMeta | None]:
        """Yield rows with their hints, None when it is another stream's turn."""
        session, feed = self._context.session, self._context.feed
        deliveries = self._deliveries()
        if not self._context.counts_items:
            deliveries = joined(deliveries, self._context.decoders.hold)
        for delivery in deliveries:
            if isinstance(delivery, Pause):
                if delivery is Pause.FOR_OTHERS:
                    yield None
                continue
            items = self._items_of(delivery)
            while items:
                # Kept nowhere here: thousands of other streams may have their turn before this goes on.
                yield items.pop()
            self.hand_over(delivery)
        with session.lock:
            self._complete = True
            self._remember()
        if self._boundary is not None and self._slot.get("remembered") is None:
            self._warn_forgetful()
        if feed.schema is None:
            session.note_skipped(feed)
            if self._context.share is not None:
                self._context.share.skip()
        elif not self._hints_arrived:
            yield self._empty_table(feed.schema)

    def arrived(self, delivery: Delivery) -> None:
        """Note that an item has passed the last step of the pipe."""
        with self._context.session.lock:
            self._hints_arrived = self._hints_arrived or delivery.has_hints
            tables, delivery.tables = delivery.tables, None
        if tables is not None:
            self._context.table.write_children(tables, delivery.columns, delivery.disposition)
        self.hand_over(delivery)

    def hand_over(self, delivery: Delivery) -> None:
        """Note that batches reached dlt; idempotent."""
        first, last = delivery.batches[0], delivery.batches[-1]
        with self._context.session.lock:
            if last.number <= self._handed:
                return
            self._handed = last.number
            self._context.session.hand_over(self._context.feed, last)
            self._context.tally.add(delivery.rows, known=sum(mark.known for mark in delivery.marks))
            if self._boundary is not None:
                self._boundary.handed(first.first, delivery.marks)
            if delivery.sequence:
                self._slot["sequence"] = delivery.sequence
            self._remember()

    def close(self) -> None:
        """Read no more; what was handed over is what is remembered."""
        with self._context.session.lock:
            self._context.session.close_feed(self._context.feed)
            if not self._context.session.failed:
                self._remember()
        self._context.table.close(failed=self._context.session.failed)
        shape = self._shape
        written_by = None if shape is None else self._context.table.disposition(self._disposition(shape))
        self._context.tally.end(self._slot, written_by, complete=self._complete)

    def _shape_of(self, schema: Schema) -> StreamSchema:
        if self._shape is None or self._shape.schema is not schema:
            before = self._shape
            self._shape = StreamSchema(schema, self._context.options, self._context.table.stored_columns)
            if before is not None and before.hints.primary_key != self._shape.hints.primary_key:
                # A file of Arrow cannot change what may be null.
                self._new_key = "its key has changed within the run"
            for warning in self._shape.hints.warnings:
                warn(f"{self._context.session.name}: {warning}")
            if self._shape.repeats_rows and self._boundary is None:
                slot = Slot() if self._renewed() else self._slot
                self._boundary = Boundary(slot.get("remembered"), slot.get("greatest"), self._shape.replication_key)
        return self._shape

    def _deliveries(self) -> Iterator[Delivery | Pause]:
        """Decode batches."""
        for each in self._decodings():
            if isinstance(each, Pause):
                yield each
                continue
            if each.batch.restart is not None:
                # What is known after it is what was handed over before it.
                yield Pause.TO_HAND_OVER
            yield self._delivery(each)

    def _delivery(self, decoded: Decoding) -> Delivery:
        """Return a batch as dlt gets it, and let its text go."""
        batch, shape = decoded.batch, decoded.shape
        if batch.restart is not None:
            self._restart(shape, batch.restart, batch.first)
        delivery = Delivery(self, shape, [batch], decoded.content())
        if self._boundary is not None:
            delivery.marks = self._boundary.mark(batch.raws)
            delivery.content = kept(delivery.content, [not mark.known for mark in delivery.marks])
        delivery.rows = len(delivery.content)
        if self._merges(shape):
            delivery.content = numbered(delivery.content, self._sequence)
            self._sequence += delivery.rows
            delivery.sequence = self._sequence - 1
        batch.pieces = []
        return delivery

    def _restart(self, shape: StreamSchema, restart: Restart, first: int) -> None:
        """Expect rows to come again, as if another run began here; those before it are all handed over."""
        if self._boundary is None:
            return
        if restart.committed:
            remembered, greatest = restart.remembered, cast("JSON", restart.greatest)
        else:
            with self._context.session.lock:
                remembered, greatest = self._boundary.remembered(first)
        self._boundary = Boundary(remembered, greatest, shape.replication_key)

    def _decodings(self) -> Iterator[Decoding | Pause]:
        """Pull batches and decode them ahead."""
        waiting: deque[Decoding] = deque()
        while (batch := self._context.session.pull(self._context.feed)) is not END:
            if batch is not None:
                if self._shape is not None and self._shape.schema is not batch.schema:
                    # A new SCHEMA is read in the types that the batches before it have given the table.
                    yield from _emptied(waiting)
                    yield Pause.TO_HAND_OVER
                waiting.append(self._decoding(batch))
                # Whoever takes a batch makes room to decode another ahead.
                while waiting and not waiting[-1].start():
                    yield waiting.popleft()
            elif waiting and waiting[0].ready:
                yield waiting.popleft()
            else:
                yield Pause.FOR_OTHERS
        yield from _emptied(waiting)

    def _decoding(self, batch: Rows) -> Decoding:
        shape, table = self._shape_of(batch.schema), self._context.table
        few = shape.options.backend == "auto" and len(batch) < decoding.FEW_ROWS
        if few or shape.options.backend == "rows":
            return Decoding(batch, shape, self._context.decoders, None)
        obstacle = table.arrow_obstacle or self._new_key
        if shape.hints.children and not obstacle:
            obstacle = table.child_obstacle(self._disposition(shape)) or ""
        typed = None if obstacle else partial(table.typed, columns=_columns(shape.hints))
        return Decoding(batch, shape, self._context.decoders, typed, obstacle or "")

    def _items_of(self, delivery: Delivery) -> list[DataItemWithMeta]:
        """Return the item of a delivery, which lets its rows go; none if no row of it is new."""
        content, delivery.content = delivery.content, []
        return [self._item(delivery, content)] if len(content) else []

    def _item(self, delivery: Delivery, content: Content) -> DataItemWithMeta:
        shape = delivery.shape
        # Once Arrow has brought columns of dlt's, a file of rows must not lack them.
        self._has_arrow = self._has_arrow or isinstance(content, Tables)
        columns = self._columns_of(shape)
        if isinstance(content, Tables) and shape.hints.children:
            # dlt would give the columns of an Arrow item to the tables that nested hints come for.
            delivery.tables, delivery.columns, delivery.disposition = content, columns, self._disposition(shape)
            columns = {(): columns[()]}
        if columns != self._columns:
            self._columns, self._hints_arrived = columns, False
        delivery.has_hints = not self._hints_arrived
        items = content.root if isinstance(content, Tables) else content
        return self._context.table.item(items, delivery, self._hints(shape) if delivery.has_hints else None)

    def _empty_table(self, schema: Schema) -> DataItemWithMeta:
        """Make dlt create, or empty, the table of a stream that was synced and of which no row arrived."""
        shape = self._shape_of(schema)
        self._columns = self._columns_of(shape)
        return self._context.table.item(materialize_schema_item(), None, self._hints(shape))

    def _columns_of(self, shape: StreamSchema) -> Columns:
        added = self._context.table.arrow_columns if self._has_arrow else {}
        return {(): {**shape.columns(merges=self._merges(shape)), **added}, **shape.child_columns()}

    def _hints(self, shape: StreamSchema) -> TResourceHints:
        if self._renewed() and shape.disposition == "merge" and self._context.table.is_written_as_we_say:
            empty_before_load(self._context.table.filled())
        return self._context.table.hints(self._columns, shape.hints.primary_key, self._disposition(shape))

    def _merges(self, shape: StreamSchema) -> bool:
        table = self._context.table
        return table.disposition(self._disposition(shape)) == "merge" and not table.keeps_history

    def _disposition(self, shape: StreamSchema) -> str:
        replaces = shape.disposition == "replace" or self._renewed()
        if replaces and self._context.share is not None and self._context.table.is_written_as_we_say:
            self._context.share.replace(new_version=shape.disposition != "replace")
        # dlt's replace drops no row whose key comes again, so a table with keys is emptied and merged into.
        return "replace" if replaces and shape.disposition != "merge" else shape.disposition

    def _renewed(self) -> bool:
        """Whether the tap began a new table version, so that no row before it is current."""
        version = self._context.feed.version
        versioned = version not in (None, self._version_before) and not self._context.options.version_column
        if self._version_before is None and self._context.share is not None:
            # The first of a partition; the table may hold rows of others.
            versioned = False
        return versioned or self._context.feed.renewed

    def _remember(self) -> None:
        """Write the stream's slot as of the newest STATE that counts."""
        feed, slot = self._context.feed, self._slot
        if feed.schema is None:
            return
        snapshot, counted = self._context.session.counts(feed)
        if snapshot is not None and snapshot is not self._stored:
            part = snapshot.part(self._stream)
            slot.pop("part", None)
            if part is not None:
                slot["part"] = part
            write_rest(slot, snapshot.rest(self._context.known_streams), self._context.slots.shared)
            self._stored = snapshot
        if feed.version is not None:
            slot["version"] = feed.version
        if self._boundary is not None:
            slot["remembered"], slot["greatest"] = self._boundary.remembered(counted, complete=self._complete)
        self._context.slots.put(self._stream, slot)

    def _warn_forgetful(self) -> None:
        warn(
            f"{self._context.session.name}: stream '{self._stream}' has no key, and more than {REMEMBERED_ROWS} of "
            "its rows will come again in the next run; they will be loaded twice. Give it keys if it has any "
            "(`key-properties` under `metadata`)."
        )


def _emptied(waiting: deque[Decoding]) -> Iterator[Decoding]:
    while waiting:
        yield waiting.popleft()


def _columns(hints: TableHints) -> Columns:
    return {(): hints.columns, **{path: table.columns for path, table in hints.descendants()}}
