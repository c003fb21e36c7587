"""What is replayed of a reservoir, as the messages that a tap would send; the upstream of a session.

How far a pipeline is stands in its state as a tap's bookmarks do: for each stream the run that was loaded last, and
the last of alto's files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from dlt_singer._types import JSON
from dlt_singer.errors import DamagedReservoirError, ReservoirError
from dlt_singer.messages import Message, Restart, State
from dlt_singer.mirror import replay_files, replay_stream
from dlt_singer.mirror.holdings import AltoFiles
from dlt_singer.runs import Chain, Cursor, Manifest, Manner, Plan, StreamEnd, plan
from dlt_singer.session import MessageStream
from dlt_singer.session.slots import Group
from dlt_singer.session.snapshot import Snapshot, part_of
from dlt_singer.tap import announce, warn

if TYPE_CHECKING:
    from dlt_singer.source.account import ObservedRun
    from dlt_singer.source.replaying import ReservoirDefinition


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
        self._masked_anew: set[str] = set()
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
        if self._masked_anew:
            warn(
                f"{self.name}: from run {max(self._masked_anew)} on, values are masked by other rules or with "
                "another salt than before. All are loaded as they were stored; since= leaves older runs out."
            )
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
        cursor, file = cursor_of(self._group.state, stream)
        chain = self._definition.chain(stream)
        if chain is not None:
            self._check(chain, cursor)
        part, manner = part_after(self._definition, stream, cursor, file)
        if not manner.whole:
            self._note_masks(cursor, part.plan.runs)
        return part

    def _note_masks(self, cursor: Cursor | None, runs: Sequence[Manifest]) -> None:
        """Note with which runs masks change in a table that keeps the rows of those before."""
        loaded = self._definition.holdings.manifests.get(cursor.run) if cursor is not None else None
        following = [*([loaded] if loaded is not None else []), *runs]
        self._masked_anew |= {
            later.run for earlier, later in pairwise(following) if earlier.start.masking != later.start.masking
        }

    def _check(self, chain: Chain, cursor: Cursor | None) -> None:
        definition = self._definition
        if (
            definition.portion is not None
            and cursor is not None
            and cursor.run not in {run.run for run in chain.runs}
        ):
            raise ReservoirError(
                f"Run {cursor.run} of stream '{chain.stream}' was loaded by this share before, and is not in it "
                "any more: the shares are cut otherwise now.",
                "Cut them as they were: same streams, since and until, and no run pruned before all are joined.",
            )
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


def part_after(
    definition: ReservoirDefinition, stream: str, cursor: Cursor | None = None, file: str = ""
) -> tuple[Part, Manner]:
    """Return what is to be loaded of a stream after what was loaded, and how it is read.

    Args:
        definition: What is replayed.
        stream: The stream.
        cursor: The run that was loaded last; None for none.
        file: The last of alto's files that was loaded; empty for none.
    """
    options = definition.stream_options(stream, None, None)
    chain, window = definition.chain(stream), definition.wish.window
    manner = Manner(
        options.replication_method == "FULL_TABLE",
        bool(options.users_keys or options.key_properties or (chain and _end(chain).key_properties)),
        definition.tap.plugin.version_column,
    )
    found = Plan(stream, ())
    if chain is not None:
        found = plan(chain, manner, cursor, window, definition.holdings.manifests)
    alto = definition.holdings.alto_after(stream, file, window, chain)
    part = Part(stream, found, tuple(alto[-1:] if manner.whole else alto))
    return part.latest(whole=manner.whole), manner


def cursor_of(state: JSON, stream: str) -> tuple[Cursor | None, str]:
    """Return the run of a stream that was loaded last, and the last of alto's files; None and empty if none was."""
    done = _done(state, stream)
    run = done.get("run")
    return (Cursor(run, bool(done.get("begun"))) if isinstance(run, str) else None), str(done.get("file") or "")


def _end(chain: Chain) -> StreamEnd:
    return chain.newest.streams[chain.stream]


def _done(state: JSON, stream: str) -> dict[str, JSON]:
    part = part_of(state, stream)
    return dict(part["value"]) if part is not None and isinstance(part["value"], Mapping) else {}
