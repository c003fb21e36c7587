"""Which streams of a run have ended with their STATE, as far as its messages tell. Pure.

In: the messages of a tap, passed on unchanged. A stream has ended if a STATE came behind its last row and the tap
has gone on since: it says so (`currently_syncing`), or, if it never says what it is at, another stream has begun.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from dlt_singer.messages import ActivateVersion, Message, Records, Schema, State
from dlt_singer.runs.records import NULL


class _Current(msgspec.Struct):
    currently_syncing: object = None


# Made once, here: msgspec crashes if two threads ask for a decoder of the same new type at the same time.
_current = msgspec.json.Decoder(_Current)


class Endings:
    """Watches one run of a tap.

    Args:
        names: The stream of each name that messages may use.
        ancestors: Returns the streams that the tap reads to get at a stream.
    """

    def __init__(self, names: Mapping[str, str], ancestors: Callable[[str], Collection[str]]) -> None:
        self._names = names
        self._ancestors = ancestors
        self._heard: set[tuple[type, str]] = set()
        self._uncovered: set[str] = set()
        self._covered: set[str] = set()
        self._left: set[str] = set()
        self._named: set[str] = set()
        self._current: object = None
        self._over = False
        self.newest = NULL

    def follow(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Pass messages on, watching them."""
        for message in messages:
            match message:
                case Records() | ActivateVersion():
                    self._row(self._names.get(message.stream, message.stream))
                case State():
                    self._state(message)
                case Schema():
                    self._hear(Schema, self._names.get(message.stream, message.stream))
            yield message
        self._over = True

    @property
    def ended(self) -> frozenset[str]:
        """The streams that have ended, of those that have sent a row."""
        if self._over:
            return frozenset(self._covered)
        if self._named:
            return frozenset((self._covered & self._named) - {self._current})
        return frozenset(self._left)

    def _row(self, stream: str) -> None:
        if stream not in self._uncovered:
            self._hear(Records, stream)
            self._uncovered.add(stream)
            self._covered.discard(stream)
            self._left.discard(stream)

    def _hear(self, kind: type, stream: str) -> None:
        """Take the first message of its kind for the sign that a stream begins."""
        if (kind, stream) not in self._heard:
            self._heard.add((kind, stream))
            # A parent goes on while its children are read.
            self._left |= self._covered - {stream, *self._ancestors(stream)}

    def _state(self, message: State) -> None:
        self.newest = message.value
        self._covered |= self._uncovered
        self._uncovered.clear()
        if b'"currently_syncing"' in bytes(message.value):
            try:
                self._current = _current.decode(message.value).currently_syncing
            except msgspec.DecodeError:
                # Whoever needs what it says refuses it.
                return
            if isinstance(self._current, str):
                self._current = self._names.get(self._current, self._current)
                self._named.add(self._current)
        else:
            self._current = None
