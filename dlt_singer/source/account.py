"""What an extract does, noted while it does it: its streams, its starts of the tap, and how it ended.

In: what streams and sessions tell. Out: a `RunSummary`, and readings of it while it runs. Costs a few additions for
each batch; knows nothing of records.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from dlt_singer.errors import reason_of
from dlt_singer.progress import Reading, StreamReading
from dlt_singer.runs import stamp
from dlt_singer.session import Session, Upstream
from dlt_singer.session.slots import Slot
from dlt_singer.source.decoding import Decoders
from dlt_singer.source.mirroring import Place
from dlt_singer.summary import Origin, ProcessSummary, RunSummary, StreamSummary, bookmark_words
from dlt_singer.tap.logs import new_id

if TYPE_CHECKING:
    from dlt_singer.source.definition import Definition

_LARGE_STATE_BYTES = 1 << 16
"""A STATE beyond is not taken apart only to be looked at."""


class ObservedRun(Protocol):
    """A start of the tap that can say what it does."""

    @property
    def log_id(self) -> str | None:
        """The name of its log, None without one."""
        ...

    def summary(self) -> ProcessSummary:
        """Return what is known of it so far."""
        ...


class ObservedUpstream(Upstream, Protocol):
    """An upstream whose starts of the tap can be seen."""

    @property
    def runs(self) -> Sequence[ObservedRun]:
        """The starts so far."""
        ...


@dataclass(slots=True)
class Tally:
    """What is noted of one stream.

    Attributes:
        table: Its table.
        written_by: How that is written.
        handed: Rows that reached dlt.
        known: Rows that were dropped because the last run had them.
        began_at: Its part of the STATE before.
        ended_at: The same after.
        complete: Whether it was read to its end.
    """

    table: str | None = None
    written_by: str | None = None
    handed: int = 0
    known: int = 0
    began_at: str | None = None
    ended_at: str | None = None
    complete: bool = False

    def begin(self, slot: Slot, table: str | None) -> None:
        """Note where the stream starts."""
        self.table, self.began_at = table, _bookmark(slot)

    def add(self, new: int, *, known: int) -> None:
        """Note new rows that were handed over, and how many came that had been loaded before."""
        self.handed += new
        self.known += known

    def end(self, slot: Slot, written_by: str | None, *, complete: bool) -> None:
        """Note where the stream has come."""
        self.ended_at, self.written_by, self.complete = _bookmark(slot), written_by, complete


class Account:
    """What one extract of one tap does.

    Args:
        definition: What is read.
        place: Where it is loaded into.
        streams: The streams, in the order of the source.
        decoders: Those of the extract.
    """

    def __init__(self, definition: Definition, place: Place, streams: Sequence[str], decoders: Decoders) -> None:
        self._definition = definition
        self._place = place
        self._decoders = decoders
        self._began = time.monotonic()
        self._started_at = stamp(datetime.now(timezone.utc))
        self._runs: list[tuple[ObservedUpstream, Session]] = []
        self._sessions: dict[str, Session] = {}
        self.tallies = {stream: Tally() for stream in streams}

    def add(self, upstream: ObservedUpstream, session: Session) -> None:
        """Take in a session."""
        self._runs.append((upstream, session))
        self._sessions |= dict.fromkeys(session.feeds, session)

    def reading(self) -> Reading:
        """Return what can be seen now; may be called in any thread."""
        streams = []
        for stream, session in self._sessions.items():
            feed = session.feeds[stream]
            streams.append(
                StreamReading(stream, feed.total, feed.read_bytes, _latest(session, stream), done=not feed.live)
            )
        return Reading(self._definition.owner, time.monotonic() - self._began, tuple(streams))

    def summary(self) -> RunSummary:
        """Return the summary, once the extract is over."""
        tap, place = self._definition.tap, self._place
        runs = [run for upstream, _ in self._runs for run in upstream.runs]
        failure = next((session.failure for _, session in self._runs if session.failure is not None), None)
        return RunSummary(
            id=next((run.log_id for run in runs if run.log_id), None) or new_id(tap.name),
            tap=tap.name,
            environment=tap.project.env,
            started_at=self._started_at,
            origin=self._origin,
            pipeline=place.pipeline,
            destination=place.destination,
            dataset=place.dataset,
            load_id=place.load_id,
            seconds=time.monotonic() - self._began,
            result="ok" if failure is None else "failed",
            reason=None if failure is None else reason_words(failure),
            streams=tuple(self._stream(stream, failed=failure is not None) for stream in self.tallies),
            processes=tuple(run.summary() for run in runs),
        )

    @property
    def _origin(self) -> Origin:
        if self._definition.owner != self._definition.tap.name:
            return "reservoir"
        keeping = self._place.keeping
        return "tap" if keeping is None or keeping.reading is None else "failed run"

    def _stream(self, stream: str, *, failed: bool) -> StreamSummary:
        tally, feed = self.tallies[stream], self._sessions[stream].feeds[stream]
        counts = self._decoders.counts
        return StreamSummary(
            stream,
            tally.table,
            tally.written_by,
            rows_read=feed.total,
            rows_handed=tally.handed,
            rows_known=tally.known,
            bytes_read=feed.read_bytes,
            arrow_batches=counts[stream, "arrow"],
            row_batches=counts[stream, "rows"],
            rows_reason=self._decoders.reasons.get(stream),
            bookmark_from=tally.began_at,
            # Nothing is committed of an extract that fails.
            bookmark_to=tally.began_at if failed else tally.ended_at,
            complete=tally.complete,
        )


def reason_words(failure: BaseException) -> str:
    """Return what a run failed with; of an error that is not ours only its kind, since it may quote a row."""
    ours = reason_of(failure)
    return ours.reason if ours is not None else type(failure).__name__


def _bookmark(slot: Slot) -> str | None:
    return (bookmark_words(slot["part"]["value"]) or None) if "part" in slot else None


def _latest(session: Session, stream: str) -> str:
    snapshot = session.newest
    if snapshot is None or memoryview(snapshot.raw).nbytes > _LARGE_STATE_BYTES:
        return ""
    part = snapshot.part(stream)
    return "" if part is None else bookmark_words(part["value"])
