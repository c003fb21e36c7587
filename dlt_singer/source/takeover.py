"""What a run takes over from one that died: its mirrored rows, and the STATE the tap goes on from.

In: the reservoir, the run that begins, the state it would start from. Out: messages that come before the tap's, or
None; either way it is said in one line. Nothing is copied: the run's record names the files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from dlt_singer._types import JSON
from dlt_singer.errors import DamagedReservoirError, ReservoirError
from dlt_singer.messages import Message, Restart, State
from dlt_singer.mirror import Extent, Reservoir, replay_files
from dlt_singer.runs import ATTEMPTS, Checkpoint, Progress, Resumption, RunStart, Unfinished, resumption
from dlt_singer.session.snapshot import BOOKMARKS, Part, assemble, part_of, rest_of
from dlt_singer.tap import Tap, announce, warn

_CHECKED_FILES = 100
_LOOKED_AT = 20
"""So many runs after the last committed one are looked at; one of them is enough."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """What is taken over.

    Attributes:
        reservoir: Where it is.
        start: The run that begins, as it is recorded.
        state: What the tap is started from.
    """

    reservoir: Reservoir
    start: RunStart
    state: JSON

    def messages(self) -> Iterator[Message]:
        """Yield the rows, the STATE behind them, and that the tap begins anew."""
        taken = self.start.taken
        assert taken is not None  # noqa: S101 - there is no takeover without
        for stream in taken.covers:
            files = sorted((file for file in taken.files if file.stream == stream), key=lambda file: file.first)
            extent = Extent(restarts=self.start.streams[stream].restarts[:-1])
            try:
                yield from replay_files(self.reservoir, files, extent)
            except DamagedReservoirError as err:
                raise ReservoirError(
                    f"Run {taken.run} cannot be taken over: {err.reason}",
                    "Start over: singer(..., resume=False).",
                ) from None
        yield State(taken.state)
        for stream in taken.covers:
            yield Restart(stream)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run that begins.

    Attributes:
        tap: The tap.
        reservoir: Where it is mirrored.
        start: The run, as it would be recorded.
        state: What the pipeline has committed.
        known_streams: Streams whose parts of a STATE are theirs and not global.
    """

    tap: Tap
    reservoir: Reservoir
    start: RunStart
    state: JSON
    known_streams: Collection[str]

    def takeover(self) -> Takeover | None:
        """Return what it takes over, None if nothing; says which."""
        if not self.tap.plugin.resume:
            return None
        refused = ""
        for dead, found in self._candidates():
            attempts = 0 if dead.got_further else dead.start.attempts + 1
            if found.taken and attempts < ATTEMPTS:
                left = f" Read again: {'; '.join(found.left)}." if found.left else ""
                count = f"{sum(found.taken.values())} messages of its mirror"
                announce(f"{self.tap.name}: goes on where run {found.run} died, with {count}.{left}")
                return self._taken(dead, found, attempts)
            if found.taken:
                refused = f"{self.tap.name}: starts over; {attempts} runs took over the same and got no further."
                break
            if dead.checkpoints and not refused and not found.unrelated:
                how = "ended" if dead.ended else "died"
                refused = f"{self.tap.name}: starts over, not where run {found.run} {how}: {found.refused}."
        if refused:
            warn(refused)
        return None

    def completed(self, run: str) -> Takeover:
        """Return the streams whole, as a run that failed has left them: all of them had ended in it.

        Args:
            run: The run.
        """
        survey = self.reservoir.survey(records_only=True)
        lost = [*survey.unfinished({run}), *map(Unfinished.of_manifest, survey.manifests({run}).values())]
        covers = lost[0].newest.covers if lost and lost[0].newest is not None else {}
        if not self.start.streams.keys() <= covers.keys():
            raise ReservoirError(
                f"Run {run} of {self.tap.name} is not in {self.reservoir.url} any more.",
                "Run again: its rows are read anew.",
            )
        taken = {stream: covers[stream] for stream in self.start.streams}
        announce(f"{self.tap.name}: loading what had ended of run {run}: {', '.join(taken)}")
        return self._taken(lost[0], Resumption(run, taken, lost[0].files(taken)), 0)

    def _candidates(self) -> Iterator[tuple[Unfinished, Resumption]]:
        """Yield runs that the pipeline knows nothing of, newest first, up to the last one that ended well."""
        last = max((stream.parent or "" for stream in self.start.streams.values()), default="")
        survey = self.reservoir.survey(records_only=True)
        for run in sorted((run for run in survey.runs if last < run < self.start.run), reverse=True)[:_LOOKED_AT]:
            lost = [*survey.unfinished({run}), *map(Unfinished.of_manifest, survey.manifests({run}).values())]
            for dead in lost:
                if (
                    dead.start.place != self.start.place
                    or not dead.start.streams.keys() & self.start.streams.keys()
                ):
                    continue
                if dead.ended and not dead.start.pipeline:
                    # Its manifest has committed it.
                    return
                found = self._resumption(dead)
                gone = self.reservoir.missing(found.files[-_CHECKED_FILES:])
                yield dead, Resumption(run, {}, refused=f"{gone} is not what was stored") if gone else found
                if dead.ended:
                    return

    def _resumption(self, dead: Unfinished) -> Resumption:
        covering = _state_of(dead.newest)
        progress = {
            stream: Progress(_value(part_of(self.state, stream)), _value(part_of(covering, stream)))
            for stream in self.start.streams
        }
        moved = self._rest(covering) != self._rest(self.state)
        return resumption(dead, self.start, progress, rest_moved=moved)

    def _rest(self, state: JSON) -> JSON:
        rest = rest_of(state, self.known_streams)
        if isinstance(rest, Mapping) and rest.get(BOOKMARKS) == {}:
            # A state of no stream yet is as good as none.
            return {key: value for key, value in rest.items() if key != BOOKMARKS}
        return rest

    def _taken(self, dead: Unfinished, found: Resumption, attempts: int) -> Takeover:
        newest = dead.newest
        assert newest is not None  # noqa: S101 - nothing could be taken without
        covering = _state_of(newest)
        sources = {stream: covering if stream in found.taken else self.state for stream in self.known_streams}
        parts = {stream: part for stream, state in sources.items() if (part := part_of(state, stream)) is not None}
        state = assemble(rest_of(covering, self.known_streams), parts)
        taken = Checkpoint(
            found.run,
            0,
            found.files,
            msgspec.Raw(json.dumps(state).encode()),
            dict(found.taken),
            newest.at,
            {stream: versions for stream, versions in newest.versions.items() if stream in found.taken},
        )
        streams = {
            name: replace(stream, restarts=_restarts(dead, name, found.taken))
            for name, stream in self.start.streams.items()
        }
        start = replace(self.start, streams=streams, taken=taken, resumes=found.run, attempts=attempts)
        return Takeover(self.reservoir, start, state)


def _restarts(dead: Unfinished, stream: str, taken: Mapping[str, int]) -> tuple[int, ...]:
    before = dead.start.streams[stream].restarts if stream in dead.start.streams else ()
    at = taken.get(stream, 0)
    return (*(each for each in before if each < at), at) if at else ()


def _state_of(checkpoint: Checkpoint | None) -> JSON:
    state: JSON = None if checkpoint is None else msgspec.json.decode(checkpoint.state)
    return state


def _value(part: Part | None) -> JSON:
    return None if part is None else part["value"]
