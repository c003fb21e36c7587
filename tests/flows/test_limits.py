"""A limited run is a shorter run: what comes after it ends with exactly the tap's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import dlt
import pytest
from dlt.extract.source import DltSource

from dlt_singer.testing import FakeTap, Table, record, schema, singer_state, state

Rows = Callable[[str], list[tuple[object, ...]]]

pytestmark = pytest.mark.usefixtures("batches_of_two")

KEYED = Table("keyed", [{"id": each} for each in range(5)], {"id": "integer"}, ["id"], "id", state_every=1)
FULL = Table("full", [{"id": each} for each in range(5)], {"id": "integer"}, ["id"])
KEYLESS_ROWS = [(0, "a"), (1, "a"), (1, "a"), (1, "b"), (2, "a"), (2, "a"), (2, "a")]
KEYLESS = Table(
    "keyless",
    [{"at": at, "what": what} for at, what in KEYLESS_ROWS],
    {"at": "integer", "what": "string"},
    (),
    "at",
    state_every=1,
)
SIBLING = Table("sibling", [{"id": each} for each in range(5)], {"id": "integer"}, ["id"], "id", state_every=1)
ALL = [(each,) for each in range(5)]


def bookmark(pipeline: dlt.Pipeline, stream: str) -> object:
    committed = cast("dict[str, dict[str, dict[str, object]]]", singer_state(pipeline) or {})
    return committed.get("bookmarks", {}).get(stream, {}).get("value")


def limited(source: DltSource, items: int, *streams: str) -> DltSource:
    for stream in streams:
        source.resources[stream].add_limit(items)
    return source


@pytest.mark.parametrize("items", [0, 1, 2])
def test_a_full_run_after_a_limited_one_ends_with_the_rows_of_the_tap(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, items: int
) -> None:
    tap.emits(KEYED, FULL, KEYLESS, SIBLING)

    pipeline.run(limited(tap.source(), items, "keyed", "full", "keyless"))

    # A batch is whole before the STATE behind its last record has come.
    assert bookmark(pipeline, "keyed") in ([None], [0, 1], [2, 3])[items]
    assert bookmark(pipeline, "sibling") == 4
    assert rows("sibling") == ALL
    if items:
        assert rows("keyed") == ALL[: 2 * items]
        assert rows("full") == ALL[: 2 * items]
        assert rows("keyless") == sorted(KEYLESS_ROWS[: 2 * items])
    pipeline.run(tap.source())
    assert rows("keyed") == rows("full") == rows("sibling") == ALL
    assert rows("keyless") == sorted(KEYLESS_ROWS)


def test_limited_runs_one_after_another_get_through_a_stream_without_keys(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(KEYLESS)

    for _ in range(4):
        pipeline.run(limited(tap.source(), 1, "keyless"))
    pipeline.run(tap.source())

    assert rows("keyless") == sorted(KEYLESS_ROWS)


def test_a_run_shorter_than_the_one_before_forgets_no_row_it_did_not_get_to(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    events = schema(
        "keyless", {"at": "integer", "what": "string"}, replication_method="INCREMENTAL", replication_key="at"
    )
    known = [record("keyless", at=1, what=what) for what in "abcd"]
    reached = state({"bookmarks": {"keyless": 1}})
    tap.emits(events, *known, reached)
    pipeline.run(limited(tap.source(), 2, "keyless"))

    tap.emits(events, record("keyless", at=1, what="new"), reached, *known, reached)
    pipeline.run(limited(tap.source(), 1, "keyless"))
    pipeline.run(tap.source())

    assert rows("keyless") == [(1, what) for what in ("a", "b", "c", "d", "new")]


def test_a_limit_of_rows_keeps_the_batch_it_ends_in(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(KEYED)
    source = tap.source()
    source.resources["keyed"].add_limit(3, count_rows=True)

    pipeline.run(source)

    assert rows("keyed") == ALL[:4]
    assert bookmark(pipeline, "keyed") in (2, 3)


def test_rows_that_a_filter_drops_count_as_handed_over(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(KEYED, KEYLESS)
    source = tap.source()
    source.resources["keyed"].add_filter(lambda row: row["id"] > 1).add_limit(1)
    source.resources["keyless"].add_filter(lambda row: row["what"] == "b").add_limit(1)

    pipeline.run(source)

    assert rows("keyed") == [(2,), (3,)]
    assert bookmark(pipeline, "keyed") == 2
    assert rows("keyless") == [(1, "b")]
    pipeline.run(tap.source())
    assert rows("keyed") == [(2,), (3,), (4,)]


def test_a_filter_that_drops_everything_leaves_a_typed_empty_table_and_a_bookmark(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, sql: Rows
) -> None:
    tap.emits(KEYED)
    source = tap.source()
    source.resources["keyed"].add_filter(lambda _row: False)

    pipeline.run(source)

    assert rows("keyed") == []
    assert [kind for name, kind, *_ in sql("DESCRIBE keyed") if name == "id"] == ["BIGINT"]
    assert bookmark(pipeline, "keyed") == 4


def test_maps_and_yield_maps_work_under_a_limit(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    def twice(row: dict[str, int]) -> Iterator[dict[str, int]]:
        yield row
        yield {**row, "id": row["id"] + 100}

    def with_steps(source: DltSource) -> DltSource:
        source.resources["keyed"].add_map(lambda row: {**row, "id": row["id"] * 10}).add_yield_map(twice)
        return source

    tap.emits(KEYED)

    pipeline.run(limited(with_steps(tap.source()), 1, "keyed"))
    pipeline.run(with_steps(tap.source()))

    assert rows("keyed") == sorted((number * 10 + more,) for number in range(5) for more in (0, 100))


def test_a_parallel_source_ends_as_any_other(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(KEYED, FULL, KEYLESS, SIBLING)

    pipeline.run(limited(tap.source().parallelize(), 1, "keyed", "keyless"))
    pipeline.run(tap.source().parallelize())

    assert rows("keyed") == rows("full") == rows("sibling") == ALL
    assert rows("keyless") == sorted(KEYLESS_ROWS)
    assert len(tap.syncs) == 2


def test_a_limit_on_every_stream_ends_the_tap_early(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(KEYED, SIBLING)

    pipeline.run(tap.source().add_limit(1))

    assert rows("keyed") == rows("sibling") == ALL[:2]


def test_a_limit_works_while_an_exception_is_being_handled(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(KEYED, SIBLING)

    try:
        raise ValueError
    except ValueError:
        pipeline.run(limited(tap.source(), 1, "keyed"))

    assert rows("keyed") == ALL[:2]
    assert rows("sibling") == ALL
