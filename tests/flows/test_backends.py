"""A run with Arrow and one with rows: the same tables, the same columns, the same errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import dlt
import pytest
from pyarrow import parquet

from dlt_singer import singer
from dlt_singer._types import JSON
from dlt_singer.errors import BackendError, ConfigError
from dlt_singer.testing import NOISE, FakeTap, Step, schema
from tests.flows.conftest import Failure

Sql = Callable[[str], list[tuple[object, ...]]]


def user(**values: JSON) -> Step:
    return NOISE(json.dumps({"type": "RECORD", "stream": "users", "record": values}))


PROPERTIES: dict[str, JSON] = {
    "id": "integer",
    "price": {"type": "number", "multipleOf": 0.01},
    "rate": "number",
    "at": {"type": "string", "format": "date-time"},
    "clock": {"type": "string", "format": "time"},
    "doc": {"type": "object"},
    "inner": {"type": "object", "properties": {"a": {"type": "integer"}}},
}
FITTING: dict[str, JSON] = {
    "price": "1.10",
    "rate": 0.5,
    "at": "2024-01-01T00:00:00+05:30",
    "clock": "10:11:12.5",
    "doc": {"k": [1.0]},
    "inner": {"a": 1},
}
USERS = schema("users", PROPERTIES, keys=["id"], replication_method="INCREMENTAL", replication_key="id")
MISFITS: list[JSON] = [1, 2**53 + 1, "x", 1.5]
RUNS: dict[str, list[list[Step]]] = {
    "clean": [[USERS, user(id=1, **FITTING), user(id=2)]],
    "misfits": [[USERS, *(user(id=n, **FITTING | {"rate": v}) for n, v in enumerate(MISFITS))]],
    "unknown keys": [[USERS, user(id=1), user(id=2, more={"a": 1})]],
    "an update": [
        [USERS, user(id=1, rate=1)],
        [USERS, user(id=1, rate="2"), user(id=2)],
    ],
    "a new column": [
        [
            USERS,
            user(id=1),
            schema("users", {**PROPERTIES, "new": "string"}, keys=["id"]),
            user(id=2, new="a"),
        ]
    ],
}


@pytest.mark.usefixtures("batches_of_two")
@pytest.mark.parametrize("runs", RUNS.values(), ids=RUNS)
def test_rows_and_either_make_the_same_table(
    tap: FakeTap, sql: Callable[[str], list[tuple[object, ...]]], runs: list[list[Step]]
) -> None:
    found = []
    for backend in ("rows", "auto"):
        pipeline = dlt.pipeline("stories", destination="duckdb", dataset_name="raw", dev_mode=False)
        tap.configure(backend=backend)
        for steps in runs:
            pipeline.run(tap.emits(*steps).source())
        columns = {
            name: {k: v for k, v in hints.items() if k != "x-normalizer"}
            for name, hints in pipeline.default_schema.tables["users"]["columns"].items()
        }
        names = sorted(name for name in columns if name not in ("_dlt_id", "_dlt_load_id", "_sdc_sequence"))
        found.append((columns, sql(f"SELECT {', '.join(map(json.dumps, names))} FROM users ORDER BY id")))
        pipeline.drop()
        sql("DROP SCHEMA raw CASCADE")

    assert found[0] == found[1]


@pytest.mark.usefixtures("pipeline")
def test_a_misfit_names_stream_and_column_where_arrow_is_asked_for(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Callable[..., AbstractContextManager[Failure]]
) -> None:
    tap.configure(backend="arrow").emits(USERS, user(id=1, rate="x"))

    with fails(BackendError) as failure:
        pipeline.run(tap.source())

    assert "'users', property 'rate'" in failure.text


@pytest.mark.parametrize("by_dlt", ["LOAD_ID", "ID"])
def test_every_row_has_dlts_columns_once_whoever_adds_them(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, monkeypatch: pytest.MonkeyPatch, by_dlt: str
) -> None:
    monkeypatch.setenv(f"NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_{by_dlt}", "true")
    tap.configure(backend="arrow").emits(schema("users", {"id": "integer"}), user(id=1), user(id=2))

    info = pipeline.run(tap.source())

    columns = [name for name, *_ in sql("DESCRIBE users")]
    assert sorted(map(str, columns)) == ["_dlt_id", "_dlt_load_id", "id"]
    assert sql("SELECT DISTINCT _dlt_load_id FROM users") == [(info.loads_ids[0],)]
    assert sql("SELECT count(DISTINCT _dlt_id) FROM users") == [(2,)]


def test_arrow_is_cast_to_the_type_that_the_user_asks_for(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, fails: Callable[..., AbstractContextManager[Failure]]
) -> None:
    tap.configure(backend="arrow").emits(schema("users", {"id": "integer"}), user(id=7))
    small: JSON = {"users": {"columns": {"id": {"data_type": "bigint", "precision": 16}}}}
    pipeline.run(tap.source(resource_options=small))
    tap.emits(schema("users", {"id": "integer"}), user(id=2**40))

    with fails(BackendError) as failure:
        pipeline.run(tap.source(resource_options=small))

    assert sql("SELECT id, typeof(id) FROM users") == [(7, "SMALLINT")]
    assert "a value does not fit the type that was asked for" in failure.text


@pytest.mark.parametrize(("told", "expected"), [(None, "parquet"), ("insert_values", "insert_values")])
def test_rows_are_loaded_as_parquet_unless_dlt_is_told_a_format(
    tap: FakeTap, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, told: str | None, expected: str
) -> None:
    if told is not None:
        monkeypatch.setenv("NORMALIZE__LOADER_FILE_FORMAT", told)
    tap.emits(USERS, user(id=1))

    info = pipeline.run(tap.source())

    jobs = info.load_packages[0].jobs["completed_jobs"]
    formats = {job.job_file_info.file_format for job in jobs if job.job_file_info.table_name == "users"}
    # What merges is SQL.
    assert formats - {"sql"} == {expected}


def test_a_backend_that_is_none_is_refused(tap: FakeTap) -> None:
    tap.emits(USERS)

    with pytest.raises(ConfigError, match="arrow"):
        singer("tap-fake", project_dir=tap.project_dir, resource_options={"users": {"backend": "arow"}})


def test_batches_that_come_quickly_become_row_groups_of_duckdb(tap: FakeTap) -> None:
    row_group = 122_880
    rows = row_group + 1
    line = json.dumps({"type": "RECORD", "stream": "users", "record": {"id": 1}})
    tap.configure(backend="arrow").emits(schema("users", {"id": "integer"}), NOISE("\n".join([line] * rows)))
    pipeline = dlt.pipeline("stories", destination="duckdb", dataset_name="raw")

    pipeline.extract(tap.source())

    (file,) = Path(pipeline.working_dir).rglob("users.*.parquet")
    metadata = parquet.ParquetFile(file).metadata
    groups = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
    assert groups == [row_group, 1]


def test_dlt_does_not_warn_of_json_that_comes_as_text(
    tap: FakeTap, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap.configure(backend="arrow", max_table_nesting=0).emits(USERS, user(id=1, **FITTING))
    pipeline = dlt.pipeline("stories", destination="duckdb", dataset_name="raw")
    monkeypatch.setattr(logging.getLogger("dlt"), "propagate", True)

    pipeline.run(tap.source())

    assert [record.getMessage() for record in caplog.records if "arrow schema" in record.getMessage()] == []
