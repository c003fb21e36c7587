"""Table versions and deletes: which rows of a stream are current."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import dlt
import pytest

from dlt_singer._types import JSON
from dlt_singer.errors import SingerError, TapProtocolError
from dlt_singer.testing import FakeTap, Step, activate_version, record, schema, state

Rows = Callable[[str], list[tuple[object, ...]]]
Fails = Callable[[type[SingerError]], AbstractContextManager[Any]]

USERS = schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")
EVENTS = schema("events", {"id": "integer"}, replication_method="INCREMENTAL", replication_key="id")
LOG = schema("users", {"id": "integer", "name": "string"}, ["id"], replication_method="LOG_BASED")


def versioned(stream: str, version: int, *ids: int) -> list[Step]:
    return [record(stream, version=version, id=each) for each in ids]


@pytest.mark.parametrize(("first", "stream"), [(USERS, "users"), (EVENTS, "events")], ids=["keyed", "keyless"])
def test_a_new_version_replaces_the_table(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, first: Step, stream: str
) -> None:
    tap.emits(first, *versioned(stream, 1, 1, 2), activate_version(stream, 1))
    pipeline.run(tap.source())

    tap.emits(first, *versioned(stream, 2, 2, 3), activate_version(stream, 2))
    pipeline.run(tap.source())

    assert rows(stream) == [(2,), (3,)]


@pytest.mark.usefixtures("batches_of_two")
def test_a_new_version_keeps_all_rows_of_its_own_batches(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(USERS, *versioned("users", 1, 1))
    pipeline.run(tap.source())

    tap.emits(USERS, activate_version("users", 2), *versioned("users", 2, *range(5)))
    pipeline.run(tap.source())

    assert rows("users") == [(each,) for each in range(5)]


def test_a_key_that_comes_twice_in_a_new_version_ends_with_its_last_value(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    named = schema("users", {"id": "integer", "name": "string"}, ["id"], replication_method="INCREMENTAL")
    tap.emits(named, *(record("users", version=1, id=1, name=name) for name in ("first", "last")))

    pipeline.run(tap.source())

    assert rows("users") == [(1, "last")]


def test_the_same_version_keeps_the_rows(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    for ids in ([1, 2], [2, 3], [4]):
        tap.emits(USERS, *versioned("users", 1, *ids), activate_version("users", 1))
        pipeline.run(tap.source())

    assert rows("users") == [(1,), (2,), (3,), (4,)]


def test_a_list_in_a_row_is_updated_in_the_run_after_a_new_version(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tags: JSON = {"type": ["array", "null"], "items": {"type": "string"}}
    tagged = schema(
        "users", {"id": "integer", "tags": tags}, ["id"], replication_method="INCREMENTAL", replication_key="id"
    )
    pipeline.run(tap.emits(tagged, record("users", version=1, id=1, tags=["a"])).source())

    pipeline.run(tap.emits(tagged, record("users", version=1, id=1, tags=["b", "c"])).source())

    assert sql("SELECT value FROM users__tags ORDER BY value") == [("b",), ("c",)]


def test_a_first_version_replaces_what_was_loaded_without_one(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(USERS, record("users", id=1))
    pipeline.run(tap.source())

    tap.emits(USERS, *versioned("users", 1, 2))
    pipeline.run(tap.source())

    assert rows("users") == [(2,)]


def test_an_activated_version_without_rows_empties_the_table(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(USERS, *versioned("users", 1, 1))
    pipeline.run(tap.source())

    tap.emits(USERS, activate_version("users", 2))
    pipeline.run(tap.source())

    assert rows("users") == []


def test_a_second_version_within_a_run_fails_and_names_the_option(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, fails: Fails
) -> None:
    tap.emits(USERS, *versioned("users", 1, 1))
    pipeline.run(tap.source())

    tap.emits(USERS, *versioned("users", 1, 2), *versioned("users", 2, 3))
    with fails(TapProtocolError) as failure:
        pipeline.run(tap.source())

    assert "'users'" in failure.text
    assert "version_column: true" in failure.text
    assert rows("users") == [(1,)]


def test_with_a_version_column_several_versions_are_loaded_side_by_side(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tap.configure(version_column=True)
    tap.emits(EVENTS, *versioned("events", 1, 1), *versioned("events", 2, 2))

    pipeline.run(tap.source())

    assert sql("SELECT id, _sdc_table_version FROM events ORDER BY id") == [(1, 1), (2, 2)]


def deletes_first_user(run: Callable[[], object], tap: FakeTap) -> None:
    tap.emits(LOG, record("users", id=1, name="a"), record("users", id=2, name="b"))
    run()
    with_column = schema(
        "users",
        {
            "id": "integer",
            "name": "string",
            "_sdc_deleted_at": {"type": ["null", "string"], "format": "date-time"},
        },
        ["id"],
        replication_method="LOG_BASED",
    )
    deleted = record("users", id=1, name="a", _sdc_deleted_at="2024-05-01T00:00:00Z")
    tap.emits(with_column, deleted, record("users", id=2, name="c"), state({"bookmarks": {"users": 2}}))
    run()


def test_hard_deletes_change_nothing_for_a_stream_that_tells_of_none(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tap.configure(deletes="hard")
    tap.emits(schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL"), record("users", id=1))

    pipeline.run(tap.source())

    assert sql("SELECT id FROM users") == [(1,)]
    assert "_sdc_deleted_at" not in pipeline.default_schema.get_table_columns("users")


def test_hard_deletes_remove_the_row(tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows) -> None:
    tap.configure(deletes="hard")

    deletes_first_user(lambda: pipeline.run(tap.source()), tap)

    assert sql("SELECT id, name FROM users") == [(2, "c")]


def test_soft_deletes_mark_the_row_in_a_column_that_is_there_from_the_first_run(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    columns = []

    def run() -> None:
        pipeline.run(tap.source())
        columns.append([name for name, *_ in sql("DESCRIBE users")])

    deletes_first_user(run, tap)

    assert all("_sdc_deleted_at" in each for each in columns)
    assert sql("SELECT id, _sdc_deleted_at IS NOT NULL FROM users ORDER BY id") == [(1, True), (2, False)]


def test_without_deletes_the_column_is_one_like_any_other(tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows) -> None:
    tap.configure(deletes="off")
    tap.emits(LOG, record("users", id=1, name="a"))

    pipeline.run(tap.source())

    assert "_sdc_deleted_at" not in [name for name, *_ in sql("DESCRIBE users")]


def test_a_hard_delete_takes_a_row_that_came_in_the_same_run(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tap.configure(deletes="hard")
    tap.emits(
        LOG,
        record("users", id=1, name="a"),
        record("users", id=1, name="a", _sdc_deleted_at="2024-05-01T00:00:00Z"),
        record("users", id=2, name="b", _sdc_deleted_at="2024-05-01T00:00:00Z"),
        record("users", id=2, name="b again", _sdc_deleted_at=None),
    )

    pipeline.run(tap.source())

    assert sql("SELECT id, name FROM users") == [(2, "b again")]
