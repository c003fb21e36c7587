"""Child tables carry dlt's names, and dlt finds our hints for them."""

from __future__ import annotations

import dlt
import pytest
from dlt.common.schema import Schema
from dlt.extract.hints import make_hints

from dlt_singer._types import JSON
from dlt_singer.hints import ColumnHint, Path
from dlt_singer.source.nested import child_name, nested_hints, users_columns

PRICE: dict[str, ColumnHint] = {"price": {"name": "price", "data_type": "double", "nullable": True}}
RECORD: JSON = {
    "Line Items": [{"Tax__Rates": [1]}],
    "Ship To": {"Phones": [1]},
    "grid": [[1]],
    "a" * 60: {"b" * 60: [{"c" * 60: [1]}]},
}
PATHS: list[Path] = [
    ("Line Items",),
    ("Line Items", "Tax__Rates"),
    ("Ship To", "Phones"),
    ("grid",),
    ("grid", "list"),
    ("a" * 60, "b" * 60),
    ("a" * 60, "b" * 60, "c" * 60),
]


@pytest.mark.parametrize("max_length", [0, 63], ids=["names of any length", "short names"])
def test_a_path_has_the_name_that_dlts_normaliser_gives_it(max_length: int) -> None:
    schema = Schema("names")
    schema.naming.max_length = max_length
    schema.data_item_normalizer._reset()  # type: ignore[attr-defined]  # forgets the names of before

    made = {table for (table, *_), _ in schema.normalize_data_item(RECORD, "load", "order__c")}

    assert {child_name(schema.naming, "order__c", path) for path in [(), *PATHS]} == made


def test_dlt_finds_the_hints_of_every_table_under_the_right_parent() -> None:
    naming = Schema("names").naming
    resource = dlt.resource([1], name="orders")
    children: dict[Path, dict[str, ColumnHint]] = {path: PRICE if len(path) > 1 else {} for path in PATHS[:5]}
    resource.apply_hints(nested_hints=nested_hints(naming, "orders", children, None))  # type: ignore[arg-type]  # as dlt takes it

    tables = resource.compute_nested_table_schemas("orders", naming)

    assert {table["name"]: table.get("parent") for table in tables} == {
        "orders__line_items": "orders",
        "orders__line_items__tax__rates": "orders__line_items",
        "orders__ship_to__phones": "orders",
        "orders__grid": "orders",
        "orders__grid__list": "orders__grid",
    }


def test_a_table_without_columns_and_without_typed_children_is_left_to_dlt() -> None:
    assert nested_hints(Schema("names").naming, "orders", {("lines",): {}}, None) == {}


def test_the_users_words_on_a_column_are_laid_over_ours_however_the_path_is_spelled() -> None:
    naming = Schema("names").naming
    users = {("Lines",): make_hints(columns={"price": {"data_type": "text"}, "note": {"data_type": "text"}})}

    hints = nested_hints(naming, "orders", {("lines",): PRICE}, users)

    assert hints[("lines",)]["columns"] == {
        "price": {"name": "price", "data_type": "text", "nullable": True},
        "note": {"name": "note", "data_type": "text"},
    }
    assert users_columns(naming, users, ("lines",))["price"]["data_type"] == "text"


@pytest.mark.parametrize(
    "users",
    [make_hints(primary_key="price"), make_hints(columns={"price": {"merge_key": True}})],
    ids=["by name", "on a column"],
)
def test_a_table_with_a_key_of_the_users_own_has_no_parent(users: object) -> None:
    hints = nested_hints(Schema("names").naming, "orders", {("lines",): PRICE}, {"lines": users})

    assert "parent_table_name" not in hints[("lines",)]
