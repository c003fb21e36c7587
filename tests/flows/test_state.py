"""A stream's bookmark is committed with its rows, or not at all, and concerns nobody else."""

from __future__ import annotations

import signal
from collections.abc import Callable

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer._types import JSON
from dlt_singer.testing import CRASH, SIGNAL, FakeTap, Step, Table, record, repeat, schema, singer_state, state

Rows = Callable[[str], list[tuple[object, ...]]]

USERS = schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")
ORDERS = schema("orders", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")


def table(stream: str, *ids: int, **options: str) -> Table:
    return Table(stream, [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id", **options)  # type: ignore[arg-type] # `shape` is a literal


def bookmarks(**values: int) -> dict[str, dict[str, int]]:
    return {"bookmarks": values}


def test_the_next_run_starts_from_the_bookmark(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(table("users", 1, 2))
    pipeline.run(tap.source())

    tap.emits(table("users", 1, 2, 3))
    pipeline.run(tap.source())

    assert [sync.get("state") for sync in tap.syncs] == [None, {"bookmarks": {"users": {"value": 2}}}]
    assert rows("users") == [(1,), (2,), (3,)]
    assert singer_state(pipeline) == {"bookmarks": {"users": {"value": 3}}}


def test_a_bookmark_is_kept_only_when_the_load_succeeds(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, sql: Rows
) -> None:
    tap.emits(table("users", 1))
    pipeline.run(tap.source())
    sql("ALTER TABLE users RENAME TO elsewhere")
    tap.emits(table("users", 1, 2))
    with pytest.raises(PipelineStepFailed):
        pipeline.run(tap.source())
    sql("ALTER TABLE elsewhere RENAME TO users")

    pipeline.run(tap.source())

    assert rows("users") == [(1,), (2,)]


@pytest.mark.parametrize(
    "trouble",
    [
        [record("users", id=2), CRASH(1), state(bookmarks(users=2))],
        [record("users", id=2), state(bookmarks(users=2)), CRASH(1)],
        [record("users", id=2), state(bookmarks(users=2)), SIGNAL(signal.SIGKILL)],
        [repeat(12_000, record("users", id="$n")), state(bookmarks(users=2)), CRASH(1)],
    ],
    ids=["crash midway", "crash after the last record", "killed", "crash after batches were handed over"],
)
def test_an_interrupted_run_changes_no_state_and_no_table(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, trouble: list[Step]
) -> None:
    tap.emits(USERS, record("users", id=1), state(bookmarks(users=1)))
    pipeline.run(tap.source())

    tap.emits(USERS, *trouble)
    with pytest.raises(PipelineStepFailed):
        pipeline.run(tap.source())

    assert rows("users") == [(1,)]
    assert singer_state(pipeline) == bookmarks(users=1)
    assert not pipeline.has_pending_data


def test_a_first_run_that_fails_leaves_no_state(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(USERS, record("users", id=1), state(bookmarks(users=1)), CRASH(1))

    with pytest.raises(PipelineStepFailed):
        pipeline.run(tap.source())

    assert singer_state(pipeline) is None


@pytest.mark.parametrize("shape", ["bookmarks", "top"])
def test_a_run_of_some_streams_keeps_the_bookmarks_of_the_others(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, shape: str
) -> None:
    tap.emits(table("users", 1, shape=shape), table("orders", 1, shape=shape))
    pipeline.run(tap.source())
    before = singer_state(pipeline)

    tap.emits(table("users", 1, 2, shape=shape), table("orders", 1, 2, shape=shape))
    pipeline.run(tap.source().with_resources("orders"))
    between = singer_state(pipeline)
    pipeline.run(tap.source())

    assert isinstance(before, dict)
    assert isinstance(between, dict)
    assert between.get("bookmarks", between)["users"] == before.get("bookmarks", before)["users"]
    assert between.get("bookmarks", between)["orders"] != before.get("bookmarks", before)["orders"]
    assert tap.syncs[-1]["state"] == between
    assert rows("users") == rows("orders") == [(1,), (2,)]


def test_a_stream_missing_from_the_newest_state_loses_its_part(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(USERS, ORDERS, state(bookmarks(users=1, orders=1)))
    pipeline.run(tap.source())

    tap.emits(USERS, ORDERS, state(bookmarks(users=2)))
    pipeline.run(tap.source())

    assert singer_state(pipeline) == bookmarks(users=2)


def test_a_stream_that_was_not_asked_for_keeps_its_part_when_the_newest_state_misses_it(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    tap.emits(USERS, ORDERS, state(bookmarks(users=1, orders=1)))
    pipeline.run(tap.source())

    tap.emits(USERS, state(bookmarks(users=2)), extra_streams=[ORDERS])
    pipeline.run(tap.source(streams=["users"]))

    assert singer_state(pipeline) == bookmarks(users=2, orders=1)


@pytest.mark.parametrize(
    "given", [bookmarks(users=1), {"users": 1}, {"cursor": 1}], ids=["bookmarks", "top level", "opaque"]
)
def test_what_the_tap_is_syncing_is_never_stored(
    tap: FakeTap, pipeline: dlt.Pipeline, given: dict[str, int]
) -> None:
    tap.emits(USERS, record("users", id=1), state({"currently_syncing": "users", **given}))

    pipeline.run(tap.source())

    assert singer_state(pipeline) == given
    assert "currently_syncing" not in str(pipeline.state)


@pytest.mark.parametrize(
    ("kept", "given"),
    [
        ({"bookmarks": {"users": 1}}, {"bookmarks": {"users": 1}, "currently_syncing": None}),
        ({"users": 1}, {"users": 1}),
    ],
    ids=["bookmarks", "top level"],
)
def test_a_tap_with_bookmarks_finds_that_it_is_syncing_nothing(
    tap: FakeTap, pipeline: dlt.Pipeline, kept: dict[str, JSON], given: dict[str, JSON]
) -> None:
    tap.emits(USERS, record("users", id=1), state(kept))
    pipeline.run(tap.source())

    pipeline.run(tap.source())

    assert tap.calls[-1]["state"] == given


def test_records_without_any_state_are_loaded_and_nothing_is_remembered(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(USERS, record("users", id=1))

    pipeline.run(tap.source())
    pipeline.run(tap.source())

    assert rows("users") == [(1,)]
    assert "state" not in tap.syncs[-1]


@pytest.mark.parametrize("shape", ["bookmarks", "top", "opaque"])
def test_components_run_one_after_another_end_as_one_run_does(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, shape: str
) -> None:
    names = ("users", "orders")
    tap.emits(*(table(name, 1, 2, shape=shape) for name in names))
    for component in tap.source().decompose("scc"):
        pipeline.run(component)
    first = singer_state(pipeline)

    tap.emits(*(table(name, 1, 2, 3, shape=shape) for name in names))
    for component in tap.source().decompose("scc"):
        pipeline.run(component)

    expected: dict[str, object] = {
        "bookmarks": {"bookmarks": {name: {"value": 2} for name in names}},
        "top": dict.fromkeys(names, 2),
        "opaque": {"cursor": 2},
    }
    assert first == expected[shape]
    assert [rows(name) for name in names] == [[(1,), (2,), (3,)]] * 2
    assert ["state" in sync for sync in tap.syncs] == [False, False, True, True]


def test_a_new_stream_beside_an_opaque_state_starts_from_nothing(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1, 5, shape="opaque"))
    pipeline.run(tap.source())

    tap.emits(table("users", 1, 5, 6, shape="opaque"), table("orders", 1, 2, shape="opaque"))
    pipeline.run(tap.source())

    assert rows("users") == [(1,), (5,), (6,)]
    assert rows("orders") == [(1,), (2,)]


def test_groups_with_equal_global_parts_run_together_again(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(table("users", 1, 5, shape="opaque"))
    pipeline.run(tap.source())
    both = [table("users", 1, 5, shape="opaque"), table("orders", 1, 5, shape="opaque")]

    tap.emits(*both)
    pipeline.run(tap.source())
    pipeline.run(tap.source())

    assert [sync.get("state") for sync in tap.syncs] == [None, {"cursor": 5}, None, {"cursor": 5}]


def test_a_large_global_part_is_stored_once(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    large = {"seen": {str(number): number for number in range(500)}}
    tap.emits(USERS, ORDERS, state({**bookmarks(users=1, orders=1), **large}))

    pipeline.run(tap.source())
    pipeline.run(tap.source())

    assert tap.syncs[-1]["state"] == {**bookmarks(users=1, orders=1), **large}
    assert str(pipeline.state["sources"]).count("'499'") == 1


def test_a_large_global_part_nobody_refers_to_any_more_is_forgotten(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    for run in range(3):
        tap.emits(USERS, state({**bookmarks(users=run), "seen": {str(each): run for each in range(500)}}))
        pipeline.run(tap.source())

    assert str(pipeline.state["sources"]).count("'499'") == 1
