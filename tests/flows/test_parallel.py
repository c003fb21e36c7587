"""`parallel: N`: the streams of a tap are spread over N processes of it, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import dlt

from dlt_singer.errors import SingerError, TapExitError
from dlt_singer.testing import CRASH, FakeTap, record, repeat, schema, singer_state, state

Rows = Callable[[str], list[tuple[object, ...]]]
Fails = Callable[[type[SingerError]], AbstractContextManager[Any]]
STREAMS = ("a", "b", "c", "d")
STEPS = [
    step
    for stream in STREAMS
    for step in (
        schema(stream, {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id"),
        repeat(50, record(stream, id="$n")),
    )
]
BOOKMARKS = {"bookmarks": {stream: {"id": 49} for stream in STREAMS}}


def test_each_process_reads_streams_of_its_own_and_all_rows_and_bookmarks_arrive(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.configure(parallel=2).emits(*STEPS, state(BOOKMARKS))

    pipeline.run(tap.source())

    asked = [{stream["stream"] for stream in sync["catalog"]["streams"]} for sync in tap.syncs]
    assert sorted(map(sorted, asked)) == [["a", "c"], ["b", "d"]]
    assert {stream: len(rows(stream)) for stream in STREAMS} == dict.fromkeys(STREAMS, 50)
    assert singer_state(pipeline) == BOOKMARKS


def test_the_next_run_starts_all_of_them_from_the_bookmarks(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.configure(parallel=3).emits(*STEPS, state(BOOKMARKS))
    pipeline.run(tap.source())

    pipeline.run(tap.source())

    assert [sync["state"] for sync in tap.syncs[3:]] == [BOOKMARKS] * 3


def test_one_that_fails_fails_the_run_of_all(tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails) -> None:
    tap.configure(parallel=2).emits(*STEPS, state(BOOKMARKS), CRASH(3))

    with fails(TapExitError):
        pipeline.run(tap.source())

    assert not pipeline.has_data or singer_state(pipeline) is None
