"""STATE taken apart and put together: the part of each stream, and the rest that belongs to none.

A stream's part is `bookmarks.<stream>` or, in states of another shape, the top-level key of its name. The rest
is what a tap would be given for no stream at all. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

import msgspec

from dlt_singer._types import JSON, JSONObject
from dlt_singer.errors import TapProtocolError

BOOKMARKS = "bookmarks"
_NEVER_STORED = frozenset({"currently_syncing"})


class Part(TypedDict):
    """What a STATE holds for one stream, and where."""

    at: Literal["bookmarks", "top"]
    value: JSON


@dataclass(slots=True)
class Snapshot:
    """One STATE value, decoded when first looked into: most are superseded before anyone does."""

    raw: msgspec.Raw
    _value: JSON = None
    _rest: JSON = None
    _decoded: bool = False

    def value(self) -> JSON:
        """The tap's state, whole."""
        if not self._decoded:
            self._value = _decode(self.raw)
            self._decoded = True
        return self._value

    def part(self, stream: str) -> Part | None:
        """What it holds for `stream`, None if nothing."""
        return part_of(self.value(), stream)

    def rest(self, streams: Collection[str]) -> JSON:
        """What belongs to none of `streams`; always asked with the same streams, so taken apart once."""
        if self._rest is None:
            self._rest = rest_of(self.value(), streams)
        return self._rest


def part_of(value: JSON, stream: str) -> Part | None:
    """Return a stream's part of a state.

    Example:
        >>> part_of({"bookmarks": {"users": 7}}, "users")
        {'at': 'bookmarks', 'value': 7}
    """
    if not isinstance(value, Mapping):
        return None
    bookmarks = value.get(BOOKMARKS)
    if isinstance(bookmarks, Mapping) and stream in bookmarks:
        return {"at": "bookmarks", "value": bookmarks[stream]}
    if stream in value and stream != BOOKMARKS and stream not in _NEVER_STORED:
        return {"at": "top", "value": value[stream]}
    return None


def rest_of(value: JSON, streams: Collection[str]) -> JSON:
    """Return a state without the parts of any stream; `bookmarks` stays, even empty, to tell the state's shape.

    Example:
        >>> rest_of({"bookmarks": {"users": 7, "public-users": 8}, "cursor": 1}, ["users"])
        {'bookmarks': {'public-users': 8}, 'cursor': 1}
    """
    if not isinstance(value, Mapping):
        return value
    rest: dict[str, JSON] = {
        key: item
        for key, item in value.items()
        if (key not in streams or key == BOOKMARKS) and key not in _NEVER_STORED
    }
    bookmarks = value.get(BOOKMARKS)
    if isinstance(bookmarks, Mapping):
        # A tap may keep bookmarks under names that no stream of its has.
        rest[BOOKMARKS] = {name: item for name, item in bookmarks.items() if name not in streams}
    return rest


def assemble(rest: JSON, parts: Mapping[str, Part]) -> JSON:
    """Put a state together again.

    Example:
        >>> assemble({"bookmarks": {}}, {"users": {"at": "bookmarks", "value": 7}})
        {'bookmarks': {'users': 7}}
    """
    if not isinstance(rest, Mapping):
        return rest
    state: dict[str, JSON] = dict(rest)
    bookmarks = {stream: part["value"] for stream, part in parts.items() if part["at"] == "bookmarks"}
    if bookmarks or has_bookmarks(rest):
        others = rest.get(BOOKMARKS)
        state[BOOKMARKS] = {**(others if isinstance(others, Mapping) else {}), **bookmarks}
    state.update({stream: part["value"] for stream, part in parts.items() if part["at"] == "top"})
    return state


def has_bookmarks(rest: JSON) -> bool:
    """Whether a rest comes from a state with `bookmarks`."""
    return isinstance(rest, Mapping) and isinstance(rest.get(BOOKMARKS), Mapping)


def keeps_apart(rest: JSON) -> bool:
    """Whether a rest comes from a state with `bookmarks` of streams alone, which are independent of each other."""
    return isinstance(rest, Mapping) and rest.get(BOOKMARKS) == {}


def _decode(raw: msgspec.Raw) -> JSON:
    try:
        value: JSONObject = msgspec.json.decode(raw)
    except msgspec.DecodeError as err:
        raise TapProtocolError(f"A STATE cannot be read: {err}.", "Report it to the tap's maintainers.") from None
    return value
