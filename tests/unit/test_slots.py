"""Which streams share a run of the tap, and what state it starts from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer._types import JSON
from dlt_singer.session.slots import Globals, Group, Slot, group_streams, read_rest, split, write_rest
from dlt_singer.session.snapshot import Part, part_of, rest_of

LARGE: JSON = {"bookmarks": {}, "seen": {str(number): number for number in range(500)}}
rests = st.sampled_from(
    [{}, {"bookmarks": {}}, {"cursor": 1}, {"cursor": 2}, {"bookmarks": {}, "v": 1}, LARGE, 7, None]
)
parts = st.builds(Part, at=st.sampled_from(["bookmarks", "top"]), value=st.integers())
synced = st.tuples(rests, st.none() | parts)
memories = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e"]), st.none() | synced, min_size=1)


def remembered(memory: dict[str, tuple[JSON, Part | None] | None]) -> tuple[dict[str, Slot | None], Globals]:
    slots: dict[str, Slot | None] = {}
    shared: Globals = {}
    for stream, known in memory.items():
        slots[stream] = None
        if known is not None:
            rest, part = known
            slot = Slot(part=part) if part is not None else Slot()
            write_rest(slot, rest, shared)
            slots[stream] = slot
    return slots, shared


def slot(rest: JSON, bookmark: int) -> Slot:
    return Slot(rest=rest, part={"at": "bookmarks", "value": bookmark})


@given(memories)
def test_every_stream_is_in_exactly_one_group(memory: dict[str, tuple[JSON, Part | None] | None]) -> None:
    groups = group_streams(*remembered(memory))

    assert sorted(stream for group in groups for stream in group.streams) == sorted(memory)


@given(memories)
def test_a_group_starts_each_of_its_streams_where_that_stream_was(
    memory: dict[str, tuple[JSON, Part | None] | None],
) -> None:
    for group in group_streams(*remembered(memory)):
        for stream in group.streams:
            known = memory[stream]
            if known is None:
                assert part_of(group.state, stream) is None
            elif isinstance(known[0], dict):
                assert part_of(group.state, stream) == known[1]
                assert rest_of(group.state, memory) | {"bookmarks": {}} == {**known[0], "bookmarks": {}}  # type: ignore[operator] # an object, as its rest is
            else:
                assert group.state == known[0]


@given(memories)
def test_the_largest_group_comes_first(memory: dict[str, tuple[JSON, Part | None] | None]) -> None:
    sizes = [len(group.streams) for group in group_streams(*remembered(memory))]

    assert sizes == sorted(sizes, reverse=True)


def test_a_new_stream_joins_the_largest_group_of_a_state_with_bookmarks() -> None:
    rest: JSON = {"bookmarks": {}}

    groups = group_streams({"a": slot(rest, 1), "b": slot(rest, 2), "new": None}, {})

    assert groups == [Group(("a", "b", "new"), {"bookmarks": {"a": 1, "b": 2}})]


@pytest.mark.parametrize(
    "rest", [{"cursor": 1}, {"bookmarks": {"public-new": 1}}], ids=["a cursor", "a bookmark of nobody known"]
)
def test_a_new_stream_beside_what_may_be_its_own_past_starts_alone_and_empty(rest: JSON) -> None:
    groups = group_streams({"a": Slot(rest=rest), "new": None, "newer": None}, {})

    assert {group.streams: group.state for group in groups} == {("a",): rest, ("new", "newer"): {}}


def test_streams_without_any_slot_start_together_from_nothing() -> None:
    assert group_streams({"a": None, "b": None}, {}) == [Group(("a", "b"), {})]


def test_a_small_global_part_stands_in_the_slot_and_a_large_one_is_shared() -> None:
    shared: Globals = {}
    first, second, small = Slot(), Slot(), Slot()

    write_rest(first, LARGE, shared)
    write_rest(second, LARGE, shared)
    write_rest(small, {"cursor": 1}, shared)

    assert list(shared.values()) == [LARGE]
    assert "rest" not in first
    assert first == second
    assert small == {"rest": {"cursor": 1}}
    assert read_rest(first, shared) == LARGE


def test_a_global_part_written_again_leaves_no_trace_of_the_one_before() -> None:
    shared: Globals = {}
    written = Slot()

    write_rest(written, LARGE, shared)
    write_rest(written, {"cursor": 1}, shared)

    assert written == {"rest": {"cursor": 1}}


def test_a_stream_whose_shared_part_is_gone_counts_as_new() -> None:
    shared: Globals = {}
    orphan = Slot(part={"at": "bookmarks", "value": 1})
    write_rest(orphan, LARGE, shared)

    assert group_streams({"a": orphan}, {}) == [Group(("a",), {})]


def test_a_group_is_split_evenly_and_children_stay_with_their_parents() -> None:
    group = Group(("a", "a1", "a2", "b", "c", "d"), {"bookmarks": {}})

    parts = split(group, 2, lambda stream: stream[0])

    assert [part.streams for part in parts] == [("a", "a1", "a2"), ("b", "c", "d")]
    assert all(part.state == group.state for part in parts)


@given(st.lists(st.text(max_size=3), unique=True, min_size=1), st.integers(1, 5))
def test_each_stream_of_a_group_is_in_one_part(streams: list[str], parts: int) -> None:
    found = split(Group(tuple(streams), {}), parts, str)

    assert sorted(stream for part in found for stream in part.streams) == sorted(streams)
    assert len(found) == min(parts, len(streams))
    assert max(len(part.streams) for part in found) - min(len(part.streams) for part in found) <= 1
