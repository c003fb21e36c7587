"""Extract once, load many: what a tap said is stored while it is loaded, and loads again without the tap."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.pipeline import LoadInfo
from dlt.extract.source import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_singer
from dlt_singer.errors import (
    DamagedReservoirError,
    LineageError,
    ReservoirError,
    StorageError,
    TapExitError,
    UnknownStreamError,
    reason_of,
)
from dlt_singer.mirror import Reservoir
from dlt_singer.mirror.index import Index, read_index, write_index
from dlt_singer.source.replay import replayed
from dlt_singer.storage import Store
from dlt_singer.testing import CRASH, FakeTap, Table, activate_version, record, schema, state

Rows = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(autouse=True)
def mirrored(tap: FakeTap) -> FakeTap:
    return tap.configure(reservoir=True)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[dlt.Pipeline]:
    """A second pipeline, into a DuckDB file of its own."""
    made = dlt.pipeline(
        "copy", destination=dlt.destinations.duckdb(str(tmp_path / "copy.duckdb")), dataset_name="raw"
    )
    yield made
    if made.is_active:
        made.deactivate()


@pytest.fixture
def replay(tmp_path: Path, copy: dlt.Pipeline) -> Callable[..., LoadInfo]:
    """Return a function that replays the reservoir into the second pipeline."""

    def run(streams: list[str] | None = None, refresh: Any = None, **arguments: Any) -> LoadInfo:  # noqa: ANN401 - the arguments of `reservoir`
        copy.activate()
        return copy.run(reservoir(tmp_path, streams, **arguments), refresh=refresh)

    return run


@pytest.fixture
def copied(copy: dlt.Pipeline) -> Rows:
    """Return a function that reads a table of the second pipeline, without technical columns."""

    def read(table: str) -> list[tuple[object, ...]]:
        with copy.sql_client() as client, client.execute_query(f'SELECT * FROM "{table}"') as cursor:
            names = [column[0] for column in cursor.description or ()]
            found = cursor.fetchall()
        kept = [at for at, name in enumerate(names) if not name.startswith(("_dlt", "_sdc"))]
        return sorted(tuple(row[at] for at in kept) for row in found)

    return read


def reservoir(project: Path, streams: list[str] | None = None, **arguments: Any) -> DltSource:  # noqa: ANN401 - as above
    return dlt_singer.reservoir("tap-fake", streams, project_dir=project, **arguments)


def users(*ids: int) -> Table:
    return Table("users", [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id")


def logs(*moments: int) -> Table:
    return Table("logs", [{"at": each} for each in moments], {"at": "integer"}, [], "at")


def stock(*ids: int) -> Table:
    return Table("stock", [{"id": each} for each in ids], {"id": "integer"}, ["id"])


TABLES = ("users", "logs", "stock")


def test_what_was_loaded_once_loads_elsewhere_without_the_tap(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, replay: Callable[..., LoadInfo], copied: Rows, tmp_path: Path
) -> None:
    tap.emits(users(1, 2), logs(1, 2, 2), stock(1, 2))
    pipeline.run(tap.source())
    tap.emits(users(1, 2, 3), logs(1, 2, 2, 2, 3), stock(4))
    pipeline.run(tap.source())
    calls = len(tap.calls)
    shutil.rmtree(tmp_path / ".alto/catalogs")

    replay()

    assert {table: copied(table) for table in TABLES} == {table: rows(table) for table in TABLES}
    assert copied("logs") == [(1,), (2,), (2,), (2,), (3,)]
    assert len(tap.calls) == calls


def test_every_destination_catches_up_by_itself_and_a_second_replay_loads_nothing(
    tap: FakeTap,
    pipeline: dlt.Pipeline,
    rows: Rows,
    replay: Callable[..., LoadInfo],
    copied: Rows,
    copy: dlt.Pipeline,
) -> None:
    tap.emits(users(1), logs(1, 1), stock(1))
    pipeline.run(tap.source())
    first = replay()
    second = replay()
    tap.emits(users(1, 2), logs(1, 1, 1, 2), stock(2))
    pipeline.run(tap.source())

    replay()

    assert (len(first.loads_ids), len(second.loads_ids)) == (1, 0)
    assert set(replayed(copy, "tap-fake")) == set(TABLES)
    assert {table: copied(table) for table in TABLES} == {table: rows(table) for table in TABLES}


def test_rows_that_were_lost_with_their_run_are_not_loaded_twice(
    tap: FakeTap,
    new_pipeline: Callable[[], dlt.Pipeline],
    rows: Rows,
    sql: Rows,
    replay: Callable[..., LoadInfo],
    copied: Rows,
    tmp_path: Path,
) -> None:
    tap.emits(users(1), logs(1), stock(1))
    new_pipeline().run(tap.source())
    sql("ALTER TABLE logs RENAME TO elsewhere")
    tap.emits(users(1, 2), logs(1, 2), stock(2))
    with pytest.raises(PipelineStepFailed):
        new_pipeline().run(tap.source())
    sql("ALTER TABLE elsewhere RENAME TO logs")
    replay()
    shutil.rmtree(tmp_path / "dlt" / "pipelines" / "stories")
    tap.emits(users(1, 2, 3), logs(1, 2, 3), stock(3))
    new_pipeline().run(tap.source())

    replay()

    assert {table: copied(table) for table in TABLES} == {table: rows(table) for table in TABLES}
    assert copied("logs") == [(1,), (2,), (3,)]


def test_after_a_refresh_a_replay_has_what_the_pipeline_has(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, replay: Callable[..., LoadInfo], copied: Rows
) -> None:
    tap.emits(logs(1, 2))
    pipeline.run(tap.source())
    replay()
    tap.emits(logs(2, 3))
    pipeline.run(tap.source(), refresh="drop_resources")

    replay()

    assert copied("logs") == rows("logs") == [(2,), (3,)]


def test_of_a_limited_stream_as_much_is_replayed_as_was_loaded(
    tap: FakeTap,
    pipeline: dlt.Pipeline,
    rows: Rows,
    replay: Callable[..., LoadInfo],
    copied: Rows,
    batches_of_two: None,
) -> None:
    tap.emits(logs(1, 2, 3, 4, 5), users(1))
    source = tap.source()
    source.resources["logs"].add_limit(1)
    pipeline.run(source)
    replay()
    limited = copied("logs")
    pipeline.run(tap.source())

    replay()

    assert limited == [(1,), (2,)]
    assert copied("logs") == rows("logs") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_limited_replay_goes_on_where_it_stopped(
    tap: FakeTap, pipeline: dlt.Pipeline, copy: dlt.Pipeline, copied: Rows, tmp_path: Path, batches_of_two: None
) -> None:
    tap.emits(logs(1, 2, 3, 4, 5))
    pipeline.run(tap.source())
    copy.activate()
    copy.run(reservoir(tmp_path).add_limit(1))
    limited = copied("logs")

    copy.run(reservoir(tmp_path))

    assert limited == [(1,), (2,)]
    assert copied("logs") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_new_table_version_replaces_at_the_second_destination_too(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, replay: Callable[..., LoadInfo], copied: Rows
) -> None:
    for version, ids in ((1, (1, 2)), (2, (2, 3))):
        tap.emits(
            schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL"),
            *(record("users", version=version, id=each) for each in ids),
            activate_version("users", version),
            state({"bookmarks": {"users": version}}),
        )
        pipeline.run(tap.source())

    replay()

    assert copied("users") == rows("users") == [(2,), (3,)]


def test_an_empty_table_is_there_and_typed_after_a_replay(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows, copy: dlt.Pipeline
) -> None:
    tap.emits(schema("stock", {"id": "integer"}, ["id"], replication_method="FULL_TABLE"), state({}))
    pipeline.run(tap.source())

    replay()

    assert copied("stock") == []
    assert copy.default_schema.tables["stock"]["columns"]["id"]["data_type"] == "bigint"


def test_refresh_replays_from_the_start(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows
) -> None:
    tap.emits(logs(1, 2))
    pipeline.run(tap.source())
    replay()

    replay(refresh="drop_resources")

    assert copied("logs") == [(1,), (2,)]


def test_a_replay_may_be_of_some_streams_and_of_some_time(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows, copy: dlt.Pipeline
) -> None:
    tap.emits(users(1), logs(1))
    pipeline.run(tap.source())
    between = datetime.now(timezone.utc)
    tap.emits(users(1, 2), logs(1, 2))
    pipeline.run(tap.source())

    replay(["users"], until=between)
    early = copied("users")
    replay(["users"], since=between, until=(between + timedelta(days=1)).isoformat())

    assert early == [(1,)]
    assert copied("users") == [(1,), (2,)]
    assert "logs" not in copy.default_schema.tables


def test_lineages_of_two_pipelines_are_told_apart_by_name(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows, tmp_path: Path
) -> None:
    tap.emits(users(1))
    pipeline.run(tap.source())
    tap.emits(users(7))
    other = dlt.pipeline("other", destination=dlt.destinations.duckdb(str(tmp_path / "other.duckdb")))
    other.run(tap.source())

    with pytest.raises(PipelineStepFailed) as caught:
        replay()
    replay(lineage="other")

    error = reason_of(caught.value)
    assert isinstance(error, LineageError)
    assert "pipeline 'stories'" in error.reason
    assert "pipeline 'other'" in error.reason
    assert copied("users") == [(7,)]


def test_a_run_that_failed_is_not_replayed(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], tmp_path: Path
) -> None:
    tap.emits(users(1), CRASH(1))
    with pytest.raises(PipelineStepFailed) as caught:
        pipeline.run(tap.source())

    with pytest.raises(ReservoirError, match="no run that ended well"):
        replay()

    assert isinstance(reason_of(caught.value), TapExitError)


def test_a_lineage_that_begins_in_the_middle_is_said_to(
    tap: FakeTap,
    pipeline: dlt.Pipeline,
    replay: Callable[..., LoadInfo],
    copied: Rows,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tap.emits(logs(1))
    pipeline.run(tap.source(reservoir=False))
    tap.emits(logs(1, 2))
    pipeline.run(tap.source())

    replay()

    assert "'logs' begins in the middle" in caplog.text
    assert copied("logs") == [(2,)]


def test_a_run_without_the_mirror_begins_a_new_lineage_after_it(
    tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    for count, mirror in ((1, True), (2, False), (3, True)):
        tap.emits(users(*range(count)))
        pipeline.run(tap.source(reservoir=mirror))

    source = reservoir(tmp_path)

    manifests = sorted((tmp_path / ".alto/reservoir/default/tap-fake/_runs").rglob("final.json"))
    assert len(manifests) == 2
    assert '"parent":null' in manifests[1].read_text()
    assert list(source.resources) == ["users"]


def test_looking_at_a_source_outside_of_a_pipeline_stores_nothing(tap: FakeTap, tmp_path: Path) -> None:
    tap.emits(users(1))

    assert len(list(tap.source(backend="rows"))) == 1
    assert not (tmp_path / ".alto/reservoir").exists()


def test_a_reservoir_may_be_in_another_store(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows, tmp_path: Path
) -> None:
    tap.emits(users(1))
    pipeline.run(tap.source(reservoir="elsewhere"))

    replay(url=str(tmp_path / "elsewhere"))

    assert copied("users") == [(1,)]
    assert (tmp_path / "elsewhere/reservoir/default/tap-fake/_runs").is_dir()


def test_a_stream_or_time_that_does_not_exist_is_an_error(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], tmp_path: Path
) -> None:
    tap.emits(users(1))
    pipeline.run(tap.source())

    with pytest.raises(PipelineStepFailed) as caught:
        replay(["user"])
    with pytest.raises(ReservoirError, match="is no time"):
        reservoir(tmp_path, since="yesterday")
    with pytest.raises(TypeError, match="Did you mean 'since'"):
        reservoir(tmp_path, sinse="2026-01-01")

    error = reason_of(caught.value)
    assert isinstance(error, UnknownStreamError)
    assert "'users'" in str(error)


def test_what_is_damaged_is_named_and_all_else_loads_on_request(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows, tmp_path: Path
) -> None:
    tap.emits(users(1), stock(1))
    pipeline.run(tap.source())
    tap.emits(users(1, 2), stock(2))
    pipeline.run(tap.source())
    folder = tmp_path / ".alto/reservoir/default/tap-fake"
    (first, _) = sorted((folder / "users").rglob("*.gz"))
    first.write_bytes(first.read_bytes()[:-10])
    newer = folder / "_runs/29991231T235959000000Z-00000000/final.json"
    newer.parent.mkdir()
    newer.write_text('{"format": 99}')

    with pytest.raises(PipelineStepFailed, match="newer version"):
        replay()
    newer.unlink()
    with pytest.raises(PipelineStepFailed) as caught:
        replay()
    replay(damaged="skip")

    error = reason_of(caught.value)
    assert isinstance(error, DamagedReservoirError)
    assert first.name in error.path
    assert (copied("users"), copied("stock")) == ([(1,), (2,)], [(2,)])


def test_a_record_that_cannot_be_read_is_left_out_on_request_and_named(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    tap.emits(users(1))
    pipeline.run(tap.source())
    newer = tmp_path / ".alto/reservoir/default/tap-fake/_runs/29991231T235959000000Z-00000000/final.json"
    newer.parent.mkdir()
    newer.write_text('{"format": 99}')

    replay(damaged="skip")

    assert copied("users") == [(1,)]
    assert re.search(r"final\.json .*newer version.* It is left out\.", caplog.text)


def test_a_run_that_is_missing_between_others_is_named_and_can_be_left_out(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows, tmp_path: Path
) -> None:
    for last in (1, 2, 3):
        tap.emits(logs(*range(1, last + 1)))
        pipeline.run(tap.source())
    _, second, _ = sorted((tmp_path / ".alto/reservoir/default/tap-fake/_runs").iterdir())
    shutil.rmtree(second)

    with pytest.raises(PipelineStepFailed) as caught:
        replay()
    replay(damaged="skip")

    error = reason_of(caught.value)
    assert isinstance(error, DamagedReservoirError)
    assert error.reason.startswith(f"Run {second.name} of stream 'logs' is missing in ")
    assert error.path == f"_runs/{second.name}"
    assert copied("logs") == [(1,), (3,)]


@pytest.fixture
def by_alto(tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes rows as alto does: a file named after its time, which its index has."""
    folder = Reservoir(Store(tmp_path / ".alto"), "default", "tap-fake")

    def write(year: int, stream: str, *ids: int) -> None:
        path = f"{stream}/x/{year}0101000000000000.singer.gz"
        schema = {"properties": {"id": {"type": "integer"}}}
        said = [
            {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]},
            *({"type": "RECORD", "stream": stream, "record": {"id": each}} for each in ids),
        ]
        text = "".join(f"{json.dumps(message)}\n\n" for message in said)
        folder.store.write(folder.key(path), gzip.compress(text.encode()))
        write_index(folder, (read_index(folder) or Index({})).with_files({stream: [path]}))

    return write


