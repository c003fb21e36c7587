"""What is in the table after a run is what the tap said, each row once, typed by its SCHEMA."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt_singer._types import JSON, JSONObject
from dlt_singer.session.boundary import REMEMBERED_ROWS
from dlt_singer.testing import NOISE, FakeTap, Table, record, repeat, schema, state

Rows = Callable[[str], list[tuple[object, ...]]]

TYPED: dict[str, JSON] = {
    "id": "integer",
    "name": "string",
    "at": {"type": ["null", "string"], "format": "date-time"},
}
FULL = schema("users", {"id": "integer"}, ["id"], replication_method="FULL_TABLE")
OTHER = schema("orders", {"id": "integer"}, ["id"], replication_method="FULL_TABLE")


def types(sql: Rows, table: str) -> dict[object, object]:
    return {name: kind for name, kind, *_ in sql(f'DESCRIBE "{table}"') if not str(name).startswith("_")}


def test_a_full_table_is_replaced(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    for ids in ([1, 2], [2, 3]):
        tap.emits(FULL, *(record("users", id=each) for each in ids))
        pipeline.run(tap.source())

    assert rows("users") == [(2,), (3,)]


def test_a_skipped_full_table_keeps_its_rows_and_is_warned_about(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    tap.emits(FULL, record("users", id=1), OTHER, record("orders", id=1))
    pipeline.run(tap.source())
    caplog.set_level(logging.INFO, "dlt_singer")

    tap.emits(OTHER, extra_streams=[FULL])
    pipeline.run(tap.source())

    assert rows("users") == [(1,)]
    assert rows("orders") == []
    assert "stream 'users' was skipped by the tap" in caplog.text
    assert "stream 'orders' was skipped" not in caplog.text


def test_an_empty_full_table_is_emptied_and_stays_typed(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, sql: Rows
) -> None:
    typed = schema("users", TYPED, ["id"], replication_method="FULL_TABLE")
    tap.emits(typed, record("users", id=1))
    pipeline.run(tap.source())

    tap.emits(typed)
    pipeline.run(tap.source())

    assert rows("users") == []
    assert types(sql, "users") == {"id": "BIGINT", "name": "VARCHAR", "at": "TIMESTAMP WITH TIME ZONE"}


@pytest.mark.usefixtures("batches_of_two")
def test_a_key_that_comes_three_times_in_one_run_ends_with_its_last_value(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    keyed = schema("users", {"id": "integer", "name": "string"}, ["id"], replication_method="INCREMENTAL")
    names = ["first", "b", "second", "c", "third"]
    tap.emits(keyed, *(record("users", id=min(at % 2, 1) * at, name=name) for at, name in enumerate(names)))

    pipeline.run(tap.source())

    assert rows("users") == [(0, "third"), (1, "b"), (3, "c")]


def test_an_update_in_a_later_run_wins_over_the_loaded_row(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    keyed = schema("users", {"id": "integer", "name": "string"}, ["id"], replication_method="INCREMENTAL")
    for name in ("old", "new"):
        tap.emits(keyed, record("users", id=1, name=name))
        pipeline.run(tap.source())

    assert rows("users") == [(1, "new")]


def test_a_stream_without_keys_repeats_no_row_of_the_boundary_and_keeps_truly_equal_ones(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    def events(*values: tuple[int, str]) -> Table:
        named: list[JSONObject] = [{"at": at, "what": what} for at, what in values]
        return Table("events", named, {"at": "integer", "what": "string"}, (), "at")

    first = [(1, "a"), (2, "a"), (2, "a"), (2, "b")]
    second = [*first, (2, "a"), (3, "c"), (3, "c")]
    third = [*second, (3, "c"), (4, "d")]
    for known in (first, first, second, third, third):
        tap.emits(events(*known))
        pipeline.run(tap.source())

    assert rows("events") == sorted(third)


def test_more_rows_that_will_come_again_than_are_remembered_are_warned_about(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    events = schema(
        "events", {"at": "integer", "n": "integer"}, replication_method="INCREMENTAL", replication_key="at"
    )
    tap.emits(
        events, repeat(REMEMBERED_ROWS + 1, record("events", at=1, n="$n")), state({"bookmarks": {"events": 1}})
    )

    pipeline.run(tap.source())

    assert f"stream 'events' has no key, and more than {REMEMBERED_ROWS} of its rows will come again" in caplog.text
    assert sql("SELECT count(*) FROM events") == [(REMEMBERED_ROWS + 1,)]


def test_a_log_based_stream_without_keys_drops_nothing(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    log = schema("log", {"id": "integer"}, replication_method="LOG_BASED", replication_key="id")
    tap.emits(log, record("log", id=1), state({"bookmarks": {"log": {"lsn": 1}}}))

    pipeline.run(tap.source())
    pipeline.run(tap.source())

    assert [row[0] for row in rows("log")] == [1, 1]


@pytest.mark.usefixtures("batches_of_two")
def test_a_repeated_schema_changes_nothing(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(*(step for each in range(5) for step in (FULL, record("users", id=each))))

    pipeline.run(tap.source())

    assert rows("users") == [(each,) for each in range(5)]


WriteFile = Callable[[Path, list[dict[str, int]]], None]


def jsonl(path: Path, rows: list[dict[str, int]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def jsonl_gz(path: Path, rows: list[dict[str, int]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def parquet(path: Path, rows: list[dict[str, int]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize(
    "written",
    [
        (jsonl, {"format": "jsonl"}),
        (jsonl_gz, {"format": "jsonl", "compression": "gzip"}),
        (parquet, {"format": "parquet"}),
    ],
    ids=["jsonl", "jsonl.gz", "parquet"],
)
def test_a_batch_is_read_from_its_files_in_its_place_between_records(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, tmp_path: Path, written: tuple[WriteFile, Mapping[str, str]]
) -> None:
    write, encoding = written
    files = [tmp_path / "one", tmp_path / "two"]
    write(files[0], [{"id": 1, "n": 2}, {"id": 2, "n": 2}])
    write(files[1], [{"id": 3, "n": 2}])
    batch = {"type": "BATCH", "stream": "users", "encoding": encoding, "manifest": [f.as_uri() for f in files]}
    tap.emits(
        schema("users", {"id": "integer", "n": "integer"}, ["id"]),
        record("users", id=1, n=1),
        NOISE(json.dumps(batch)),
        record("users", id=3, n=3),
        state({"bookmarks": {"users": 3}}),
    )

    pipeline.run(tap.source())

    assert rows("users") == [(1, 2), (2, 2), (3, 3)]
    assert all(file.exists() for file in files)


def test_every_root_row_has_an_id_and_a_load_id_and_only_they_do(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows
) -> None:
    tap.emits(
        FULL, repeat(3, record("users", id="$n")), schema("events", {"at": "integer"}), record("events", at=1)
    )

    info = pipeline.run(tap.source())

    for table, count in (("users", 3), ("events", 1)):
        ids = f"count(DISTINCT _dlt_id), count(_dlt_load_id), any_value(_dlt_load_id) FROM {table}"
        assert sql(f"SELECT {ids}") == [(count, count, info.loads_ids[0])]


def test_records_of_ten_megabytes_arrive_whole(tap: FakeTap, pipeline: dlt.Pipeline, sql: Rows) -> None:
    text = "x" * 10_000_000
    tap.emits(
        schema("files", {"id": "integer", "text": "string"}, ["id"]),
        *(record("files", id=each, text=text) for each in range(3)),
    )

    pipeline.run(tap.source())

    assert sql("SELECT id, length(text) FROM files ORDER BY id") == [(each, len(text)) for each in range(3)]
