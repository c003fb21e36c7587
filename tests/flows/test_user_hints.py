"""What the user says about a table wins over what the tap says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Literal

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer.errors import BackendError, SingerError
from dlt_singer.testing import FakeTap, Table, record, schema

Rows = Callable[[str], list[tuple[object, ...]]]
Fails = Callable[[type[SingerError]], AbstractContextManager[Any]]

FULL = schema("users", {"id": "integer", "name": "string"}, ["id"], replication_method="FULL_TABLE")
KEYED = schema("users", {"id": "integer", "name": "string"}, ["id"], replication_method="INCREMENTAL")


def load_twice(run: Callable[[], object], tap: FakeTap) -> None:
    for name in ("a", "b"):
        tap.emits(FULL, record("users", id=1, name=name))
        run()


def test_a_users_append_wins_over_replace(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    source = tap.emits(FULL).source()
    source.resources["users"].apply_hints(write_disposition="append")

    load_twice(lambda: pipeline.run(source), tap)

    assert rows("users") == [(1, "a"), (1, "b")]


def test_a_users_merge_wins_over_replace_and_its_last_record_wins(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    source = tap.emits(FULL).source()
    source.resources["users"].apply_hints(write_disposition="merge", primary_key="id")
    tap.emits(FULL, record("users", id=0, name="kept"))
    pipeline.run(source)

    tap.emits(FULL, *(record("users", id=1, name=name) for name in ("a", "c", "b")))
    pipeline.run(source)

    assert rows("users") == [(0, "kept"), (1, "b")]


def test_a_users_replace_wins_over_merge_and_starts_from_nothing_each_time(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    table = Table("users", [{"id": 1}, {"id": 2}], {"id": "integer"}, ["id"], "id")
    source = tap.emits(table).source()
    source.resources["users"].apply_hints(write_disposition="replace")

    pipeline.run(source)
    pipeline.run(source)

    assert "state" not in tap.syncs[-1]
    assert rows("users") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [("append", [(1, "a"), (1, "b")]), ("merge", [(1, "b")]), ("replace", [(1, "b")])],
    ids=["append", "merge", "replace"],
)
def test_the_disposition_of_a_run_wins(
    tap: FakeTap,
    pipeline: dlt.Pipeline,
    rows: Rows,
    disposition: Literal["append", "merge", "replace"],
    expected: list[tuple[object, ...]],
) -> None:
    load_twice(lambda: pipeline.run(tap.source(), write_disposition=disposition), tap)

    assert rows("users") == expected


def test_a_disposition_of_one_run_does_not_stick_to_the_source(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(FULL, record("users", id=1, name="a"))
    pipeline.run(tap.source(), write_disposition="append")

    pipeline.run(tap.source())

    assert rows("users") == [(1, "a")]


def test_hints_given_between_two_runs_of_a_source_count(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    source = tap.emits(FULL, record("users", id=1, name="a")).source()
    pipeline.run(source)

    source.resources["users"].apply_hints(merge_key="name")
    pipeline.run(source)

    assert pipeline.default_schema.tables["users"]["columns"]["name"].get("merge_key")


def test_a_history_of_rows_gets_no_new_version_of_a_row_that_stays(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    source = tap.emits(FULL).source()
    source.resources["users"].apply_hints(write_disposition={"disposition": "merge", "strategy": "scd2"})

    tap.emits(FULL, record("users", id=1, name="a"), record("users", id=2, name="a"))
    pipeline.run(source)
    tap.emits(FULL, record("users", id=1, name="a"), record("users", id=2, name="b"))
    pipeline.run(source)

    versions = sql("SELECT id, name, _dlt_valid_to IS NULL FROM users ORDER BY id, name")
    assert versions == [(1, "a", True), (2, "a", False), (2, "b", True)]


def test_a_destination_of_the_users_own_is_given_rows(tap: FakeTap) -> None:
    given: list[object] = []

    @dlt.destination(batch_size=10)
    def sink(items: Any, table: Any) -> None:  # noqa: ANN401 - as dlt declares it
        given.extend((item["id"], item["name"]) for item in items)

    dlt.pipeline("own", destination=sink).run(tap.emits(FULL, record("users", id=1, name="a")).source())

    assert given == [(1, "a")]


def test_resource_options_win(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, sql: Rows) -> None:
    options = {
        "users": {"write_disposition": "append", "table_name": "people", "columns": {"id": {"data_type": "text"}}}
    }

    load_twice(lambda: pipeline.run(tap.source(resource_options=options)), tap)

    assert rows("people") == [("1", "a"), ("1", "b")]


def test_a_users_column_wins_over_the_schema_and_keeps_what_it_does_not_say(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    described = {"type": ["null", "integer"], "description": "How many"}
    source = tap.emits(
        schema("users", {"id": "integer", "count": described}, ["id"]), record("users", id=1, count=7)
    ).source()
    source.resources["users"].apply_hints(columns={"count": {"data_type": "double"}, "mine": {"data_type": "date"}})

    pipeline.run(source)

    types = {name: kind for name, kind, *_ in sql("DESCRIBE users")}
    assert (types["count"], types["mine"]) == ("DOUBLE", "DATE")
    assert pipeline.default_schema.get_table("users")["columns"]["count"]["description"] == "How many"
    assert sql("SELECT count FROM users") == [(7.0,)]


def test_a_decimal_that_the_user_gives_no_size_has_dlts_own(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows, fails: Fails
) -> None:
    tap.emits(schema("users", {"price": "number"}), record("users", price=1.5))
    unsized = {"users": {"columns": {"price": {"data_type": "decimal"}}}}

    with fails(BackendError) as failure:
        pipeline.run(tap.source(resource_options=unsized, backend="arrow"))
    pipeline.run(tap.source(resource_options=unsized, backend="auto"))

    assert "its column 'price' is of a type that only rows are read for" in failure.text
    assert sql("SELECT price, typeof(price) FROM users") == [(Decimal("1.5"), "DECIMAL(38,9)")]


def test_a_users_key_wins(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    source = tap.emits(KEYED).source()
    source.resources["users"].apply_hints(primary_key="name")
    tap.emits(KEYED, record("users", id=1, name="a"), record("users", id=2, name="a"))

    pipeline.run(source)

    assert rows("users") == [(2, "a")]


def test_a_frozen_contract_refuses_a_column_the_table_does_not_have(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(KEYED, record("users", id=1, name="a"))
    pipeline.run(tap.source())

    tap.emits(KEYED, record("users", id=2, name="b", more=1))
    with pytest.raises(PipelineStepFailed, match="frozen"):
        pipeline.run(tap.source(schema_contract="freeze"))

    assert rows("users") == [(1, "a")]


def test_a_frozen_contract_lets_the_known_columns_pass(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(KEYED, record("users", id=1, name="a"))
    pipeline.run(tap.source())

    tap.emits(KEYED, record("users", id=1, name="b"))
    pipeline.run(tap.source(schema_contract="freeze"))

    assert rows("users") == [(1, "b")]


def test_a_contract_that_discards_columns_loads_the_others(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(KEYED, record("users", id=1, name="a"))
    pipeline.run(tap.source())

    tap.emits(KEYED, record("users", id=2, name="b", more=1))
    pipeline.run(tap.source(schema_contract={"columns": "discard_value"}))

    assert rows("users") == [(1, "a"), (2, "b")]


def test_a_table_that_once_merged_goes_on_when_the_tap_changes_its_method(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(KEYED, record("users", id=1, name="a"), record("users", id=2, name="a"))
    pipeline.run(tap.source())

    tap.emits(FULL, record("users", id=2, name="b"))
    pipeline.run(tap.source())
    tap.emits(KEYED, record("users", id=2, name="c"), record("users", id=3, name="c"))
    pipeline.run(tap.source())

    assert rows("users") == [(2, "c"), (3, "c")]


def test_a_name_that_depends_on_the_row_spreads_a_stream_over_tables(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    source = tap.emits(KEYED).source()
    source.resources["users"].apply_hints(table_name=lambda row: f"users_{row['name']}")
    tap.emits(KEYED, record("users", id=1, name="a"), record("users", id=2, name="b"))

    pipeline.run(source)

    assert rows("users_a") == [(1, "a")]
    assert rows("users_b") == [(2, "b")]


def test_hints_of_the_user_survive_on_an_empty_stream(tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows) -> None:
    source = tap.emits(KEYED).source()
    source.resources["users"].apply_hints(columns={"name": {"data_type": "bool"}})

    pipeline.run(source)

    assert ("name", "BOOLEAN") in [row[:2] for row in sql("DESCRIBE users")]


def test_keys_that_the_user_sets_win_over_those_of_the_tap(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Callable[[str], list[tuple[object, ...]]]
) -> None:
    tap.emits(
        schema("users", {"year": "integer", "month": "integer"}, ["year"], replication_method="INCREMENTAL"),
        record("users", year=2024, month=1),
        record("users", year=2024, month=2),
    )

    pipeline.run(tap.source(metadata={"users": {"key-properties": ["year", "month"]}}))

    assert rows("users") == [(2024, 1), (2024, 2)]
    assert pipeline.default_schema.get_table_columns("users")["month"].get("primary_key")


def test_a_misspelt_argument_is_refused_before_the_tap_is_asked_anything(tap: FakeTap) -> None:
    with pytest.raises(TypeError, match=r"unexpected argument 'stream'. Did you mean 'streams'\?"):
        tap.source(stream=["users"])

    assert tap.calls == []
