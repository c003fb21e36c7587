"""What a session needs of a tap: its messages, once they are asked for, and somebody to tell how they fared.

In: nothing. Out: protocols. Who implements them is not known here: a tap, or runs out of the reservoir.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from dlt_singer.messages import Message
from dlt_singer.session.snapshot import Snapshot


class MessageStream(Protocol):
    """Messages that can be broken off."""

    def __iter__(self) -> Iterator[Message]: ...

    def close(self) -> None:
        """End whatever produces the messages; idempotent."""
        ...


class Upstream(Protocol):
    """What a session needs of a tap."""

    @property
    def name(self) -> str:
        """The tap's name, for errors."""
        ...

    @property
    def mixes_versions(self) -> bool:
        """Whether rows keep their table version in a column, so that several may come in one run."""
        ...

    def start(self) -> MessageStream:
        """Start the tap; called at the first pull."""
        ...

    def note_unasked(self, stream: str) -> None:
        """Called once for each stream that the tap sends and nobody pulls."""
        ...

    def note_skipped(self, stream: str) -> None:
        """Called for each stream that was pulled to its end and sent no SCHEMA."""
        ...

    def finish(self, handed: Mapping[str, int], newest: Snapshot | None) -> None:
        """Called once when nobody pulls any more and nothing has failed, before the messages are closed.

        Args:
            handed: How many records of each stream reached the host.
            newest: The newest STATE.
        """
        ...
