# ruff: noqa: E501 - a case stands on a line
"""Cases of STATE: what a tap says is what its next run is given, whatever its form, and nothing else."""

from __future__ import annotations

from typing import Any

from dlt_singer._types import JSON
from tests.conformance.case import Case, line, row, said, shape

SAME: Any = object()


def state(value: JSON) -> dict[str, JSON]:
    """Return a STATE."""
    return dict(said(type="STATE", value=value))


def kept(name: str, promise: str, value: JSON, expected: JSON = SAME, given: JSON = SAME) -> Case:
    """Return a case in which a run ends with a state, and the next begins with it."""
    remembered = value if expected is SAME else expected
    start = remembered if given is SAME else given
    begin = shape(method="INCREMENTAL", by="id")
    runs = [[begin, row(id=1), state(value)], [begin, row(id=1), row(id=2)]]
    return Case(name, promise, runs, {"(id BIGINT)": [(1,), (2,)]}, state=remembered, starts_from=[None, start])


# fmt: off
OF_FORMS = [
    kept("bookmarks_by_stream", "A bookmark for each stream.", {"bookmarks": {"bookmarks_by_stream": {"id": 1}}}),
    kept("state_of_streams", "A part for each stream without anything around it.", {"state_of_streams": {"id": 1}, "version": 2}),
    kept("state_of_values", "Plain values by stream.", {"bookmarks": {"state_of_values": "2024-01-31T00:00:00Z"}}),
    kept("state_of_nobody", "One cursor for all.", {"cursor": "abc", "page": 3}),
    kept("state_that_is_text", "A state that is a text.", "abc"),
    kept("state_that_is_a_number", "Or a number.", 7),
    kept("state_that_is_a_list", "Or a list.", [1, {"a": None}]),
    kept("state_that_is_empty", "An empty object is as good as none.", {}, given=None),
    kept("state_of_partitions", "Partitions and markers of progress.", {"bookmarks": {"state_of_partitions": {"partitions": [{"context": {"org": "a"}, "replication_key_value": 1, "progress_markers": {"Note": "n"}}]}}}),
    kept("state_of_large_numbers", "Numbers of any size, null and every script.", {"bookmarks": {"state_of_large_numbers": {"lsn": 2**63, "n": None, "имя": "值", "f": 1.5}}}),
    kept("state_with_currently_syncing", "What the tap is busy with is not kept: a run that begins there would leave out the streams before.", {"bookmarks": {"state_with_currently_syncing": 1}, "currently_syncing": "state_with_currently_syncing"}, {"bookmarks": {"state_with_currently_syncing": 1}}),
    kept("bookmark_of_a_stranger", "A bookmark under a name that is no stream's.", {"bookmarks": {"bookmark_of_a_stranger": 1, "public-other": 7}}),
    kept("bookmarks_of_nobody", "A `bookmarks` that is empty.", {"bookmarks": {}}),
]
INCREMENTAL = shape(method="INCREMENTAL", by="id")
KEYLESS = shape(keys=(), method="INCREMENTAL", by="id")
OF_ORDER = [
    Case("last_state", "The last STATE counts, and stands for all before it.", [[INCREMENTAL, row(id=1), state({"bookmarks": {"last_state": 1}, "gone": 1}), row(id=2), state({"bookmarks": {"last_state": 2}})]], state={"bookmarks": {"last_state": 2}}),
    Case("key_that_the_tap_removes", "So a key that the tap removes is gone.", [[INCREMENTAL, state({"bookmarks": {"$": {"a": 1, "b": 2}}})], [INCREMENTAL, state({"bookmarks": {"$": {"a": 2}}})]], state={"bookmarks": {"key_that_the_tap_removes": {"a": 2}}}),
    Case("stream_that_state_leaves_out", "And a stream that it leaves out.", [[INCREMENTAL, state({"bookmarks": {"$": 1}})], [INCREMENTAL, state({"bookmarks": {}})]], state={"bookmarks": {}}),
    Case("state_before_records", "A STATE before the first RECORD counts.", [[state({"bookmarks": {"$": 1}}), INCREMENTAL, row(id=1)]], {"(id BIGINT)": [(1,)]}, state={"bookmarks": {"state_before_records": 1}}),
    Case("no_state", "Without any, nothing is remembered.", [[INCREMENTAL, row(id=1)], [INCREMENTAL, row(id=1)]], {"(id BIGINT)": [(1,)]}, state={}, starts_from=[None, None]),
    Case("state_of_a_stream_not_read", "A stream that is not read keeps its bookmark.", [[INCREMENTAL, shape(stream="unread", method="INCREMENTAL", by="id"), state({"bookmarks": {"$": 1, "unread": 5}})], [INCREMENTAL, state({"bookmarks": {"$": 2}})]], state={"bookmarks": {"state_of_a_stream_not_read": 2, "unread": 5}}),
    Case("rows_at_the_bookmark", "Without a key, the rows that come again at the bookmark are there once, truly equal ones as often as they come.", [[KEYLESS, row(id=1), row(id=2), row(id=2), state({"bookmarks": {"$": 2}})], [KEYLESS, row(id=2), row(id=2), row(id=2), row(id=3), state({"bookmarks": {"$": 3}})]], {"(id BIGINT)": [(1,), (2,), (2,), (2,), (3,)]}, state={"bookmarks": {"rows_at_the_bookmark": 3}}),
    Case("method_in_small_letters_too", "The same however the method is written.", [[shape(keys=(), method="incremental", by="id"), row(id=1), row(id=2), state({"bookmarks": {"$": 2}})], [shape(keys=(), method="incremental", by="id"), row(id=2), row(id=3), state({"bookmarks": {"$": 3}})]], {"(id BIGINT)": [(1,), (2,), (3,)]}, state={"bookmarks": {"method_in_small_letters_too": 3}}),
    Case("nothing_said", "A tap that says nothing changes nothing.", [[INCREMENTAL, row(id=1), state({"bookmarks": {"$": 1}})], [{"entry": INCREMENTAL["entry"], **line("")}]], {"(id BIGINT)": [(1,)]}, state={"bookmarks": {"nothing_said": 1}}),
]
# fmt: on

CASES: list[Case] = [*OF_FORMS, *OF_ORDER]
