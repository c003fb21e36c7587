"""A run that died does not start from zero: what it had mirrored is taken over, where that is truthful."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import reservoir
from dlt_singer.testing import CRASH, SIGNAL, FakeTap, Step, Table, record, schema, singer_state, state

Rows = Callable[[str], list[tuple[object, ...]]]

USERS = schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")
LOGS = schema("logs", {"at": "integer"}, replication_method="INCREMENTAL", replication_key="at")
STOCK = schema("stock", {"id": "integer"}, ["id"], replication_method="FULL_TABLE")


@pytest.fixture(autouse=True)
def mirrored(tap: FakeTap) -> FakeTap:
    return tap.configure(reservoir=True)


def users(*ids: int) -> Table:
    return Table("users", [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id")


def logs(*moments: int) -> Table:
    return Table("logs", [{"at": each} for each in moments], {"at": "integer"}, [], "at")


def stock(*ids: int) -> Table:
    return Table("stock", [{"id": each} for each in ids], {"id": "integer"}, ["id"])


def bookmarks(**values: int) -> Step:
    return state(
        {"bookmarks": {stream: {"value": value} for stream, value in values.items()}, "currently_syncing": "x"}
    )


def dies(pipeline: dlt.Pipeline, tap: FakeTap, *steps: Step | Table) -> None:
    tap.emits(*steps)
    with pytest.raises(PipelineStepFailed):
        pipeline.run(tap.source())


@pytest.mark.parametrize("death", [CRASH(1), SIGNAL(signal.SIGKILL)], ids=["exit code", "killed"])
def test_the_next_run_asks_the_tap_only_for_what_came_after_the_last_state(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, death: Step, caplog: pytest.LogCaptureFixture
) -> None:
    dies(pipeline, tap, USERS, *(record("users", id=each) for each in (1, 2, 3)), bookmarks(users=3),
         record("users", id=4), death)  # fmt: skip
    tap.emits(users(3, 4, 5))

    with caplog.at_level("INFO", "dlt_singer"):
        pipeline.run(tap.source())

    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 3}}}
    assert rows("users") == [(1,), (2,), (3,), (4,), (5,)]
    assert singer_state(pipeline) == {"bookmarks": {"users": {"value": 5}}}
    assert "with 3 messages of its mirror" in caplog.text


def test_rows_without_keys_that_the_tap_repeats_are_loaded_once(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(logs(1, 1))
    pipeline.run(tap.source())
    dies(pipeline, tap, LOGS, *(record("logs", at=each) for each in (1, 1, 2, 3, 3)), bookmarks(logs=3),
         record("logs", at=3), record("logs", at=4), CRASH(1))  # fmt: skip
    tap.emits(logs(3, 3, 3, 4, 5))

    pipeline.run(tap.source())
    tap.emits(logs(5, 6))
    pipeline.run(tap.source())

    assert rows("logs") == [(1,), (1,), (2,), (3,), (3,), (3,), (4,), (5,), (6,)]


def test_a_replay_of_a_run_that_took_over_another_has_the_same_rows(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    dies(pipeline, tap, LOGS, USERS, *(record("logs", at=each) for each in (1, 2, 2)), record("users", id=1),
         bookmarks(logs=2, users=1), record("logs", at=3), CRASH(1))  # fmt: skip
    dies(pipeline, tap, LOGS, USERS, *(record("logs", at=each) for each in (2, 2, 3)), bookmarks(logs=3, users=1),
         record("logs", at=9), CRASH(1))  # fmt: skip
    tap.emits(logs(3, 4, 4), users(1, 2))
    pipeline.run(tap.source())
    tap.emits(logs(4, 4, 5), users(2, 3))
    pipeline.run(tap.source())
    expected = [(1,), (2,), (2,), (3,), (4,), (4,), (5,)]
    assert rows("logs") == expected

    copy = dlt.pipeline("copy", destination="duckdb", dataset_name="raw")
    copy.run(reservoir("tap-fake", project_dir=tap.project_dir))

    with copy.sql_client() as client:
        found = client.execute_sql('SELECT "at" FROM logs ORDER BY "at"') or []
    pipeline.activate()
    assert [tuple(row) for row in found] == expected


def test_a_full_table_and_a_stream_that_had_not_moved_are_read_again(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    dies(pipeline, tap, STOCK, record("stock", id=1), USERS, record("users", id=1), bookmarks(users=1), LOGS,
         record("logs", at=1), CRASH(1))  # fmt: skip
    tap.emits(stock(2), users(1, 2), logs(1, 2))

    with caplog.at_level("INFO", "dlt_singer"):
        pipeline.run(tap.source())

    assert (rows("stock"), rows("users"), rows("logs")) == ([(2,)], [(1,), (2,)], [(1,), (2,)])
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 1}}}
    assert "'stock': a full table is read whole" in caplog.text
    assert "'logs': its bookmark had not moved" in caplog.text


@pytest.mark.parametrize(
    ("reached", "reason"),
    [
        ({"bookmarks": {"users": {"progress_markers": {"value": 2}}}}, "progress_markers"),
        ({"cursor": 2}, "holds besides the streams' own bookmarks has moved"),
        ({"bookmarks": {"users": {"value": 2}}, "job": 7}, None),
    ],
    ids=["progress markers", "a global cursor", "a global part beside a bookmark"],
)
def test_a_run_starts_over_where_it_cannot_be_resumed_truthfully_and_says_why(
    tap: FakeTap,
    pipeline: dlt.Pipeline,
    rows: Rows,
    caplog: pytest.LogCaptureFixture,
    reached: dict[str, object],
    reason: str | None,
) -> None:
    dies(pipeline, tap, USERS, record("users", id=1), record("users", id=2), state(reached), CRASH(1))  # type: ignore[arg-type] # JSON by construction
    tap.emits(users(1, 2, 3) if reason else users(2, 3))

    pipeline.run(tap.source())

    assert rows("users") == [(1,), (2,), (3,)]
    assert tap.syncs[-1].get("state") == (None if reason else reached)
    assert (reason or "") in caplog.text


def test_resume_can_be_turned_off(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    dies(pipeline, tap, USERS, record("users", id=1), bookmarks(users=1), CRASH(1))
    tap.emits(users(1, 2))

    pipeline.run(tap.source(resume=False))

    assert tap.syncs[-1].get("state") is None


def test_a_run_of_other_settings_starts_over(
    tap: FakeTap, pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    dies(pipeline, tap, USERS, record("users", id=1), bookmarks(users=1), CRASH(1))
    tap.configure(config={"start_date": "2020-01-01"}).emits(users(1, 2))

    pipeline.run(tap.source())

    assert tap.syncs[-1].get("state") is None
    assert "settings have changed" in caplog.text


def test_what_is_taken_over_again_and_again_without_getting_further_is_left(
    tap: FakeTap, pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    dies(pipeline, tap, USERS, record("users", id=1), bookmarks(users=1), CRASH(1))
    for _ in range(4):
        tap.emits(CRASH(1), extra_streams=[USERS])
        with pytest.raises(PipelineStepFailed):
            pipeline.run(tap.source())

    states = [sync.get("state") for sync in tap.syncs]

    assert states.count({"bookmarks": {"users": {"value": 1}}}) == 3
    assert states[-1] is None
    assert "got no further" in caplog.text


def test_a_run_that_ended_well_and_was_lost_is_taken_whole(
    tap: FakeTap, new_pipeline: Callable[[], dlt.Pipeline], rows: Rows, sql: Rows, tmp_path: Path
) -> None:
    tap.emits(users(1))
    new_pipeline().run(tap.source())
    sql("ALTER TABLE users RENAME TO elsewhere")
    dies(new_pipeline(), tap, users(1, 2))
    sql("ALTER TABLE elsewhere RENAME TO users")
    shutil.rmtree(tmp_path / "dlt" / "pipelines" / "stories")
    tap.emits(users(2, 3))

    new_pipeline().run(tap.source())

    assert rows("users") == [(1,), (2,), (3,)]
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}}}


def test_a_refresh_reads_everything_again_whatever_died_before(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    dies(pipeline, tap, USERS, record("users", id=1), bookmarks(users=1), CRASH(1))
    tap.emits(users(1, 2))
    pipeline.run(tap.source())
    tap.emits(users(2, 3))

    pipeline.run(tap.source(), refresh="drop_resources")

    assert tap.syncs[-1].get("state") is None
    assert rows("users") == [(2,), (3,)]


def test_a_mirror_whose_files_are_gone_is_not_taken_over(
    tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dies(pipeline, tap, USERS, record("users", id=1), bookmarks(users=1), CRASH(1))
    shutil.rmtree(tmp_path / ".alto/reservoir/default/tap-fake/users")
    tap.emits(users(1, 2))

    pipeline.run(tap.source())

    assert tap.syncs[-1].get("state") is None
    assert "is not what was stored" in caplog.text
