"""Which streams share which run of a tap: one set of sessions per source definition, source object and extract.

The set is made at the first pull, when dlt has restored its state and it is certain which streams are really
read; the tap then starts narrowed to those. It hangs on dlt's own object for the extract and ends with it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Mapping, Sequence

from dlt.common.runtime.collector import NullCollector
from dlt.extract.items_transform import LimitItem
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

from dlt_singer.progress import Progress, watch
from dlt_singer.session import Session
from dlt_singer.session.slots import Group, group_streams
from dlt_singer.source.account import Account, Tally
from dlt_singer.source.arrow_items import arrow_items, bring_json_as_text
from dlt_singer.source.context import StreamContext
from dlt_singer.source.decoding import Decoders
from dlt_singer.source.definition import Definition
from dlt_singer.source.handover import HandOver
from dlt_singer.source.mirroring import Place
from dlt_singer.source.partitions import Ledger, Share, Turns, shares_of
from dlt_singer.source.running import (
    active_pipeline,
    current_extract,
    current_source,
    file_format_of,
    goal,
    is_refreshing,
    place_of,
)
from dlt_singer.source.steps import extracted, own_steps, read_together, users_steps
from dlt_singer.source.summaries import note
from dlt_singer.source.table import Table
from dlt_singer.source.wide_schema import widen
from dlt_singer.state import keep_committed_state, live_slots

_EXTRACTS = "_dlt_singer_extracts"
_LEDGER = "_dlt_singer_ledger"
_joining = threading.Lock()


class Extract:
    """The streams of one definition in one extract.

    Args:
        definition: The source definition.
        source: What dlt extracts; None if a resource is read without a source.
        resources: The streams that are read, with their resources.

    Attributes:
        stops: How many of its streams have ended, one right after the other.
    """

    def __init__(
        self, definition: Definition, source: DltSource | None, resources: Mapping[str, DltResource | None]
    ) -> None:
        self._definition = definition
        self._source = source
        self._resources = resources
        names = {stream: resource.name if resource else stream for stream, resource in resources.items()}
        self._slots = live_slots(definition.owner, names)
        pipeline = active_pipeline()
        if source is not None:
            widen(source, pipeline)
        self._file_format = file_format_of(pipeline)
        self._arrow = arrow_items(*goal(pipeline))
        if self._arrow is not None:
            bring_json_as_text(self, names.values())
        self._decoders = Decoders()
        weakref.finalize(self, self._decoders.close)
        if pipeline is not None:
            # What dlt has restored, before the tap is started from it.
            keep_committed_state(pipeline, definition.tap)
        # What the tap has must be known before a run of it can be narrowed to the streams of a group.
        definition.prepare(self._slots)
        self._pipeline = pipeline
        self._place = place_of(pipeline)
        self._account = _account(definition, self._place, [*resources], self._decoders)
        self._open: set[str] = set()
        self._left: set[str] = set()
        self._closed = False
        groups = definition.spread(group_streams(self._slots.all(), self._slots.shared))
        self._sessions = {stream: session for group in groups for stream, session in self._session(group)}
        self._parents = {id(resource._pipe.parent) for resource in extracted(source)}  # noqa: SLF001 - no public way up
        self._known_streams = definition.known_streams() | resources.keys()
        self._shares = _shares(definition, source, resources)
        self.stops = 0
        self._progress = self._watch()

    def context(self, step: HandOver) -> StreamContext:
        """Return what a stream of this extract works with.

        Args:
            step: The stream's last step.
        """
        stream = step.stream
        session = self._sessions[stream]
        resource = self._resources[stream]
        feeds_transformer = resource is not None and id(resource._pipe) in self._parents  # noqa: SLF001 - as above
        steps = users_steps(resource)
        return StreamContext(
            self._definition.stream_options(stream, resource, self._source, step.backend),
            session,
            session.feeds[stream],
            self._slots,
            Table(
                resource,
                self._source.schema if self._source is not None else None,
                self._file_format,
                self._arrow,
                feeds_transformer=feeds_transformer,
                has_steps=any(not isinstance(each, LimitItem) for each in steps),
            ),
            self._known_streams,
            self._decoders,
            Tally() if self._account is None else self._account.tallies[stream],
            self._shares.get(stream),
            counts_items=any(isinstance(each, LimitItem) for each in steps),
        )

    def enter(self, step: HandOver) -> None:
        """Note that a stream is being read.

        Args:
            step: The stream's last step.
        """
        self._open.add(step.stream)

    def reads_with(self, turns: Turns) -> bool:
        """Return whether this is a partition that is being read among these."""
        return self._definition.turns is turns and bool(self._open)

    def leave(self, step: HandOver) -> None:
        """Note that a stream is not read any more; the last one makes the summary.

        Args:
            step: The stream's last step.
        """
        with _joining:
            self._open.discard(step.stream)
            self._left.add(step.stream)
            # After a failure dlt closes what it has begun; it may not have begun with all.
            is_last = not self._open and (self._left >= self._resources.keys() or self._failed)
            account, self._account = (self._account, None) if is_last else (None, self._account)
        if is_last:
            # Python waits at its end for a thread whose start Ctrl-C has broken off, and tells it nothing.
            self._decoders.close()
        if is_last and self._progress is not None:
            self._progress.close()
        if account is not None and self._pipeline is not None:
            note(self._pipeline, self._definition.tap.project, account.summary())

    @property
    def _failed(self) -> bool:
        return self._closed or any(session.failure is not None for session in self._sessions.values())

    def close(self) -> None:
        """End every run of the tap: the extract fails."""
        self._closed = True
        for session in self._sessions.values():
            session.close()

    def _session(self, group: Group) -> list[tuple[str, Session]]:
        names = self._definition.message_names(group.streams)
        upstream = self._definition.upstream(group, self._slots, self._place)
        session = Session(upstream, names)
        if self._account is not None:
            self._account.add(upstream, session)
        # Generators that dlt never started have no `finally` to run.
        weakref.finalize(self, session.close)
        return [(stream, session) for stream in group.streams]

    def _watch(self) -> Progress | None:
        """Show how the run goes on, unless dlt shows it."""
        if self._account is None or not isinstance(getattr(self._pipeline, "collector", None), NullCollector):
            return None
        plugin = self._definition.tap.plugin
        progress = watch(self._account.reading, plugin.progress, plugin.progress_s)
        if progress is not None:
            # Also if dlt forgets about it.
            weakref.finalize(self, progress.close)
        return progress


def join(step: HandOver) -> Extract | None:
    """Return the extract that is running, made by the first of its streams that asks.

    Args:
        step: The asking stream's last step.

    Returns:
        The extract; None while it is the turn of other partitions.

    Raises:
        SelectionError: Two resources of the extract read the same stream.
    """
    context, source = current_extract(), current_source()
    with _joining:
        extracts: dict[tuple[int, int], Extract] = context.__dict__.setdefault(_EXTRACTS, {})
        key = (id(step.definition), id(source))
        if key not in extracts:
            turns = step.definition.turns
            if turns is not None and sum(each.reads_with(turns) for each in extracts.values()) >= turns.at_a_time:
                return None
            resources, definitions = read_together(step, source)
            extract = Extract(step.definition, source, resources)
            extracts |= {(id(definition), id(source)): extract for definition in definitions}
        extracts[key].enter(step)
        return extracts[key]


def _shares(definition: Definition, source: DltSource | None, streams: Collection[str]) -> dict[str, Share]:
    """Return the share that a partition has of each table.

    Raises:
        SelectionError: dlt is told to drop or empty tables that hold rows of others, too.
    """
    steps = (step for resource in extracted(source) for step in own_steps(resource))
    read = {(step.definition.tap.name, step.stream) for step in steps}
    ledger = current_extract().__dict__.setdefault(_LEDGER, Ledger())
    shares = shares_of(definition.tap, streams, read, ledger)
    if is_refreshing():
        for share in shares.values():
            share.refuse_refresh()
    return shares


def _account(
    definition: Definition, place: Place | None, streams: Sequence[str], decoders: Decoders
) -> Account | None:
    """Return what the summary is made from; None if rows are only looked at."""
    return None if place is None else Account(definition, place, streams, decoders)
