"""Arrays become child tables whose columns are those of the SCHEMA, and whose values are those of the tap."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import dlt
import pytest
from dlt.extract.hints import make_nested_hints
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer._types import JSON
from dlt_singer.testing import FakeTap, record, schema

Sql = Callable[[str], list[tuple[object, ...]]]


def nullable(kind: str, **more: JSON) -> JSON:
    return {"type": [kind, "null"], **more}


def array(items: JSON) -> JSON:
    return {"type": ["array", "null"], "items": items}


def object_of(**properties: JSON) -> JSON:
    return {"type": ["object", "null"], "properties": properties}


LINE = object_of(
    price=nullable("number"),
    due=nullable("string", format="date-time", description="When it is due."),
    amount={"type": "number", "multipleOf": 0.01},
    address=object_of(zip=nullable("string")),
    tags=array({"type": "string", "format": "date"}),
)
ORDERS: dict[str, JSON] = {
    "id": "integer",
    "lines": array(LINE),
    "address": object_of(phones=array({"type": "integer"})),
    "grid": array(array({"type": "number"})),
}
NOTHING: list[JSON] = [[], None]
TECHNICAL = ("_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx")


def columns(sql: Sql, table: str) -> dict[object, object]:
    return {name: kind for name, kind, *_ in sql(f"DESCRIBE {table}") if name not in TECHNICAL}


def child_tables(sql: Sql) -> list[object]:
    tables = sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw' ORDER BY 1")
    return [name for (name,) in tables if str(name).startswith("orders__")]


def test_a_price_that_is_whole_at_first_does_not_decide_the_column(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    tap.emits(
        schema("orders", ORDERS, ["id"]),
        record("orders", id=1, lines=[{"price": 1}, {"price": 1.5, "amount": 1.1}]),
    )

    pipeline.run(tap.source())

    assert sql("SELECT price, amount FROM orders__lines ORDER BY _dlt_list_idx") == [
        (1.0, None),
        (1.5, Decimal("1.10")),
    ]


def test_child_columns_have_type_and_description_before_their_first_value(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    tap.emits(schema("orders", ORDERS, ["id"]), record("orders", id=1, lines=[{"price": None}]))

    pipeline.run(tap.source())

    assert columns(sql, "orders__lines") == {
        "price": "DOUBLE",
        "due": "TIMESTAMP WITH TIME ZONE",
        "amount": "DECIMAL(38,2)",
        "address__zip": "VARCHAR",
    }
    due = pipeline.default_schema.tables["orders__lines"]["columns"]["due"]
    assert due["description"] == "When it is due."


def test_an_array_without_any_item_has_no_table_yet(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    for lines in NOTHING:
        tap.emits(schema("orders", ORDERS, ["id"]), record("orders", id=1, lines=lines))
        pipeline.run(tap.source())

    assert sql("SELECT id FROM orders") == [(1,)]
    assert child_tables(sql) == []


def test_dates_in_arrays_of_arrays_and_in_objects_are_typed(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    line: JSON = {"due": "2024-01-01T10:00:00+05:30", "tags": ["2024-01-31", "soon", None], "address": {"zip": 7}}
    tap.emits(
        schema("orders", ORDERS, ["id"]),
        record("orders", id=1, lines=[line], address={"phones": [1, 2.5]}, grid=[[1], [2.5, None]]),
    )

    pipeline.run(tap.source())

    assert sql("SELECT due AT TIME ZONE 'UTC', address__zip FROM orders__lines") == [
        (datetime(2024, 1, 1, 4, 30), "7")  # noqa: DTZ001 - without a zone, as asked for
    ]
    assert sql("SELECT value, value__v_text FROM orders__lines__tags ORDER BY _dlt_list_idx") == [
        (date(2024, 1, 31), None),
        (None, "soon"),
        (None, None),
    ]
    assert sql("SELECT value, value__v_double FROM orders__address__phones ORDER BY _dlt_list_idx") == [
        (1, None),
        (None, 2.5),
    ]
    assert sql(
        "SELECT g._dlt_list_idx, l._dlt_list_idx, value FROM orders__grid g "
        "JOIN orders__grid__list l ON l._dlt_parent_id = g._dlt_id ORDER BY 1, 2"
    ) == [(0, 0, 1.0), (1, 0, 2.5), (1, 1, None)]


def test_values_that_do_not_fit_and_keys_without_a_column_are_kept(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    lines: list[JSON] = [{"price": "free", "extra": 1}, {"price": "cheap"}, {"price": 2}, 10**20, "gone"]
    tap.emits(schema("orders", ORDERS, ["id"]), record("orders", id=1, lines=lines))

    pipeline.run(tap.source())

    assert sql(
        "SELECT price, price__v_text, extra, value, value__v_text FROM orders__lines ORDER BY _dlt_list_idx"
    ) == [
        (None, "free", 1, None, None),
        (None, "cheap", None, None, None),
        (2.0, None, None, None, None),
        (None, None, None, None, str(10**20)),
        (None, None, None, "gone", None),
    ]


def test_a_changed_row_loses_its_old_children_at_every_depth(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    for day in ("2024-01-31", "2024-02-29"):
        lines: list[JSON] = [{"price": 1, "tags": [day, day]}, {"price": 2, "tags": []}]
        tap.emits(
            schema("orders", ORDERS, ["id"]), record("orders", id=1, lines=lines[:1] if "29" in day else lines)
        )
        pipeline.run(tap.source())

    assert sql("SELECT price FROM orders__lines") == [(1.0,)]
    assert sql("SELECT DISTINCT value FROM orders__lines__tags") == [(date(2024, 2, 29),)]
    assert sql("SELECT count(*) FROM orders__lines__tags") == [(2,)]


@pytest.mark.parametrize("between_runs", [True, False], ids=["between runs", "within a run"])
def test_items_that_change_their_type_keep_their_column(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, *, between_runs: bool
) -> None:
    before = [schema("orders", {"id": "integer", "lines": array(object_of(price={"type": "integer"}))}, ["id"])]
    before.append(record("orders", id=1, lines=[{"price": 1}]))
    after = [schema("orders", ORDERS, ["id"]), record("orders", id=2, lines=[{"price": 1.5}, {"price": 2}])]

    for messages in [before, after] if between_runs else [[*before, *after]]:
        tap.emits(*messages)
        pipeline.run(tap.source())

    assert sql("SELECT price, price__v_double FROM orders__lines ORDER BY price NULLS LAST") == [
        (1, None),
        (2, None),
        (None, 1.5),
    ]
    assert columns(sql, "orders__lines")["amount"] == "DECIMAL(38,2)"


@pytest.mark.parametrize(
    ("levels", "tables"),
    [(0, []), (1, ["orders__grid", "orders__lines"])],
    ids=["none", "one"],
)
def test_nesting_ends_where_the_user_says(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, levels: int, tables: list[str]
) -> None:
    tap.emits(
        schema("orders", ORDERS, ["id"]),
        record("orders", id=1, lines=[{"tags": ["2024-01-31"]}], address={"phones": [1]}, grid=[[1.10]]),
    )
    source = tap.source()
    source.max_table_nesting = levels

    pipeline.run(source)

    assert child_tables(sql) == tables
    if levels:
        assert sql("SELECT tags FROM orders__lines") == [('["2024-01-31"]',)]
        assert sql("SELECT list FROM orders__grid") == [("[1.1]",)]


def test_what_the_user_says_of_a_child_table_wins(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    tap.emits(schema("orders", ORDERS, ["id"]), record("orders", id=1, lines=[{"price": 1, "amount": 2}]))
    source = tap.source()
    source.resources["orders"].apply_hints(
        nested_hints={"lines": make_nested_hints(columns={"price": {"data_type": "text"}})}
    )

    pipeline.run(source)

    assert sql("SELECT price, amount FROM orders__lines") == [("1", Decimal("2.00"))]


def test_a_stream_with_two_underscores_in_its_name_has_typed_child_tables_too(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    tap.emits(schema("Order__c", ORDERS, ["id"]), record("Order__c", id=1, lines=[{"price": 1}]))

    pipeline.run(tap.source())
    tap.emits(schema("Order__c", ORDERS, ["id"]), record("Order__c", id=1, lines=[{"price": 2}]))
    pipeline.run(tap.source())

    assert sql("SELECT price FROM order__c__lines") == [(2.0,)]
    assert columns(sql, "order__c__lines")["due"] == "TIMESTAMP WITH TIME ZONE"
    assert "order_c__lines" not in pipeline.default_schema.tables


def test_a_contract_counts_for_child_tables_of_such_a_stream_too(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    tap.emits(schema("Order__c", ORDERS, ["id"]), record("Order__c", id=1, lines=[{"price": 1}]))
    pipeline.run(tap.source())
    more: Any = copy.deepcopy(ORDERS)
    more["lines"]["items"]["properties"]["late"] = {"type": "integer"}
    tap.emits(schema("Order__c", more, ["id"]), record("Order__c", id=1, lines=[{"price": 2, "late": 1}]))

    with pytest.raises(PipelineStepFailed, match="late"):
        pipeline.run(tap.source(schema_contract={"columns": "freeze"}))

    assert sql("SELECT price FROM order__c__lines") == [(1.0,)]
    assert "late" not in columns(sql, "order__c__lines")


def test_a_moment_in_an_array_that_has_no_offset_is_utc(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    moments = {"id": "integer", "at": array({"type": "string", "format": "date-time"})}
    tap.emits(schema("orders", moments, ["id"]), record("orders", id=1, at=["2024-01-01T10:00:00", "2024-01-01"]))

    pipeline.run(tap.source())

    expected = [datetime(2024, 1, 1, 10, tzinfo=timezone.utc), datetime(2024, 1, 1, tzinfo=timezone.utc)]
    assert sql("SELECT value FROM orders__at ORDER BY _dlt_list_idx") == [(moment,) for moment in expected]
