"""A STATE taken apart by stream is the same STATE when it is put together again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer._types import JSON, JSONObject
from dlt_singer.errors import TapProtocolError
from dlt_singer.session.snapshot import Part, Snapshot, assemble, has_bookmarks, part_of, rest_of

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
STREAMS = ("users", "orders", "items", "bookmarks", "currently_syncing")
names = st.sampled_from([*STREAMS, "cursor", "version"])
states = st.dictionaries(names, values) | st.builds(
    lambda marks, others: {**others, "bookmarks": marks},
    st.dictionaries(names, values, min_size=1),
    st.dictionaries(names, values),
)


def parts_of(state: JSON) -> dict[str, Part]:
    return {stream: part for stream in STREAMS if (part := part_of(state, stream)) is not None}


def kept(state: JSONObject) -> JSONObject:
    """What of a state is ever stored: all but what is being synced."""
    stored = {key: value for key, value in state.items() if key != "currently_syncing"}
    bookmarks = stored.get("bookmarks")
    if isinstance(bookmarks, dict):
        own = {key for key in bookmarks if key in STREAMS} - {"bookmarks"}
        # A stream's part stands in one place; `bookmarks` is the usual one.
        stored = {key: value for key, value in stored.items() if key not in own}
    return stored


@given(states)
def test_a_state_put_together_again_is_the_one_that_was_taken_apart(state: JSONObject) -> None:
    assert assemble(rest_of(state, STREAMS), parts_of(state)) == kept(state)


@given(states)
def test_taking_apart_what_was_put_together_gives_the_same_pieces(state: JSONObject) -> None:
    rest, parts = rest_of(state, STREAMS), parts_of(state)

    again = assemble(rest, parts)

    assert rest_of(again, STREAMS) == rest
    assert parts_of(again) == parts


@given(states, st.sampled_from(["users", "orders", "items"]))
def test_a_stream_left_out_takes_nothing_of_the_others_with_it(state: JSONObject, stream: str) -> None:
    rest, parts = rest_of(state, STREAMS), parts_of(state)

    without = assemble(rest, {name: part for name, part in parts.items() if name != stream})

    assert part_of(without, stream) is None
    assert parts_of(without) == {name: part for name, part in parts.items() if name != stream}


@given(scalars | st.lists(scalars))
def test_a_state_that_is_no_object_belongs_to_nobody(state: JSON) -> None:
    assert part_of(state, "users") is None
    assert assemble(rest_of(state, STREAMS), {}) == state


@pytest.mark.parametrize(
    ("state", "part"),
    [
        ({"bookmarks": {"users": {"id": 1}}}, {"at": "bookmarks", "value": {"id": 1}}),
        ({"users": "2020-01-01"}, {"at": "top", "value": "2020-01-01"}),
        ({"bookmarks": {"users": None}}, {"at": "bookmarks", "value": None}),
        ({"bookmarks": {"orders": 1}, "users": 2}, {"at": "top", "value": 2}),
        ({"bookmarks": {"orders": 1}}, None),
        ({"cursor": 7}, None),
        ({}, None),
    ],
    ids=["bookmark", "top level", "null bookmark", "both shapes", "other stream", "opaque", "empty"],
)
def test_a_streams_part_is_its_bookmark_or_the_key_of_its_name(state: JSON, part: Part | None) -> None:
    assert part_of(state, "users") == part


def test_a_stream_called_like_a_technical_key_does_not_own_that_key() -> None:
    state: JSON = {"bookmarks": {"a": 1}, "currently_syncing": "a"}

    assert part_of(state, "bookmarks") is None
    assert part_of(state, "currently_syncing") is None


def test_the_shape_of_a_state_is_still_seen_when_all_streams_are_gone() -> None:
    assert has_bookmarks(rest_of({"bookmarks": {"users": 1}}, ["users"]))
    assert not has_bookmarks(rest_of({"users": 1}, ["users"]))


def test_a_state_that_cannot_be_read_fails_without_its_content() -> None:
    with pytest.raises(TapProtocolError) as caught:
        Snapshot(msgspec.Raw(b'{"password": hunter2}')).value()

    assert "hunter2" not in str(caught.value)
