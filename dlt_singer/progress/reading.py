"""What can be seen of a running tap at one moment, and how fast that changes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamReading:
    """One stream at one moment.

    Attributes:
        stream: Its name.
        rows: Rows that have come so far.
        bytes: Their bytes.
        bookmark: Its part of the newest STATE, shortened; empty without one.
        done: Whether nothing of it is read any more.
    """

    stream: str
    rows: int = 0
    bytes: int = 0
    bookmark: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """All streams at one moment.

    Attributes:
        name: Whose they are.
        seconds: Since the run began.
        streams: The streams, in the order of the source.
    """

    name: str
    seconds: float
    streams: tuple[StreamReading, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all streams."""
        return sum(stream.rows for stream in self.streams)

    @property
    def bytes(self) -> int:
        """Bytes of all streams."""
        return sum(stream.bytes for stream in self.streams)

    @property
    def done(self) -> int:
        """How many streams are done."""
        return sum(stream.done for stream in self.streams)

    def since(self, before: Reading) -> Iterator[float]:
        """Yield the rows per second of each stream since an earlier reading."""
        seconds = max(self.seconds - before.seconds, 0.001)
        was = {stream.stream: stream.rows for stream in before.streams}
        for stream in self.streams:
            yield (stream.rows - was.get(stream.stream, 0)) / seconds