def test_what_alto_alone_has_written_is_loaded_and_then_what_it_adds(
    by_alto: Callable[..., None], replay: Callable[..., LoadInfo], copied: Rows
) -> None:
    by_alto(2020, "users", 1, 2)
    replay()
    by_alto(2021, "users", 2, 3)

    replay()

    assert copied("users") == [(1,), (2,), (3,)]
    assert replay().loads_ids == []


@pytest.mark.parametrize(("year", "expected"), [(2020, [(1,)]), (2999, [(7,)])], ids=["ours", "alto's"])
def test_of_a_full_table_that_alto_has_written_too_the_later_one_counts(
    tap: FakeTap, pipeline: dlt.Pipeline, replay: Callable[..., LoadInfo], copied: Rows,
    by_alto: Callable[..., None], year: int, expected: list[tuple[int]],
) -> None:  # fmt: skip
    tap.emits(stock(1))
    pipeline.run(tap.source())
    by_alto(year, "stock", 7)

    replay()

    assert copied("stock") == expected


def test_a_store_that_refuses_fails_the_run_before_the_tap_is_started(
    tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    tap.emits(users(1))
    source = tap.source()
    # A link to itself can neither be listed nor written to.
    (tmp_path / ".alto/reservoir").symlink_to("reservoir")

    with pytest.raises(PipelineStepFailed) as caught:
        pipeline.run(source)

    assert isinstance(reason_of(caught.value), StorageError)
    assert tap.syncs == []


def test_a_foreign_file_in_the_folder_is_named_and_changes_nothing(
    tap: FakeTap,
    pipeline: dlt.Pipeline,
    replay: Callable[..., LoadInfo],
    copied: Rows,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tap.emits(users(1))
    pipeline.run(tap.source())
    (tmp_path / ".alto/reservoir/default/tap-fake/users/notes.txt").write_text("mine")

    replay()

    assert "users/notes.txt belongs to no run" in caplog.text
    assert copied("users") == [(1,)]


def test_what_is_masked_is_masked_in_the_reservoir_too_and_its_records_say_how(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, replay: Callable[..., LoadInfo], copied: Rows, tmp_path: Path
) -> None:
    people = schema("users", {"id": "integer", "email": "string"}, ["id"], replication_method="FULL_TABLE")
    tap.configure(mask={"users.email": "sha256"}, mask_salt="pepper").emits(
        people, record("users", version=3, id=1, email="jane@example.com"), activate_version("users", 3), state({})
    )
    pipeline.run(tap.source())

    replay()

    stored = [path.read_bytes() for path in (tmp_path / ".alto/reservoir").rglob("*.*") if path.is_file()]
    plain = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in stored]
    assert not [data for data in plain if b"jane" in data or b"pepper" in data]
    assert any(b'"masks":{"users.email":"sha256"}' in data for data in plain)
    assert copied("users") == rows("users")
