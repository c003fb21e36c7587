"""One run of a tap for streams that share a global part: what a session pulls from, mirrored if the tap says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from dlt_singer._types import JSON
from dlt_singer.runs import Endings
from dlt_singer.session import MessageStream
from dlt_singer.session.slots import Group
from dlt_singer.session.snapshot import Snapshot
from dlt_singer.source.keeping import Keeping
from dlt_singer.source.mirroring import MirroredRun, Mirroring
from dlt_singer.source.takeover import Beginning
from dlt_singer.tap import TapRun, announce, warn

if TYPE_CHECKING:
    from dlt_singer.source.definition import Definition

_NAMED_STREAMS = 6


class TapUpstream:
    """One run of the tap; the upstream of a session.

    Args:
        definition: The source definition.
        group: The streams, and the state they start from.
        mirroring: Where the run is mirrored; None if it is not.
        keeping: Notes the run, for what had ended of it if it fails.

    Attributes:
        runs: The tap, once it was started.
    """

    def __init__(
        self, definition: Definition, group: Group, mirroring: Mirroring | None, keeping: Keeping | None = None
    ) -> None:
        self._definition = definition
        self._group = group
        self._mirroring = mirroring
        self._keeping = keeping
        self.runs: list[TapRun] = []

    @property
    def name(self) -> str:
        """The tap's name."""
        return self._definition.tap.name

    @property
    def mixes_versions(self) -> bool:
        """Whether rows keep their table version in a column."""
        return self._definition.tap.plugin.version_column

    def start(self) -> MessageStream:
        """Start the tap, narrowed to the streams of the group."""
        if self._mirroring is None:
            return self._sync(self._group.state)
        mirroring = self._mirroring
        known = self._definition.known_streams() | set(self._group.streams)
        beginning = Beginning(mirroring.tap, mirroring.reservoir, mirroring.start, mirroring.state, known)
        keeping = self._keeping
        if keeping is None:
            return MirroredRun(mirroring, beginning.takeover, self._sync)
        if keeping.reading is not None:
            return MirroredRun(mirroring, partial(beginning.completed, keeping.reading), None)
        endings = Endings(self._definition.message_names(self._group.streams), self._ancestors)
        run = MirroredRun(mirroring, beginning.takeover, self._sync, endings)
        keeping.watch(self._definition, run)
        return run

    def note_unasked(self, stream: str) -> None:
        """Say that a stream is skipped which nobody asked for, unless it is a parent the tap has to read."""
        if stream not in self._ancestors(*self._group.streams):
            warn(f"{self.name}: sends stream '{stream}' unasked; its records are skipped")

    def note_skipped(self, stream: str) -> None:
        """Say that a stream was skipped."""
        warn(
            f"{self.name}: stream '{stream}' was skipped by the tap (it sent no SCHEMA); "
            "its table and bookmark stay as they are."
        )

    def finish(self, handed: Mapping[str, int], newest: Snapshot | None) -> None:
        """Make the mirror of the run one that can be replayed."""
        if self._mirroring is not None:
            self._mirroring.finish(handed, newest)

    def _ancestors(self, *streams: str) -> Collection[str]:
        """Return the streams that the tap reads to get at some, as far as its catalog says."""
        selection = self._definition.catalog.selection()
        return () if selection is None else selection.catalog.ancestors(streams)

    def _sync(self, state: JSON) -> MessageStream:
        streams = self._group.streams
        selection = self._definition.catalog.selection()
        catalog = None if selection is None else self._definition.tap.narrow(selection.catalog, streams)
        shown = ", ".join(streams) if len(streams) <= _NAMED_STREAMS else f"{len(streams)} streams"
        announce(f"{self.name}: reading {shown}{self._definition.catalog.age}")
        run = self._definition.tap.sync(catalog, state)
        self.runs.append(run)
        return run
