"""Slots in dlt's state: large parts are kept as long as a stream has them, and a committed bookmark is found."""

from __future__ import annotations

import pytest

from dlt_singer._types import JSON
from dlt_singer.session.slots import Slot, write_rest
from dlt_singer.state import committed_bookmark
from dlt_singer.state.live import Slots

LARGE: JSON = {"seen": list(range(500))}


def test_a_large_global_part_is_kept_until_its_last_stream_has_another() -> None:
    slots = Slots("tap-x", {"users": "users", "logs": "logs"}, {})
    for stream in ("users", "logs"):
        slot = Slot()
        write_rest(slot, LARGE, slots.shared)
        slots.put(stream, slot)

    slots.put("users", Slot(rest={"cursor": 1}))
    kept = [*slots.shared.values()]
    slots.put("logs", Slot(rest={"cursor": 1}))

    assert (kept, slots.shared) == ([LARGE], {})


def slot(stream: str, tap: str = "tap-x", **known: JSON) -> dict[str, JSON]:
    return {"singer": {"tap": tap, "stream": stream, **known}}


@pytest.mark.parametrize(
    ("stream", "bookmark"),
    [
        ("users", {"since": 2}),
        ("logs", {"cursor": 7}),
        ("events", LARGE),
        ("fresh", None),
        ("never", None),
    ],
    ids=["its part", "the part of no stream", "a shared one", "an empty one", "a stream that has not been loaded"],
)
def test_where_a_stream_stands_is_found_among_all_that_a_pipeline_loads(stream: str, bookmark: JSON) -> None:
    part: JSON = {"at": "bookmarks", "value": {"since": 2}}
    theirs: JSON = {"at": "bookmarks", "value": {"since": 9}}
    state = {
        "sources": {
            "other": {"resources": {"users": slot("users", "tap-other", part=theirs), "plain": {"last": 1}}},
            "mine": {
                "singer": {"0123": LARGE},
                "resources": {
                    "people": slot("users", part=part, rest={"cursor": 7}),
                    "logs": slot("logs", rest={"cursor": 7}),
                    "events": slot("events", rest_hash="0123"),
                    "fresh": slot("fresh", rest={}),
                },
            },
        }
    }

    assert committed_bookmark(state, "tap-x", stream) == bookmark


def test_a_pipeline_that_has_not_run_has_no_bookmark() -> None:
    assert committed_bookmark({}, "tap-x", "users") is None
