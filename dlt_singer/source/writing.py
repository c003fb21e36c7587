"""`write`: a tap run for its reservoir alone. No destination, no table, no dlt.

The manifest of a run commits its rows and where they end at once, so it is the state, too: the next run goes on
from the newest one that counts, on whatever machine. Only rows that nothing but their values tells are looked into.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dlt_singer._types import JSON
from dlt_singer.messages import Schema
from dlt_singer.mirror import Reservoir
from dlt_singer.progress import watch
from dlt_singer.runs import NULL, Manifest, live_chains
from dlt_singer.session import END, Rows, Session
from dlt_singer.session.boundary import Boundary
from dlt_singer.session.slots import Group, Slot, group_streams
from dlt_singer.session.snapshot import part_of, rest_of
from dlt_singer.session.stream_schema import StreamOptions, StreamSchema
from dlt_singer.source.account import Account, Tally
from dlt_singer.source.decoding import Decoders
from dlt_singer.source.definition import Definition
from dlt_singer.source.mirroring import Mirroring, Place, reservoir_to_read
from dlt_singer.source.overlay import tap_of
from dlt_singer.source.partitions import refuse_whole
from dlt_singer.source.upstream import TapUpstream
from dlt_singer.summary import RunSummary, document
from dlt_singer.tap.logs import keep_summary

NOWHERE = Place("", "", "", "")


def write(
    tap: str,
    streams: Sequence[str] | None = None,
    *,
    env: str | None = None,
    project_dir: str | Path | None = None,
    full: bool = False,
) -> RunSummary:
    """Run a tap and mirror it, without loading it anywhere.

    Args:
        tap: The tap's name in `alto.yaml`.
        streams: Streams to read; by default those that the tap's `select` rules leave.
        env: The environment of `alto.yaml`.
        project_dir: Where `alto.yaml` is; by default the working directory or above it.
        full: Read all of it again, as a lineage of its own.

    Returns:
        What the run did.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
        TapError: The tap failed. What it has sent is taken over by the next run.
        DamagedReservoirError: A manifest cannot be read, so that nobody knows where to go on.
        StorageError: The store refuses.

    Example:
        >>> write("tap-github").rows_read  # doctest: +SKIP
        1204
    """
    found = tap_of(tap, env, project_dir, {})
    refuse_whole(found)
    definition = Definition(found)
    chosen = definition.streams([streams] if isinstance(streams, str) else streams)
    definition.catalog.selection()
    return _Writing(definition, reservoir_to_read(definition.tap), chosen, full=full).run()


def written_slots(manifests: Sequence[Manifest], streams: Sequence[str], known: frozenset[str]) -> dict[str, Slot]:
    """Return what is remembered of streams that were written before.

    Args:
        manifests: The runs that ended well.
        streams: The streams.
        known: Streams whose parts of a STATE are theirs and not global.
    """
    written = [run for run in manifests if not run.start.pipeline]
    newest = {stream: [chain.newest for chain in live_chains(written, stream)] for stream in streams}
    return {stream: _slot(runs[-1], stream, known) for stream, runs in newest.items() if runs}


def _manifests(reservoir: Reservoir) -> tuple[Manifest, ...]:
    survey = reservoir.survey(records_only=True)
    manifests = tuple(survey.manifests().values())
    for damage in survey.damaged.values():
        # It may be the one to go on from.
        raise damage
    return manifests


def _slot(run: Manifest, stream: str, known: frozenset[str]) -> Slot:
    # A tap that had nothing to say of its state is where it was.
    raw = run.start.state if run.state == NULL else run.state
    state: JSON = msgspec.json.decode(raw)
    end = run.streams[stream]
    slot = Slot(
        stream=stream,
        rest=rest_of(state, known),
        run=run.run,
        lineage=run.start.streams[stream].lineage,
        remembered=end.remembered,
        greatest=end.greatest,  # type: ignore[typeddict-item]  # JSON, as it was read
    )
    part = part_of(state, stream)
    if part is not None:
        slot["part"] = part
    return slot


class _Writing:
    """All runs of the tap that one `write` takes: one, unless states or `parallel` part the streams."""

    def __init__(self, definition: Definition, reservoir: Reservoir, streams: Sequence[str], *, full: bool) -> None:
        self._definition = definition
        self._reservoir = reservoir
        known = definition.known_streams() | frozenset(streams)
        slots = written_slots(() if full else _manifests(reservoir), streams, known)
        self._slots: Mapping[str, Slot | None] = {stream: slots.get(stream) for stream in streams}
        self._account = Account(definition, NOWHERE, streams, Decoders())
        groups = definition.spread(group_streams(self._slots, {}))
        self._streams = [stream for group in groups for stream in self._session(group)]

    def run(self) -> RunSummary:
        """Read all streams to their ends."""
        plugin = self._definition.tap.plugin
        progress = watch(self._account.reading, plugin.progress, plugin.progress_s)
        waiting = deque(self._streams)
        try:
            while waiting:
                stream = waiting.popleft()
                if stream.take_turn():
                    waiting.append(stream)
        finally:
            if progress is not None:
                progress.close()
            for stream in self._streams:
                stream.session.close()
            summary = self._account.summary()
            keep_summary(self._definition.tap.project, summary.id, document(summary))
        return summary

    def _session(self, group: Group) -> list[_WrittenStream]:
        definition = self._definition
        mirroring = definition.mirroring(group, self._slots, self._reservoir, NOWHERE)
        upstream = TapUpstream(definition, group, mirroring)
        session = Session(upstream, definition.message_names(group.streams))
        self._account.add(upstream, session)
        options = [definition.stream_options(stream, None, None) for stream in group.streams]
        return [
            _WrittenStream(session, mirroring, each, self._slots[each.stream], self._account.tallies[each.stream])
            for each in options
        ]


class _WrittenStream:
    """One stream of a run: its batches are passed over, for the mirror has them."""

    def __init__(
        self, session: Session, mirroring: Mirroring, options: StreamOptions, slot: Slot | None, tally: Tally
    ) -> None:
        self.session = session
        self._mirroring = mirroring
        self._options = options
        self._feed = session.feeds[options.stream]
        self._slot = slot or Slot()
        self._tally = tally
        self._schema: Schema | None = None
        self._boundary: Boundary | None = None
        self._replication_key: str | None = None
        tally.begin(self._slot, None)

    def take_turn(self) -> bool:
        """Take the next batch if there is one; return whether there may be more."""
        batch = self.session.pull(self._feed)
        if batch is END:
            self._end()
            return False
        if batch is not None:
            self._note_repeated(batch)
            batch.pieces = []
            self.session.hand_over(self._feed, batch)
            self._tally.add(batch.rows, known=0)
        return True

    def _note_repeated(self, batch: Rows) -> None:
        """Remember the rows that the tap will send again, as a pipeline would."""
        if batch.schema is not self._schema:
            self._schema = batch.schema
            self._boundary = self._boundary or self._first_boundary(batch.schema)
        if self._boundary is None:
            return
        if batch.restart is not None:
            self._boundary = Boundary(*self._boundary.remembered(batch.first), self._replication_key)
        self._boundary.handed(batch.first, self._boundary.mark(batch.raws))

    def _first_boundary(self, schema: Schema) -> Boundary | None:
        if self._options.replication_method != "INCREMENTAL":
            return None
        shape = StreamSchema(schema, self._options, lambda _: {})
        self._replication_key = shape.replication_key
        boundary = Boundary(self._slot.get("remembered"), self._slot.get("greatest"), shape.replication_key)
        return boundary if shape.repeats_rows else None

    def _end(self) -> None:
        feed, slot = self._feed, self._slot
        snapshot, counted = self.session.counts(feed)
        if feed.schema is None:
            self.session.note_skipped(feed)
        else:
            self._mirroring.repeated[feed.stream] = (
                (slot.get("remembered", {}), slot.get("greatest"))
                if self._boundary is None
                else self._boundary.remembered(counted, complete=True)
            )
        part = snapshot.part(feed.stream) if snapshot is not None else None
        written_by = None if feed.schema is None else "mirror"
        self._tally.end(slot if part is None else Slot(part=part), written_by, complete=True)
        self.session.close_feed(feed)
