"""A table keeps the types it was made with: what another type lets through is loaded beside them, unchanged."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import dlt
import pytest

from dlt_singer._types import JSON
from dlt_singer.testing import FakeTap, record, schema

CENTS: JSON = {"type": "number", "multipleOf": 0.01}
FINER: JSON = {"type": "number", "multipleOf": 0.0001}
MOMENT: JSON = {"type": "string", "format": "date-time"}


@pytest.mark.parametrize(
    ("before", "now", "first", "misfit", "beside"),
    [
        ("integer", "number", 1, 1.5, ("v__v_double", 1.5)),
        (CENTS, FINER, 1.25, 1.2525, ("v__v_text", "1.2525")),
        ("integer", "string", 1, "one", ("v__v_text", "one")),
        (MOMENT, "string", "2024-01-01T00:00:00Z", "soon", ("v__v_text", "soon")),
        ("boolean", "integer", True, 7, ("v__v_bigint", 7)),
    ],
    ids=[
        "integer to number",
        "to a finer decimal",
        "integer to string",
        "date-time to string",
        "boolean to integer",
    ],
)
@pytest.mark.needs_rows
def test_a_type_that_changes_between_runs_rounds_and_loses_nothing(
    tap: FakeTap,
    pipeline: dlt.Pipeline,
    sql: Callable[[str], list[tuple[object, ...]]],
    before: JSON,
    now: JSON,
    first: JSON,
    misfit: JSON,
    beside: tuple[str, object],
) -> None:
    tap.emits(schema("users", {"id": "integer", "v": before}, ["id"]), record("users", id=1, v=first))
    pipeline.run(tap.source())
    column, value = beside

    tap.emits(
        schema("users", {"id": "integer", "v": now}, ["id"]),
        record("users", id=2, v=misfit),
        record("users", id=3, v=first),
    )
    pipeline.run(tap.source())

    assert sql(f"SELECT v, {column} FROM users WHERE id = 2") == [(None, value)]
    assert len(sql("SELECT DISTINCT v FROM users WHERE id IN (1, 3)")) == 1


@pytest.mark.needs_rows
def test_a_type_that_changes_in_the_middle_of_a_run_rounds_and_loses_nothing(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Callable[[str], list[tuple[object, ...]]]
) -> None:
    tap.emits(
        schema("users", {"id": "integer", "v": CENTS}, ["id"]),
        record("users", id=1, v=1.25),
        schema("users", {"id": "integer", "v": "string"}, ["id"]),
        record("users", id=2, v="1.2525"),
    )

    pipeline.run(tap.source())

    assert sql("SELECT id, v, v__v_text FROM users ORDER BY id") == [
        (1, Decimal("1.25"), None),
        (2, None, "1.2525"),
    ]


def test_a_property_without_a_type_is_a_column_before_its_first_value(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Callable[[str], list[tuple[object, ...]]]
) -> None:
    tap.emits(
        schema("users", {"id": "integer", "open": {}, "nothing": {"type": "null"}}, ["id"]),
        record("users", id=1, open=None, nothing=None),
    )

    pipeline.run(tap.source())

    described = {str(name): kind for name, kind, *_ in sql("DESCRIBE users")}
    assert described["open"] == "JSON"
    assert described["nothing"] == "VARCHAR"
