"""What is remembered of a stream between runs, and how streams with the same global part share a session.

A slot is a plain dict inside the host's state; this module reads, writes and groups slots. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TypedDict

import msgspec

from dlt_singer._types import JSON
from dlt_singer.session.snapshot import Part, assemble, keeps_apart

_LARGE_REST_BYTES = 1024


class Slot(TypedDict, total=False):
    """One stream's memory.

    `tap` and `stream` say whose it is; `part` and `rest` (or `rest_hash`, if large) are the Singer state as of
    this stream's last counted STATE; `version` is the table version; `sequence` the last `_sdc_sequence`;
    `remembered` counts row hashes of a stream without keys that the tap will send again; `run` is the run in the
    reservoir that ends here, and `lineage` the one that its lineage began with.
    """

    tap: str
    stream: str
    part: Part
    rest: JSON
    rest_hash: str
    version: int
    sequence: int
    remembered: dict[str, int] | None
    greatest: JSON
    run: str
    lineage: str


@dataclass(frozen=True, slots=True)
class Group:
    """Streams that one run of the tap can sync together, and the state it starts from."""

    streams: tuple[str, ...]
    state: JSON


Globals = MutableMapping[str, JSON]
"""Large global parts by their hash, shared by the slots of a source."""


def write_rest(slot: Slot, rest: JSON, shared: Globals) -> None:
    """Store a stream's global part: in the slot, or in `shared` by hash if it is large."""
    text = _canonical(rest)
    slot.pop("rest", None)
    slot.pop("rest_hash", None)
    if len(text) <= _LARGE_REST_BYTES:
        slot["rest"] = rest
        return
    digest = hashlib.sha256(text).hexdigest()[:16]
    shared[digest] = rest
    slot["rest_hash"] = digest


def read_rest(slot: Slot, shared: Mapping[str, JSON]) -> JSON:
    """Return a stream's global part; raises KeyError if there is none (any more)."""
    return shared[slot["rest_hash"]] if "rest_hash" in slot else slot["rest"]


def group_streams(slots: Mapping[str, Slot | None], shared: Mapping[str, JSON]) -> list[Group]:
    """Group streams by their global parts, largest group first.

    Args:
        slots: Each stream's slot, None if it has none.
        shared: The large global parts.

    Returns:
        Groups with the state each starts from. A stream without a slot joins the largest group if that state
        keeps streams apart (`bookmarks`), else it starts in a group of its own kind, from nothing: a global
        part might say that the past of *all* streams has been seen.
    """
    rests: dict[bytes, JSON] = {}
    members: dict[bytes, list[str]] = {}
    new: list[str] = []
    for stream, slot in slots.items():
        try:
            rest = read_rest(slot or {}, shared)
        except KeyError:
            new.append(stream)
            continue
        key = _canonical(rest)
        rests[key] = rest
        members.setdefault(key, []).append(stream)
    if new:
        home = max(members, key=lambda key: len(members[key]), default=b"{}")
        key = home if keeps_apart(rests.get(home)) else b"{}"
        rests.setdefault(key, {})
        members.setdefault(key, []).extend(new)
    fresh = set(new)
    groups = [
        Group(tuple(streams), assemble(rests[key], _parts(slots, set(streams) - fresh)))
        for key, streams in members.items()
    ]
    return sorted(groups, key=lambda group: -len(group.streams))


def split(group: Group, parts: int, root_of: Callable[[str], str]) -> list[Group]:
    """Split a group over several runs of the tap at the same time, as evenly as may be.

    Args:
        group: The group.
        parts: How many runs at most.
        root_of: The stream that the tap must read to get at a stream: those with the same one stay together.

    Example:
        >>> [part.streams for part in split(Group(("a", "b", "c"), {}), 2, str)]
        [('a', 'c'), ('b',)]
    """
    families: dict[str, list[str]] = {}
    for stream in group.streams:
        families.setdefault(root_of(stream), []).append(stream)
    runs: list[list[str]] = [[] for _ in range(min(parts, len(families)))]
    for family in sorted(families.values(), key=len, reverse=True):
        min(runs, key=len).extend(family)
    return [Group(tuple(streams), group.state) for streams in runs]


def _parts(slots: Mapping[str, Slot | None], streams: set[str]) -> dict[str, Part]:
    slotted = ((stream, slot) for stream, slot in slots.items() if slot and stream in streams)
    return {stream: slot["part"] for stream, slot in slotted if "part" in slot}


def _canonical(value: JSON) -> bytes:
    return msgspec.json.encode(value, order="sorted")
