"""What one stream works with in one extract: its own part of things, and what it shares with the others."""

from __future__ import annotations

from dataclasses import dataclass

from dlt_singer.session import Feed, Session
from dlt_singer.session.stream_schema import StreamOptions
from dlt_singer.source.account import Tally
from dlt_singer.source.decoding import Decoders
from dlt_singer.source.partitions import Share
from dlt_singer.source.table import Table
from dlt_singer.state import Slots


@dataclass(frozen=True, slots=True)
class StreamContext:
    """What a stream works with in one extract.

    Attributes:
        options: What is known of the stream besides its SCHEMA.
        session: The tap's run, shared with other streams.
        feed: The stream's own part of it.
        slots: What is remembered between runs.
        table: Where the rows go.
        known_streams: Streams whose parts of a STATE are theirs and not global.
        decoders: Those of the extract.
        tally: Takes what the summary says of the stream.
        share: What a partition must not do to the table; None if the tap is none.
        counts_items: The user limits how many items there are, so none is to be larger than a batch.
    """

    options: StreamOptions
    session: Session
    feed: Feed
    slots: Slots
    table: Table
    known_streams: frozenset[str]
    decoders: Decoders
    tally: Tally
    share: Share | None = None
    counts_items: bool = False
