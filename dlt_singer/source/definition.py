"""What a call of `singer` defines: a tap, its catalog as selected, and how its streams are read.

Lazy: with streams given or the catalog kept, nothing is started before an extract asks for it. Does not import
dlt, so that an orchestrator may ask what there is without paying for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dlt_singer._types import JSON
from dlt_singer.catalog import Stream, users_keys
from dlt_singer.errors import (
    NotSupportedError,
    SelectionError,
    UnknownStreamError,
    did_you_mean,
)
from dlt_singer.mirror import Reservoir
from dlt_singer.session.slots import Group, Slot, split
from dlt_singer.session.stream_schema import StreamOptions
from dlt_singer.source.keeping import keeps_completed, required
from dlt_singer.source.mirroring import MirroredStream, Mirroring, Place, reservoir_of
from dlt_singer.source.partitions import Turns
from dlt_singer.source.selecting import SelectedCatalog
from dlt_singer.source.upstream import TapUpstream
from dlt_singer.tap import Tap

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

    from dlt_singer.source.account import ObservedUpstream
    from dlt_singer.state import Slots


class Definition:
    """A tap as one source uses it; compared by identity.

    Args:
        tap: The tap.
        refresh_catalog: Discover anew, once, even if the catalog is kept.
        shares_run: Whether streams of other such definitions of an equal tap are read in the same run.
        turns: What it has in common with other partitions of the tap that the same source reads.

    Attributes:
        catalog: The tap's catalog as selected.
    """

    def __init__(
        self, tap: Tap, *, refresh_catalog: bool = False, shares_run: bool = False, turns: Turns | None = None
    ) -> None:
        self.tap = tap
        self.turns = turns
        self._shares_run = shares_run
        self.catalog = SelectedCatalog(tap, refresh=refresh_catalog)

    def shares_run_with(self, other: Definition) -> bool:
        """Return whether one run of the tap serves the streams of both."""
        return self is other or (self._shares_run and other._shares_run and self.tap == other.tap)

    def streams(self, asked: Sequence[str] | None) -> tuple[str, ...]:
        """Return the streams to read: those asked for, else the plugin's, else all that are selected.

        Args:
            asked: Names; checked if the catalog is known.

        Raises:
            UnknownStreamError: The tap has no such stream, or nothing says which it has.
            SelectionError: A stream asked for is switched off by a rule.
            DiscoveryNeededError: The tap would have to be asked, and `discover` is off.
        """
        wanted = asked if asked is not None else self.tap.plugin.streams
        if not wanted:
            selection = self.catalog.selection()
            if selection is None:
                raise UnknownStreamError(
                    f"{self.tap.name} does not say that it has discovery, so its streams are not known.",
                    "Give streams=[...]; or, in its definition, name a catalog file with 'catalog:', or say "
                    "'capabilities: [catalog, discover, state]' if it has.",
                )
            return selection.streams
        kept = self.catalog.kept()
        for stream in wanted:
            if kept is not None and stream not in kept.catalog.by_id:
                self._refuse_unknown(stream)
        return tuple(dict.fromkeys(wanted))

    def _refuse_unknown(self, stream: str) -> None:
        known = self.known_streams()
        if stream in known:
            raise SelectionError(
                f"Stream '{stream}' of {self.tap.name} is switched off by its 'select' rules.",
                f"Add '{stream}.*' to the rules.",
            )
        raise UnknownStreamError(
            f"{self.tap.name} has no stream '{stream}'. {did_you_mean(stream, known)}".rstrip(),
            f"Its streams: {', '.join(sorted(known)[:20])}. If it is new, refresh the catalog: "
            f"dlt-singer catalog {self.tap.name} --refresh",
        )

    @property
    def owner(self) -> str:
        """Whose the slots of its streams are."""
        return self.tap.name

    def prepare(self, slots: Slots) -> None:  # noqa: ARG002 - for who stands in for a tap
        """Learn what an extract must know of the tap before its streams can be grouped.

        Args:
            slots: What is remembered of the streams.
        """
        self.catalog.selection()

    def known_streams(self) -> frozenset[str]:
        """Return every stream the tap is known to have."""
        return self.catalog.streams

    def spread(self, groups: Sequence[Group]) -> list[Group]:
        """Return the runs of the tap that read some groups: several for each if it may run in parallel.

        Of a tap with partitions it is these that run in parallel, not the streams of one.
        """
        if self.turns is not None:
            return list(groups)
        root_of = self.roots()
        return [part for group in groups for part in split(group, self.tap.plugin.parallel, root_of)]

    def roots(self) -> Callable[[str], str]:
        """Return what tells of a stream which other the tap must read to get at it, or itself."""
        selection = self.catalog.selection()
        by_id = {} if selection is None else selection.catalog.by_id

        def root_of(stream: str) -> str:
            seen = {stream}
            while stream in by_id and (parent := by_id[stream].parent) in by_id and parent not in seen:
                stream = str(parent)
                seen.add(stream)
            return stream

        return root_of

    def message_names(self, streams: Collection[str]) -> dict[str, str]:
        """Return the stream of each name that messages may use: a catalog has an id and a name for each."""
        names: dict[str, str] = {}
        for stream in streams:
            entry = self.catalog.entry(stream)
            if entry is not None:
                names.setdefault(entry.name, stream)
        return {**names, **{stream: stream for stream in streams}}

    def stream_options(
        self, stream: str, resource: DltResource | None, source: DltSource | None, backend: str | None = None
    ) -> StreamOptions:
        """Return what is known of a stream besides its SCHEMA.

        Args:
            stream: The stream.
            resource: The live resource.
            source: What dlt extracts.
            backend: How records are decoded, over what the plugin says.
        """
        plugin, entry = self.tap.plugin, self.catalog.entry(stream)
        nesting = [
            resource.max_table_nesting if resource is not None else None,
            source.max_table_nesting if source is not None else None,
        ]
        return StreamOptions(
            stream,
            self.tap.name,
            replication_method=entry.replication_method if entry else None,
            replication_key=entry.replication_key if entry else None,
            key_properties=entry.key_properties if entry else (),
            users_keys=users_keys(plugin.metadata, stream),
            schema_overrides=self._schema_overrides(stream),
            deselected=_deselected(entry) if entry else (),
            deletes=plugin.deletes or "soft",
            version_column=plugin.version_column,
            max_table_nesting=next((levels for levels in nesting if levels is not None), None),
            backend=backend or plugin.backend,
            normalize=source.schema.naming.normalize_path if source is not None else str,
        )

    def upstream(self, group: Group, slots: Slots, place: Place | None) -> ObservedUpstream:
        """Return one run of the tap, which nobody has started yet.

        Args:
            group: The streams it reads, and the state it starts from.
            slots: What is remembered of them.
            place: Where the rows go; None if they are only looked at.
        """
        reservoir = reservoir_of(self.tap)
        if place is None:
            return TapUpstream(self, group, None)
        keeping = required(place.keeping, self.tap) if keeps_completed(self.tap) else None
        if reservoir is None:
            return TapUpstream(self, group, None)
        mirroring = self.mirroring(group, slots.all(), reservoir, place)
        for stream, start in mirroring.start.streams.items():
            slots.in_run(stream, mirroring.start.run, start.lineage)
        return TapUpstream(self, group, mirroring, keeping)

    def mirroring(
        self, group: Group, slots: Mapping[str, Slot | None], reservoir: Reservoir, place: Place
    ) -> Mirroring:
        """Return what mirrors one run of the tap.

        Args:
            group: The streams it reads, and the state it starts from.
            slots: What is remembered of them.
            reservoir: Where to.
            place: Where the rows go.
        """
        streams = [self._mirrored(stream, slots.get(stream) or Slot()) for stream in group.streams]
        return Mirroring(self.tap, reservoir, streams, group.state, place)

    def _mirrored(self, stream: str, slot: Slot) -> MirroredStream:
        entry = self.catalog.entry(stream)
        options = self.stream_options(stream, None, None)
        return MirroredStream(
            options, entry.name if entry else stream, slot, None if entry is None else entry.document
        )

    def _schema_overrides(self, stream: str) -> dict[str, JSON]:
        """Return what the user says of properties; a masked one is a string whatever they say."""
        properties = _overrides(self.tap.plugin.schema, stream)
        if not properties:
            return {}
        selection = self.catalog.known
        mask = self.tap.masks(None if selection is None else selection.catalog).of(stream)
        masked = {} if mask is None else mask.properties({"properties": properties})["properties"]
        return {**properties, **masked} if isinstance(masked, Mapping) else properties


def definitions(tap: Tap, *, refresh_catalog: bool = False) -> list[Definition]:
    """Return what one source reads of a tap: each of its partitions, the tap itself if it has none.

    Args:
        tap: The tap.
        refresh_catalog: Discover anew, once, even if the catalog is kept.

    Raises:
        NotSupportedError: What had ended of one partition would have to be loaded without the others.
    """
    parts = tap.partitions
    if keeps_completed(tap) and len(parts) > 1:
        raise NotSupportedError(
            f"`on_error: keep_completed` of {tap.name} is for one partition at a time: all of them are one load.",
            "Load them one by one, or set `on_error: fail`.",
        )
    turns = Turns(max(tap.plugin.parallel, 1)) if len(parts) > 1 else None
    return [Definition(part, refresh_catalog=refresh_catalog, turns=turns) for part in parts]


def _overrides(schemas: Mapping[str, Mapping[str, JSON]], stream: str) -> dict[str, JSON]:
    found = (properties for glob, properties in schemas.items() if fnmatchcase(stream, glob))
    return {name: schema for properties in found for name, schema in properties.items()}


def _deselected(entry: Stream) -> tuple[str, ...]:
    """Return the properties that the rules have switched off, to be removed from a tap that does not care."""
    return tuple(
        path[0]
        for crumb, path in entry.properties.items()
        if len(path) == 1 and entry.metadata.get(crumb, {}).get("selected") is False
    )
