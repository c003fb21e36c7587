"""Streams with arrays as Arrow: the tables and the schema that dlt makes of rows, and not a row more or less."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.normalizers.json.relational import DataItemNormalizer as RelationalNormalizer
from dlt.common.schema.typing import TColumnName
from dlt.extract.hints import make_nested_hints
from dlt.extract.source import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer._types import JSON
from dlt_singer.errors import BackendError
from dlt_singer.testing import CRASH, FakeTap, Step, activate_version, record, schema, state
from tests.flows.conftest import Failure

Fails = Callable[[type[BackendError]], AbstractContextManager[Failure]]
Sql = Callable[[str], list[tuple[object, ...]]]
Records = list[dict[str, Any]]


def nullable(kind: str, **more: JSON) -> JSON:
    return {"type": [kind, "null"], **more}


def array(items: JSON) -> JSON:
    return {"type": ["array", "null"], "items": items}


def object_of(**properties: JSON) -> JSON:
    return {"type": ["object", "null"], "properties": properties}


ORDERS: dict[str, JSON] = {
    "id": "integer",
    "free": nullable("object"),
    "lines": array(
        object_of(
            price=nullable("number"),
            Amount={"type": ["number", "null"], "multipleOf": 0.01},
            due=nullable("string", format="date-time"),
            address=object_of(zip=nullable("string"), phones=array(nullable("integer"))),
            days=array({"type": "string", "format": "date"}),
        )
    ),
    "tags": array(nullable("string")),
    "grid": array(array(nullable("boolean"))),
    "home": object_of(rooms=array(object_of(name=nullable("string")))),
    "never": array(object_of(a=nullable("integer"))),
}
CHILDREN = {
    "orders__lines": "orders",
    "orders__lines__address__phones": "orders__lines",
    "orders__lines__days": "orders__lines",
    "orders__tags": "orders",
    "orders__grid": "orders",
    "orders__grid__list": "orders__grid",
    "orders__home__rooms": "orders",
}
IDS = {"_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_load_id", "_sdc_sequence"}


def some_orders(seed: int) -> Records:
    chance = random.Random(seed)

    def maybe(value: JSON) -> JSON:
        return chance.choice([value, value, value, None])

    def several(make: Callable[[], JSON]) -> JSON:
        return maybe([make() for _ in range(chance.randrange(4))])

    def line() -> JSON:
        made: dict[str, JSON] = {
            "price": maybe(chance.randrange(100) / 4),
            "Amount": maybe(chance.randrange(100)),
            "due": maybe(f"2024-01-{chance.randrange(10, 29)}T10:00:00+01:00"),
            "address": maybe({"zip": "é", "phones": several(lambda: maybe(chance.randrange(9)))}),
            "days": several(lambda: f"2024-02-{chance.randrange(10, 29)}"),
        }
        return {name: value for name, value in made.items() if chance.random() < 0.9}

    return [
        {
            "id": chance.randrange(12),
            "free": maybe({"a": [1, {"b": None}]}),
            "lines": several(line),
            "tags": several(lambda: maybe("tag")),
            "grid": several(lambda: [True, None][: chance.randrange(3)]),
            "home": maybe({"rooms": several(lambda: {"name": maybe("kitchen")})}),
        }
        for _ in range(30)
    ]


class Loaded:
    """A pipeline of its own into a file of its own, which loads some runs."""

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir()
        self.tap = FakeTap(directory)
        self._file = directory / f"{name}.duckdb"
        self.pipeline = dlt.pipeline(name, destination=dlt.destinations.duckdb(str(self._file)), dataset_name="raw")

    def sql(self, query: str) -> list[tuple[object, ...]]:
        with contextlib.closing(duckdb.connect(str(self._file))) as connection:
            connection.execute("SET search_path = 'raw'")
            return list(connection.execute(query).fetchall())

    def tables(self) -> dict[str, list[str]]:
        """Return the rows of every table, each with the path of places that leads to it from its root."""
        paths: dict[object, str] = {}
        found = {}
        for table, parent in {"orders": None, **CHILDREN}.items():
            if not self.sql(f"SELECT 1 FROM information_schema.tables WHERE table_name = '{table}'"):
                continue
            columns = [str(name) for name, *_ in self.sql(f"DESCRIBE {table}")]
            rows = [dict(zip(columns, row, strict=True)) for row in self.sql(f"SELECT * FROM {table}")]
            for row in rows:
                above = f"{paths[row['_dlt_parent_id']]}/{row['_dlt_list_idx']}" if parent else ""
                if parent and "_dlt_root_id" in row:
                    assert paths[row["_dlt_root_id"]] == above.partition("/")[0]
                key = f"{row['id']}.{len(paths)}" if parent is None else above
                paths[row["_dlt_id"]] = key
                row["path"] = above.partition("/")[2]
                row["root"] = key.split(".")[0]
            found[table] = sorted(
                str({name: value for name, value in sorted(row.items()) if name not in IDS}) for row in rows
            )
        return found

    def schema(self) -> dict[str, Any]:
        """Return what dlt knows of the tables, the order of columns aside."""
        tables = self.pipeline.default_schema.to_dict()["tables"]
        return {name: table for name, table in tables.items() if name.startswith("orders")}


@pytest.fixture
def both(tmp_path: Path, own_directories: None) -> tuple[Loaded, Loaded]:
    """Two of them, the one for rows and the one for Arrow."""
    return Loaded(tmp_path / "r", "as_rows"), Loaded(tmp_path / "a", "as_arrow")


def load(loaded: Loaded, backend: str, *steps: Step, keys: Sequence[str] = (), method: str | None = None) -> None:
    loaded.tap.emits(schema("orders", ORDERS, keys, replication_method=method), *steps)
    loaded.pipeline.run(loaded.tap.source(backend=backend))


def records(orders: Records) -> list[Step]:
    return [record("orders", **order) for order in orders]


@pytest.mark.parametrize(
    ("method", "keys"),
    [("FULL_TABLE", ["id"]), ("LOG_BASED", []), ("INCREMENTAL", ["id"])],
    ids=["replace", "append", "merge"],
)
@pytest.mark.usefixtures("batches_of_two")
def test_two_runs_make_the_same_tables_and_the_same_schema(
    both: tuple[Loaded, Loaded], method: str, keys: list[str]
) -> None:
    for loaded, backend in zip(both, ("rows", "arrow"), strict=True):
        for seed in (1, 2):
            load(loaded, backend, *records(some_orders(seed)), keys=keys, method=method)

    as_rows, as_arrow = both
    assert as_arrow.tables() == as_rows.tables()
    assert set(as_arrow.tables()) == {"orders", *CHILDREN}
    assert as_arrow.schema() == as_rows.schema()


@pytest.mark.usefixtures("batches_of_two")
def test_batches_of_both_kinds_in_one_run_and_across_runs_are_one_table(both: tuple[Loaded, Loaded]) -> None:
    misfits: Records = [
        {"id": 1, "lines": [{"price": "free", "extra": 1}, None], "tags": [1]},
        {"id": 2, "lines": "none", "grid": [None]},
    ]
    for loaded, backend in zip(both, ("rows", "auto"), strict=True):
        for seed in (1, 2):
            orders = some_orders(seed)
            load(loaded, backend, *records([*orders[:10], *misfits, *orders[10:]]), keys=["id"])

    as_rows, as_arrow = both
    assert as_arrow.tables() == as_rows.tables()


@pytest.mark.usefixtures("batches_of_two")
def test_a_new_version_takes_the_children_of_the_last_one_with_it(both: tuple[Loaded, Loaded]) -> None:
    for loaded, backend in zip(both, ("rows", "arrow"), strict=True):
        for version in (1, 2, 2):
            versioned = [record("orders", version=version, **order) for order in some_orders(version)]
            load(loaded, backend, activate_version("orders", version), *versioned, keys=["id"])

    as_rows, as_arrow = both
    assert as_arrow.tables() == as_rows.tables()


EVENTS: list[Step] = [
    schema(
        "events",
        {"at": "integer", "tags": array({"type": "string"})},
        replication_method="INCREMENTAL",
        replication_key="at",
    ),
    *(record("events", at=at // 2, tags=[f"{at}a", f"{at}b"]) for at in range(6)),
    state({"bookmarks": {"events": {"at": 2}}}),
]


def children_of_events(sql: Sql) -> list[tuple[object, ...]]:
    return sql(
        "SELECT e.at, value FROM events__tags t JOIN events e ON t._dlt_parent_id = e._dlt_id ORDER BY value"
    )


@pytest.mark.usefixtures("batches_of_two")
@pytest.mark.parametrize("items", [0, 1, 2])
def test_a_limit_keeps_the_children_of_the_items_it_keeps_and_no_others(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, items: int
) -> None:
    tap.emits(*EVENTS)
    source = tap.source(backend="arrow").add_limit(items)

    pipeline.run(source)

    expected = [(at // 2, f"{at}{letter}") for at in range(2 * items) for letter in "ab"]
    assert (children_of_events(sql) if items else []) == expected
    if items == 0:
        assert sql("SELECT 1 FROM information_schema.tables WHERE table_name = 'events__tags'") == []


@pytest.mark.usefixtures("batches_of_two")
def test_rows_that_a_keyless_stream_repeats_bring_no_children_again(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    tap.emits(*EVENTS)
    pipeline.run(tap.source(backend="arrow"))

    tap.emits(EVENTS[0], *EVENTS[-3:-1], record("events", at=3, tags=["6a"]))
    pipeline.run(tap.source(backend="arrow"))

    assert children_of_events(sql) == [
        *((at // 2, f"{at}{letter}") for at in range(6) for letter in "ab"),
        (3, "6a"),
    ]
    assert sql("SELECT count(*) FROM events__tags") == [(13,)]


@pytest.mark.usefixtures("batches_of_two")
def test_streams_in_parallel_load_all_children(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    tap.emits(*EVENTS)
    source = tap.source(backend="arrow")
    source.resources["events"].parallelize()

    pipeline.run(source)

    assert len(children_of_events(sql)) == 12


@pytest.mark.usefixtures("batches_of_two")
def test_a_tap_that_fails_leaves_no_children(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    tap.emits(*EVENTS)
    pipeline.run(tap.source(backend="arrow"))

    tap.emits(EVENTS[0], record("events", at=9, tags=["z"]), record("events", at=9, tags=["z"]), CRASH(1))
    with pytest.raises(PipelineStepFailed):
        pipeline.run(tap.source(backend="arrow"))
    tap.emits(EVENTS[0], *EVENTS[-3:])
    pipeline.run(tap.source(backend="arrow"))

    assert sql("SELECT count(*) FROM events__tags") == [(12,)]


def have_columns_added_by_dlt(_: DltSource) -> None:
    os.environ["NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID"] = "true"


def say_how_to_merge(source: DltSource) -> None:
    source.resources["events"].apply_hints(
        write_disposition={"disposition": "merge", "strategy": "delete-insert"}, primary_key="at"
    )


def let_children_inherit(source: DltSource) -> None:
    inherited = {TColumnName("at"): TColumnName("event_at")}
    RelationalNormalizer.update_normalizer_config(source.schema, {"propagation": {"root": inherited, "tables": {}}})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (have_columns_added_by_dlt, "dlt adds its columns itself"),
        (say_how_to_merge, "its disposition has options"),
        (let_children_inherit, "its child tables inherit columns"),
    ],
)
def test_why_a_stream_with_arrays_cannot_be_arrow_is_told(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails, monkeypatch: pytest.MonkeyPatch,
    change: Callable[[DltSource], None], reason: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID", "false")
    source = tap.emits(*EVENTS).source(backend="arrow")
    change(source)

    with fails(BackendError) as failure:
        pipeline.run(source)

    assert reason in failure.text


def test_a_stream_with_arrays_is_left_to_a_normaliser_of_the_users_own(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "users_own").mkdir()
    (tmp_path / "users_own" / "normaliser.py").write_text(
        "from dlt.common.normalizers.json import relational\n"
        "class DataItemNormalizer(relational.DataItemNormalizer): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SCHEMA__JSON_NORMALIZER", '{"module": "users_own.normaliser"}')
    tap.emits(*EVENTS)

    with fails(BackendError) as failure:
        pipeline.run(tap.source(backend="arrow"))

    assert "its child tables have a normaliser of their own" in failure.text


def test_a_stream_whose_child_table_was_given_a_key_before_cannot_be_arrow(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails
) -> None:
    source = tap.emits(*EVENTS).source()
    source.resources["events"].apply_hints(
        nested_hints={"tags": make_nested_hints(primary_key="value", write_disposition="merge")}
    )
    pipeline.run(source)

    with fails(BackendError) as failure:
        pipeline.run(tap.source(backend="arrow"))

    assert "one of its child tables is nobody's child" in failure.text


def test_items_that_have_a_column_of_dlts_are_left_to_rows(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails, sql: Sql
) -> None:
    name = "_dlt_parent_id"
    items = array(object_of(**{name: nullable("string"), "a": nullable("integer")}))
    tap.emits(schema("events", {"id": "integer", "items": items}), record("events", items=[{name: "7", "a": 1}]))

    with fails(BackendError) as failure:
        pipeline.run(tap.source(backend="arrow"))
    pipeline.drop()
    pipeline.run(tap.source())

    assert "the tap gives dlt's own column a value" in failure.text
    assert name in failure.text
    assert sql("SELECT a FROM events__items") == [(1,)]


def test_what_only_dlts_normaliser_can_do_is_left_to_it(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    tap.emits(*EVENTS)
    source = tap.source()
    source.resources["events"].apply_hints(
        nested_hints={"tags": make_nested_hints(columns={"value": {"data_type": "text", "description": "A tag."}})}
    )

    pipeline.run(source)

    assert sql("SELECT count(*) FROM events__tags") == [(12,)]
    assert pipeline.default_schema.tables["events__tags"]["columns"]["value"]["description"] == "A tag."
