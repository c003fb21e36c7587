"""A tap's reservoir in the place of the tap: the same streams, hints and tables, and nothing is started.

What was loaded is noted as the tap's bookmarks would be, stream by stream: the run that was loaded last, and the
last of alto's files. So every pipeline catches up by itself, and a reset of a stream resets this too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from dlt_singer._types import JSON
from dlt_singer.errors import DamagedReservoirError, ReservoirError, UnknownStreamError, did_you_mean
from dlt_singer.messages import Message, Restart, State
from dlt_singer.mirror import Reservoir, replay_files, replay_stream
from dlt_singer.mirror.holdings import AltoFiles, Holdings
from dlt_singer.runs import Chain, Cursor, Manifest, Manner, Plan, StreamEnd, Window, plan
from dlt_singer.session import MessageStream
from dlt_singer.session.slots import Group, Slot
from dlt_singer.session.snapshot import Snapshot, part_of
from dlt_singer.session.stream_schema import StreamOptions
from dlt_singer.source.definition import Definition
from dlt_singer.source.mirroring import Place
from dlt_singer.tap import Tap, announce, warn

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

    from dlt_singer.source.account import ObservedRun, ObservedUpstream
    from dlt_singer.state import Slots

_NAMED_FILES = 3
Damaged: TypeAlias = Literal["fail", "skip"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be replayed.

    Attributes:
        window: Of what time.
        lineage: Which lineage, if there are several.
        damaged: What to do about files that cannot be used.
    """

    window: Window = field(default_factory=Window)
    lineage: str | None = None
    damaged: Damaged = "fail"


class ReservoirDefinition(Definition):
    """A tap's reservoir as one source uses it.

    Args:
        tap: The tap.
        reservoir: Where it was mirrored.
        wish: What is to be replayed.
    """

    def __init__(self, tap: Tap, reservoir: Reservoir, wish: Wish) -> None:
        super().__init__(tap)
        self.reservoir = reservoir
        self.wish = wish
        self._holdings: Holdings | None = None

    @property
    def owner(self) -> str:
        """Whose the slots of its streams are: not the tap's, whose bookmarks mean something else."""
        return owner_of(self.tap.name)

    def prepare(self, slots: Slots) -> None:
        """Look at what is there now; of runs that were loaded before, at the last ones alone.

        Raises:
            DamagedReservoirError: A record cannot be read.
        """
        cursors = {
            stream: _cursor({"bookmarks": _bookmark(slot)}, stream)[0] for stream, slot in slots.all().items()
        }
        self._holdings = self._recent(cursors) or Holdings.of(self.reservoir)
        if self._holdings.damaged and self.wish.damaged == "fail":
            raise self._holdings.damaged[0]
        for damage in self._holdings.damaged:
            warn(f"{self.owner}: {damage.reason} It is left out.")
        for path in self._holdings.foreign[:_NAMED_FILES]:
            warn(
                f"{self.owner}: {self.reservoir.url}/{path} belongs to no run and is in no index; it is left out. "
                "Remove it, or put it into alto's index if alto has left it behind."
            )

    @property
    def holdings(self) -> Holdings:
        """What was there when the extract began."""
        assert self._holdings is not None  # noqa: S101 - `prepare` comes first
        return self._holdings

    def _recent(self, cursors: Mapping[str, Cursor | None]) -> Holdings | None:
        """Return the holdings since the oldest cursor, None if that does not tell what is to be loaded."""
        loaded = {stream: cursor.run for stream, cursor in cursors.items() if cursor is not None}
        if len(loaded) < len(cursors):
            return None
        found = Holdings.of(self.reservoir, since=min(loaded.values()))
        for stream, run in loaded.items():
            chain = found.chain(stream, self.wish.lineage)
            if chain is None or run not in {each.run for each in chain.runs}:
                return None
        return found

    def streams(self, asked: Sequence[str] | None) -> tuple[str, ...]:
        """Return the streams to read: those asked for, else all there are.

        Raises:
            ReservoirError: Nothing is there.
        """
        if asked:
            return tuple(dict.fromkeys(asked))
        found = Holdings.of(self.reservoir).streams
        if not found:
            raise ReservoirError(
                f"The reservoir of {self.tap.name} in {self.reservoir.store.url} holds no run that ended well.",
                f"Run the tap with a reservoir first: singer({self.tap.name!r}, reservoir=True).",
            )
        return found

    def message_names(self, streams: Collection[str]) -> dict[str, str]:
        """Return the stream of each name that messages may use."""
        names = {name: stream for stream in streams for name in self.holdings.names_of(stream)}
        return {**names, **{stream: stream for stream in streams}}

    def known_streams(self) -> frozenset[str]:
        """Return every stream there is, as far as anybody has looked."""
        return frozenset(self._holdings.streams if self._holdings is not None else ())

    def stream_options(
        self, stream: str, resource: DltResource | None, source: DltSource | None, backend: str | None = None
    ) -> StreamOptions:
        """Return what the newest run knew of a stream, with what the user says now on top."""
        options = super().stream_options(stream, resource, source, backend)
        chain = self.chain(stream)
        if chain is None:
            return options
        was = chain.newest.start.streams[stream]
        return replace(
            options,
            replication_method=was.replication_method,
            replication_key=was.replication_key,
            key_properties=was.key_properties,
            deselected=was.deselected,
        )

    def chain(self, stream: str) -> Chain | None:
        """Return the runs of a stream that count.

        Raises:
            LineageError: There are several lineages and none was named.
        """
        return self.holdings.chain(stream, self.wish.lineage)

    def upstream(self, group: Group, slots: Slots, place: Place | None) -> ObservedUpstream:  # noqa: ARG002 - nothing is mirrored
        """Return the messages of a group of streams.

        Raises:
            UnknownStreamError: One of them is not there.
        """
        for stream in group.streams:
            if stream not in self.holdings.streams:
                known = self.holdings.streams
                raise UnknownStreamError(
                    f"The reservoir of {self.tap.name} has no stream '{stream}'.",
                    f"{did_you_mean(stream, known)} It has: {', '.join(known[:20]) or 'nothing yet'}.".lstrip(),
                )
        return ReplayUpstream(self, group)


