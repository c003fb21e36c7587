"""The mirror around one run of a tap: what is written of it, and what it takes over from a run that died.

In: a tap, the streams of a group with their slots, the place they are loaded into. Out: their messages.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Literal

import msgspec

from dlt_singer._types import JSON
from dlt_singer.config import Project
from dlt_singer.messages import Message
from dlt_singer.mirror import Limits, Recorder, Reservoir
from dlt_singer.mirror.record import Repeated
from dlt_singer.runs import Endings, RunStart, StreamStart, stamp
from dlt_singer.session import MessageStream
from dlt_singer.session.slots import Slot
from dlt_singer.session.snapshot import Snapshot
from dlt_singer.session.stream_schema import StreamOptions
from dlt_singer.source.keeping import Keeping
from dlt_singer.source.takeover import Takeover
from dlt_singer.tap import Tap
from dlt_singer.tap.executable import store_of
from dlt_singer.tap.fingerprint import catalog_fingerprint


@dataclass(frozen=True, slots=True)
class Place:
    """Where an extract loads into.

    Attributes:
        pipeline: dlt's pipeline.
        destination: The kind of its destination.
        dataset: The dataset there.
        load_id: The load package.
        keeping: Notes the runs, for whoever loads what had ended of those that fail; None if nobody does.
    """

    pipeline: str
    destination: str
    dataset: str
    load_id: str
    keeping: Keeping | None = None


@dataclass(frozen=True, slots=True)
class MirroredStream:
    """A stream of a run.

    Attributes:
        options: What is known of it besides its SCHEMA.
        name: As messages call it.
        slot: What is remembered of it.
        selection: What is selected of it.
    """

    options: StreamOptions
    name: str
    slot: Slot
    selection: JSON


class Mirroring:
    """Mirrors one run.

    Args:
        tap: The tap.
        reservoir: Where to.
        streams: The streams.
        state: What the pipeline has committed.
        place: Where the rows go.

    Attributes:
        repeated: The rows that the tap will repeat, of streams that no pipeline remembers.
    """

    def __init__(
        self, tap: Tap, reservoir: Reservoir, streams: Sequence[MirroredStream], state: JSON, place: Place
    ) -> None:
        self.tap = tap
        self.reservoir = reservoir
        self.start = begin(tap, streams, state, place)
        self.state = state
        self.repeated: dict[str, Repeated] = {}
        self._recorder: Recorder | None = None

    def recorder(self, start: RunStart) -> Recorder:
        """Return what mirrors the run, once it is known what it takes over."""
        self._recorder = Recorder(self.reservoir, start, Limits(checkpoint_s=self.tap.plugin.checkpoint_s))
        return self._recorder

    def finish(self, handed: Mapping[str, int], newest: Snapshot | None) -> None:
        """Write the manifest."""
        if self._recorder is None:
            return
        parts = {stream: newest.part(stream) if newest else None for stream in self.start.streams}
        bookmarks = {stream: part["value"] for stream, part in parts.items() if part}
        self._recorder.finish(handed, bookmarks, self.repeated)

    @property
    def is_stored(self) -> bool:
        """Whether all that has come is stored, once it is closed."""
        return self._recorder is not None and self._recorder.is_stored

    def close(self) -> None:
        """Store what has come so far."""
        if self._recorder is not None:
            self._recorder.close()


class MirroredRun:
    """The messages of a run, mirrored; first those it takes over from a run that died.

    Args:
        mirroring: The mirror.
        takeover: Finds out what it takes over.
        sync: Starts the tap from a state; None if nothing comes behind what is taken over.
        endings: Notes which streams have ended, if anybody wants to know.

    Attributes:
        start: The record of the run.
    """

    def __init__(
        self,
        mirroring: Mirroring,
        takeover: Callable[[], Takeover | None],
        sync: Callable[[JSON], MessageStream] | None,
        endings: Endings | None = None,
    ) -> None:
        self._mirroring = mirroring
        self._takeover = takeover
        self._sync = sync
        self.endings = endings
        self.start = mirroring.start
        self._run: MessageStream | None = None

    def __iter__(self) -> Iterator[Message]:
        mirroring = self._mirroring
        takeover = self._takeover()
        recorder = mirroring.recorder(mirroring.start if takeover is None else takeover.start)
        if takeover is not None:
            for message in takeover.messages():
                recorder.took_over(message)
                yield message
        messages: Iterable[Message] = ()
        if self._sync is not None:
            messages = self._run = self._sync(mirroring.state if takeover is None else takeover.state)
        if self.endings is not None:
            messages = self.endings.follow(messages)
        yield from recorder.record(messages)

    @property
    def is_stored(self) -> bool:
        """Whether all that has come is stored, once it is closed."""
        return self._mirroring.is_stored

    def close(self) -> None:
        """End the tap and store what has come so far; idempotent."""
        if self._run is not None:
            self._run.close()
        self._mirroring.close()


def reservoir_of(tap: Tap) -> Reservoir | None:
    """Return where a tap is mirrored, None if it is not."""
    wish = tap.plugin.reservoir
    return reservoir_at(tap, wish) if wish else None


def reservoir_to_read(tap: Tap) -> Reservoir:
    """Return where a tap is mirrored, or would be if nobody named another place."""
    return reservoir_at(tap, tap.plugin.reservoir or True)


def reservoir_at(tap: Tap, place: str | Literal[True]) -> Reservoir:
    """Return a tap's reservoir in a store; True means the project's own."""
    # A place of its own has the options that the project gives for stores of its kind.
    project = tap.project if place is True else _stored_at(tap.project, place)
    store = store_of(project)
    return Reservoir(store, tap.project.env, tap.name)


def _stored_at(project: Project, url: str) -> Project:
    return replace(project, settings={**project.settings, "storage_url": url})


def begin(tap: Tap, streams: Sequence[MirroredStream], state: JSON, place: Place) -> RunStart:
    """Return the record of a run that begins now."""
    now = datetime.now(timezone.utc)
    run = f"{now:%Y%m%dT%H%M%S%fZ}-{uuid.uuid4().hex[:8]}"
    selections = {stream.options.stream: stream.selection for stream in streams}
    return RunStart(
        run,
        tap.name,
        stamp(now),
        {stream.options.stream: _stream_start(stream, run) for stream in streams},
        msgspec.Raw(json.dumps(state).encode()),
        place.pipeline,
        place.destination,
        place.dataset,
        place.load_id,
        catalog_fingerprint(tap.plugin),
        _digest(selections),
        dict(tap.masks(None).effects),
        tap.salt_fingerprint(),
    )


def _stream_start(stream: MirroredStream, run: str) -> StreamStart:
    slot, options = stream.slot, stream.options
    part = slot.get("part")
    return StreamStart(
        stream.name,
        slot.get("run"),
        slot.get("lineage", run),
        options.replication_method,
        options.replication_key,
        tuple(options.users_keys or options.key_properties),
        tuple(options.deselected),
        _digest(stream.selection),
        slot.get("remembered", {}),
        slot.get("greatest"),
        None if part is None else part["value"],
    )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
