"""dlt's schema for thousands of tables: as `Schema`, only faster."""

from __future__ import annotations

from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.source.wide_schema import WideSchema

NAMES = st.sampled_from(["users", "orders", "_dlt_extra", "_dlt_more", "items"])


def wide(*tables: str) -> WideSchema:
    schema = WideSchema("wide")
    for table in tables:
        schema.update_table(new_table(table, write_disposition="merge"))
    return schema


@given(st.lists(st.tuples(st.booleans(), NAMES)))
def test_its_own_tables_are_those_dlt_would_find_whatever_comes_and_goes(steps: list[tuple[bool, str]]) -> None:
    schema = WideSchema("wide")

    for adds, name in steps:
        if adds:
            schema.update_table(new_table(name))
        elif name in schema.tables:
            schema.drop_tables([name])

        assert schema.dlt_tables() == Schema.dlt_tables(schema)


def test_a_copy_is_as_fast_and_of_the_same_version() -> None:
    schema = wide("users")

    copied = schema.clone()

    assert type(copied) is WideSchema
    assert copied.version_hash == schema.version_hash
    assert copied.tables["users"] is not schema.tables["users"]


def test_an_update_with_its_own_copy_changes_nothing_but_settings() -> None:
    schema = wide("users")
    before = schema.version_hash
    copied = schema.clone()
    copied.set_schema_contract({"tables": "freeze"})

    schema.update_schema(schema.clone())
    unchanged = schema.version_hash
    schema.update_schema(copied)

    assert unchanged == before
    assert schema.settings["schema_contract"] == {"tables": "freeze"}


def test_an_update_with_more_tables_takes_them_over() -> None:
    schema = wide("users")

    schema.update_schema(wide("users", "orders"))

    assert [name for name in schema.tables if not name.startswith("_dlt")] == ["users", "orders"]