class ReplayUpstream:
    """Runs out of the reservoir, for streams that are replayed together; the upstream of a session.

    Args:
        definition: What is replayed.
        group: The streams, and what was loaded of them.

    Attributes:
        runs: Starts of the tap: none.
    """

    def __init__(self, definition: ReservoirDefinition, group: Group) -> None:
        self._definition = definition
        self._group = group
        self.runs: tuple[ObservedRun, ...] = ()

    @property
    def name(self) -> str:
        """Whose messages these are, for errors."""
        return self._definition.owner

    @property
    def mixes_versions(self) -> bool:
        """Whether rows keep their table version in a column."""
        return self._definition.tap.plugin.version_column

    def start(self) -> MessageStream:
        """Find out what is to be loaded; nothing is read yet."""
        parts = [self._part(stream) for stream in self._group.streams]
        runs = {run.run for part in parts for run in part.plan.runs}
        rows = sum(run.streams[part.stream].records for part in parts for run in part.plan.runs)
        files = sum(len(alto.files) for part in parts for alto in part.alto)
        theirs = f", and {files} of alto's files" if files else ""
        announce(f"{self.name}: loading {rows} records of {len(runs)} runs{theirs}")
        return Replay(self._definition, parts, self._group.state)

    def note_unasked(self, stream: str) -> None:
        """Pass over a stream that is in a file and was not asked for."""

    def note_skipped(self, stream: str) -> None:
        """Pass over a stream of which there is nothing new."""

    def finish(self, handed: Mapping[str, int], newest: Snapshot | None) -> None:
        """Do nothing: dlt's state has what was loaded."""

    def _part(self, stream: str) -> Part:
        definition, options = self._definition, self._definition.stream_options(stream, None, None)
        chain = definition.chain(stream)
        cursor, file = _cursor(self._group.state, stream)
        manner = Manner(
            options.replication_method == "FULL_TABLE",
            bool(options.users_keys or options.key_properties or (chain and _end(chain).key_properties)),
            self.mixes_versions,
        )
        window = definition.wish.window
        found = Plan(stream, ())
        if chain is not None:
            self._check(chain, cursor)
            found = plan(chain, manner, cursor, window, definition.holdings.manifests)
        alto = definition.holdings.alto_after(stream, file, window, chain)
        return Part(stream, found, tuple(alto[-1:] if manner.whole else alto)).latest(whole=manner.whole)

    def _check(self, chain: Chain, cursor: Cursor | None) -> None:
        if chain.missing and self._definition.wish.damaged == "fail":
            run = chain.missing[0]
            raise DamagedReservoirError(
                f"Run {run} of stream '{chain.stream}' is missing in {self._definition.reservoir.url}: a later one "
                "continues it.",
                "Restore its folder, or leave it out with reservoir(..., damaged='skip').",
                path=f"_runs/{run}",
            )
        if not chain.begins and cursor is None:
            warn(
                f"{self.name}: what is there of stream '{chain.stream}' begins in the middle, with run "
                f"{chain.runs[0].run}; rows from before are not in the reservoir."
            )


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be loaded of one stream.

    Attributes:
        stream: The stream.
        plan: The runs.
        alto: alto's own files, in groups between which our runs come.
    """

    stream: str
    plan: Plan
    alto: tuple[AltoFiles, ...]

    def latest(self, *, whole: bool) -> Part:
        """Return only what came last, if each has all rows."""
        if not whole or not (self.plan.runs and self.alto):
            return self
        ours_is_last = self.plan.runs[-1].start.started_at > self.alto[-1].at
        return replace(self, alto=()) if ours_is_last else replace(self, plan=Plan(self.stream, ()))

    def in_order(self) -> list[Manifest | AltoFiles]:
        """Return runs and groups of files by time."""
        units: list[tuple[str, Manifest | AltoFiles]] = [(run.start.started_at, run) for run in self.plan.runs]
        units += [(alto.at, alto) for alto in self.alto]
        return [unit for _, unit in sorted(units, key=lambda pair: pair[0])]


class Replay:
    """The messages of several streams, one after the other.

    Args:
        definition: What is replayed.
        parts: What is to be loaded.
        state: What was loaded before.
    """

    def __init__(self, definition: ReservoirDefinition, parts: Sequence[Part], state: JSON) -> None:
        self._definition = definition
        self._parts = parts
        self._done = {part.stream: _done(state, part.stream) for part in parts}

    def __iter__(self) -> Iterator[Message]:
        for part in self._parts:
            for unit in part.in_order():
                yield from self._run(part, unit) if isinstance(unit, Manifest) else self._files(part, unit)

    def close(self) -> None:
        """Do nothing: what reads ahead ends with its reader."""

    def _run(self, part: Part, run: Manifest) -> Iterator[Message]:
        stream = part.stream
        first = run is part.plan.runs[0]
        if not (first and part.plan.begun):
            was = run.start.streams[stream]
            yield Restart(stream, was.remembered, was.greatest, committed=True, renewed=first and part.plan.renewed)
            yield self._noted(stream, run=run.run, begun=True)
        yield from replay_stream(self._definition.reservoir, run, stream, self._on_damage)
        yield self._noted(stream, run=run.run)

    def _files(self, part: Part, alto: AltoFiles) -> Iterator[Message]:
        yield from replay_files(self._definition.reservoir, alto.files, on_damage=self._on_damage)
        yield self._noted(part.stream, file=alto.last)

    def _noted(self, stream: str, *, run: str | None = None, begun: bool = False, file: str | None = None) -> State:
        done = dict(self._done[stream])
        if run is not None:
            done = {**{key: value for key, value in done.items() if key != "begun"}, "run": run}
            if begun:
                done["begun"] = True
        if file is not None:
            done["file"] = file
        self._done[stream] = done
        return State(msgspec.Raw(json.dumps({"bookmarks": self._done}).encode()))

    def _on_damage(self, damage: DamagedReservoirError) -> None:
        if self._definition.wish.damaged == "fail":
            raise damage
        warn(f"{self._definition.owner}: {damage.reason} It is left out.")


def owner_of(tap: str) -> str:
    """Return whose the slots of a tap's replayed streams are."""
    return f"reservoir of {tap}"


def _end(chain: Chain) -> StreamEnd:
    return chain.newest.streams[chain.stream]


def _done(state: JSON, stream: str) -> dict[str, JSON]:
    part = part_of(state, stream)
    return dict(part["value"]) if part is not None and isinstance(part["value"], Mapping) else {}


def _bookmark(slot: Slot | None) -> JSON:
    part = (slot or Slot()).get("part")
    return {} if part is None or slot is None else {slot["stream"]: part["value"]}


def _cursor(state: JSON, stream: str) -> tuple[Cursor | None, str]:
    done = _done(state, stream)
    run = done.get("run")
    return (Cursor(run, bool(done.get("begun"))) if isinstance(run, str) else None), str(done.get("file") or "")
