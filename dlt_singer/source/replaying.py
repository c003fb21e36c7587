"""A tap's reservoir in the place of the tap: the same streams, hints and tables, and nothing is started.

What was loaded is noted as the tap's bookmarks would be, stream by stream: the run that was loaded last, and the
last of alto's files. So every pipeline catches up by itself, and a reset of a stream resets this too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from dlt_singer._types import JSON
from dlt_singer.errors import ReservoirError, UnknownStreamError, did_you_mean
from dlt_singer.mirror import Reservoir
from dlt_singer.mirror.holdings import Holdings
from dlt_singer.runs import Chain, Cursor, Window
from dlt_singer.session.slots import Group, Slot
from dlt_singer.session.stream_schema import StreamOptions
from dlt_singer.source.definition import Definition
from dlt_singer.source.mirroring import Place
from dlt_singer.source.replay_run import ReplayUpstream, cursor_of
from dlt_singer.tap import Tap, warn

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

    from dlt_singer.source.account import ObservedUpstream
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


@dataclass(frozen=True, slots=True)
class Portion:
    """What a share of a replay may load, of a reservoir as it was when the shares were cut.

    Attributes:
        holdings: What was there.
        runs: The runs of each stream; None for all of them. Other streams are not loaded.
    """

    holdings: Holdings
    runs: Mapping[str, frozenset[str] | None]


class ReservoirDefinition(Definition):
    """A tap's reservoir as one source uses it.

    Args:
        tap: The tap.
        reservoir: Where it was mirrored.
        wish: What is to be replayed.
        portion: What a share of it is narrowed to; None for all there is.
    """

    def __init__(self, tap: Tap, reservoir: Reservoir, wish: Wish, portion: Portion | None = None) -> None:
        super().__init__(tap)
        self.reservoir = reservoir
        self.wish = wish
        self.portion = portion
        self._holdings = portion.holdings if portion is not None else None

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
            stream: cursor_of({"bookmarks": _bookmark(slot)}, stream)[0] for stream, slot in slots.all().items()
        }
        if self.portion is None:
            self._holdings = self._recent(cursors) or Holdings.of(self.reservoir)
        held = self.holdings
        if held.damaged and self.wish.damaged == "fail":
            raise held.damaged[0]
        for damage in held.damaged:
            warn(f"{self.owner}: {damage.reason} It is left out.")
        for path in held.foreign[:_NAMED_FILES]:
            warn(
                f"{self.owner}: {self.reservoir.url}/{path} belongs to no run and is in no index; it is left out. "
                "Remove it, or put it into alto's index if alto has left it behind."
            )

    def roots(self) -> Callable[[str], str]:
        """Return each stream itself: a reservoir is read without those that the tap needs to get at it."""
        return str

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
        chain = self.holdings.chain(stream, self.wish.lineage)
        mine = self.portion.runs.get(stream) if self.portion is not None else None
        return chain if chain is None or mine is None else chain.narrowed(mine)

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


def owner_of(tap: str) -> str:
    """Return whose the slots of a tap's replayed streams are."""
    return f"reservoir of {tap}"


def _bookmark(slot: Slot | None) -> JSON:
    part = (slot or Slot()).get("part")
    return {} if part is None or slot is None else {slot["stream"]: part["value"]}
