"""Partitions of a tap in one extract: whose turn it is, and what one of them must not do to a table of all.

All partitions load into the same tables, so a run of some of them must not empty one. Knows no dlt.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from dlt_singer.config import partition_name
from dlt_singer.errors import SelectionError
from dlt_singer.tap import Tap


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """What the partitions that one source reads have in common; compared by identity.

    Attributes:
        at_a_time: So many of them are read at the same time; the others wait.
    """

    at_a_time: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What has become of the streams of partitions in one extract.

    Attributes:
        replaced: Streams whose table is replaced, with a partition that does.
        skipped: Streams of which nothing came, with a partition of which nothing came.
    """

    replaced: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """A partition's share of the table that the whole tap loads a stream into.

    Attributes:
        partition: The partition, as `tap-x@eu`.
        stream: The stream.
        others: The partitions that this extract does not read the stream of.
        ledger: That of the extract, which all partitions share.
    """

    partition: str
    stream: str
    others: tuple[str, ...]
    ledger: Ledger = field(default_factory=Ledger)

    def replace(self, *, new_version: bool) -> None:
        """Note that the table is replaced, unless rows of others would be lost.

        Args:
            new_version: The tap has begun a new version of the table, which says nothing of other partitions.

        Raises:
            SelectionError: They would be.
        """
        if new_version:
            raise SelectionError(
                f"{self.partition} began a new version of stream '{self.stream}': what was loaded of it before is "
                "not current any more, and only all partitions together can replace their table.",
                "Load all of them anew: dlt_singer.run(pipeline, source, refresh='drop_data').",
            )
        if self.others:
            raise SelectionError(
                f"Stream '{self.stream}' of {self.partition} replaces its table, and the rows of "
                f"{', '.join(self.others)} would be lost.",
                "Load all partitions together; or say how this stream is written: "
                f"resource_options={{{self.stream!r}: {{'write_disposition': 'merge'}}}}, or 'append', or "
                "'replace' with a table_name of its own.",
            )
        self.ledger.replaced[self.stream] = self.partition
        self._refuse_half()

    def skip(self) -> None:
        """Note that nothing came of the stream, so that its rows are to stay.

        Raises:
            SelectionError: Another partition replaces the table.
        """
        self.ledger.skipped[self.stream] = self.partition
        self._refuse_half()

    def _refuse_half(self) -> None:
        stream, ledger = self.stream, self.ledger
        if stream in ledger.replaced and stream in ledger.skipped:
            raise SelectionError(
                f"{ledger.replaced[stream]} replaces the table of stream '{stream}', and of "
                f"{ledger.skipped[stream]} nothing came: its rows would be lost.",
                "Load all partitions anew: dlt_singer.run(pipeline, source, refresh='drop_data').",
            )

    def refuse_refresh(self) -> None:
        """Refuse to drop or empty the table if rows of others would be lost.

        Raises:
            SelectionError: They would be.
        """
        if self.others:
            raise SelectionError(
                f"A refresh of {self.partition} would take the rows of {', '.join(self.others)} along: they are in "
                f"the same tables (stream '{self.stream}').",
                "Refresh all partitions together; or read this one from its beginning into the tables as they are: "
                f"dlt-singer state clear {self.partition}",
            )


def refuse_whole(tap: Tap) -> None:
    """Refuse a tap with partitions where one run of a tap is asked for.

    Raises:
        SelectionError: It has some.
    """
    if tap.plugin.partitions:
        raise SelectionError(
            f"{tap.name} has partitions, and this reads one.",
            f"Name it: {', '.join(part.name for part in tap.partitions)}.",
        )


def shares_of(
    tap: Tap, streams: Collection[str], read: Collection[tuple[str, str]], ledger: Ledger
) -> dict[str, Share]:
    """Return a partition's share of the table of each stream; none for a tap that is no partition.

    Args:
        tap: The partition.
        streams: Its streams.
        read: What is read in this extract, as pairs of `tap-x@eu` and a stream.
        ledger: That of the extract.
    """
    plugin = tap.plugin
    if plugin.partition is None:
        return {}
    names = [partition_name(plugin.tap_name, name) for name in tap.project.tap(plugin.tap_name).partitions]
    return {
        stream: Share(tap.name, stream, tuple(name for name in names if (name, stream) not in read), ledger)
        for stream in streams
    }
