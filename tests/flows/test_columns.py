"""Columns and tables: named after the tap's properties and streams, typed by its SCHEMA, nested as dlt does it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import dlt
import pytest

from dlt_singer._types import JSON
from dlt_singer.errors import SelectionError
from dlt_singer.testing import FakeTap, Step, Table, record, schema

Rows = Callable[[str], list[tuple[object, ...]]]

TYPED: dict[str, JSON] = {
    "id": "integer",
    "name": "string",
    "at": {"type": ["null", "string"], "format": "date-time"},
}


def types(sql: Rows, table: str) -> dict[object, object]:
    return {name: kind for name, kind, *_ in sql(f'DESCRIBE "{table}"') if not str(name).startswith("_")}


@pytest.mark.parametrize("records", [[], [record("users", id=1)]], ids=["empty", "all values null"])
def test_columns_are_there_and_typed_without_values(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows, records: list[Step]
) -> None:
    tap.emits(schema("users", TYPED, ["id"]), *records)

    pipeline.run(tap.source())

    assert types(sql, "users") == {"id": "BIGINT", "name": "VARCHAR", "at": "TIMESTAMP WITH TIME ZONE"}
    assert sql("SELECT count(*) FROM users") == [(len(records),)]


def test_a_column_that_a_later_schema_adds_is_there_with_its_type(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, sql: Rows
) -> None:
    tap.emits(
        schema("users", {"id": "integer", "name": "string"}, ["id"]),
        record("users", id=1, name="a"),
        schema("users", {"id": "integer", "name": "string", "age": "integer"}, ["id"]),
        record("users", id=2, name="b"),
    )

    pipeline.run(tap.source())

    assert types(sql, "users")["age"] == "BIGINT"
    assert rows("users") == [(1, "a", None), (2, "b", None)]


@pytest.mark.needs_rows
def test_a_column_whose_type_changes_midway_keeps_all_values(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tap.emits(
        schema("users", {"id": "integer", "code": "integer"}, ["id"]),
        record("users", id=1, code=7),
        schema("users", {"id": "integer", "code": "string"}, ["id"]),
        record("users", id=2, code="x7"),
        record("users", id=3, code=None),
    )

    pipeline.run(tap.source())

    (values,) = [sql("SELECT id, COLUMNS('^code') FROM users ORDER BY id")]
    assert [[str(value) for value in row[1:] if value is not None] for row in values] == [["7"], ["x7"], []]


def test_odd_stream_names_become_table_names(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    name = "Ünïcode:a.b"
    tap.emits(Table(name, [{"id": 1}], {"id": "integer"}, ["id"], "id"))

    for _ in range(2):
        pipeline.run(tap.source())

    (table,) = pipeline.default_schema.data_table_names()
    assert rows(table) == [(1,)]
    assert tap.syncs[-1]["state"] == {"bookmarks": {name: {"value": 1}}}


def test_two_streams_that_would_share_a_table_are_refused_by_name(tap: FakeTap) -> None:
    tap.emits(schema("Users", {"id": "integer"}), schema("users", {"id": "integer"}))

    with pytest.raises(SelectionError, match="'Users' and 'users' would both load into table 'users'"):
        tap.source()


def test_streams_whose_rows_name_their_tables_share_none_before_there_are_rows(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    streams = [schema("Users", {"id": "integer"}, ["id"]), schema("users", {"id": "integer"}, ["id"])]
    tap.emits(*streams, record("Users", id=1), record("users", id=2))

    pipeline.run(tap.source(resource_options={"Users": {"table_name": lambda row: f"people_{row['id']}"}}))

    assert rows("people_1") == [(1,)]
    assert rows("users") == [(2,)]


def test_two_streams_that_would_share_a_table_load_if_one_is_named_otherwise(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    streams = [schema("Users", {"id": "integer"}, ["id"]), schema("users", {"id": "integer"}, ["id"])]
    tap.emits(*streams, record("Users", id=1), record("users", id=2))

    pipeline.run(tap.source(resource_options={"Users": {"table_name": "people"}}))

    assert rows("people") == [(1,)]
    assert rows("users") == [(2,)]


NESTED: dict[str, JSON] = {
    "id": "integer",
    "address": {"type": ["object", "null"], "properties": {"city": {"type": ["string", "null"]}}},
    "tags": {"type": ["array", "null"], "items": {"type": "string"}},
}


@pytest.mark.needs_rows
def test_objects_flatten_and_arrays_become_child_tables(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, sql: Rows
) -> None:
    tap.emits(
        schema("users", NESTED, ["id"]),
        record("users", id=1, address={"city": "Bern"}, tags=["a", "b"]),
        record("users", id=2, address=None, tags=None),
    )

    pipeline.run(tap.source())

    assert rows("users") == [(1, "Bern"), (2, None)]
    children = "SELECT id, value FROM users__tags t JOIN users u ON t._dlt_parent_id = u._dlt_id ORDER BY value"
    assert sql(children) == [(1, "a"), (1, "b")]


@pytest.mark.needs_rows
def test_an_updated_row_takes_its_old_children_with_it(tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows) -> None:
    for tags in (["a", "b"], ["c"]):
        tap.emits(schema("users", NESTED, ["id"]), record("users", id=1, tags=tags))
        pipeline.run(tap.source())

    assert sql("SELECT value FROM users__tags") == [("c",)]


def test_without_nesting_objects_and_arrays_are_json_columns(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tap.emits(schema("users", NESTED, ["id"]), record("users", id=1, address={"city": "Bern"}, tags=["a"]))

    pipeline.run(tap.source(max_table_nesting=0))

    assert sql("SELECT address->>'city', tags->>0 FROM users") == [("Bern", "a")]
    assert pipeline.default_schema.data_table_names() == ["users"]


def test_an_array_whose_column_is_json_already_stays_one(tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows) -> None:
    tap.emits(schema("users", NESTED, ["id"]), record("users", id=1, tags=["a"]))
    pipeline.run(tap.source(max_table_nesting=0))
    tap.emits(schema("users", NESTED, ["id"]), record("users", id=2, tags=["b", "c"]))

    pipeline.run(tap.source())

    assert sql("SELECT id, tags->>'$[#-1]' FROM users ORDER BY id") == [(1, "a"), (2, "c")]
    assert pipeline.default_schema.data_table_names() == ["users"]


def test_a_timestamp_is_a_timestamp(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(schema("users", TYPED, ["id"]), record("users", id=1, name="a", at="2024-05-01T10:00:00+02:00"))

    pipeline.run(tap.source())

    ((_, _, at),) = rows("users")
    assert isinstance(at, dt.datetime)
    assert at.astimezone(dt.timezone.utc).isoformat() == "2024-05-01T08:00:00+00:00"


@pytest.mark.needs_rows
def test_a_property_the_schema_does_not_have_is_loaded_too(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(schema("users", {"id": "integer"}, ["id"]), record("users", id=1, more="x"))

    pipeline.run(tap.source())

    assert rows("users") == [(1, "x")]


def test_the_words_that_dlt_keeps_for_itself_are_no_trouble_as_keys(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tap.emits(
        schema("users", {"Id": "integer", "select": "string", "Größe": "number"}, ["Id"]),
        record("users", Id=1, select="x", Größe=1.5),
    )

    pipeline.run(tap.source())

    assert sql('SELECT id, "select" FROM users') == [(1, "x")]
