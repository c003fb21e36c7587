"""A tap run for its reservoir alone: the manifest is the state, and what was written replays like any other run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dlt
import msgspec
import pytest

from dlt_singer import reservoir
from dlt_singer.errors import DamagedReservoirError, LineageError, TapError, reason_of
from dlt_singer.mirror import prune
from dlt_singer.runs import Manifest, RunStart, StreamEnd, StreamStart
from dlt_singer.source.mirroring import reservoir_to_read
from dlt_singer.source.overlay import tap_of
from dlt_singer.source.writing import write, written_slots
from dlt_singer.testing import CRASH, FakeTap, Table, record, schema, state

Rows = Callable[[str], list[tuple[object, ...]]]

USERS = schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")
LOGS = schema("logs", {"at": "integer"}, replication_method="INCREMENTAL", replication_key="at")


def users(*ids: int) -> Table:
    return Table("users", [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id")


def logs(*moments: int) -> Table:
    return Table("logs", [{"at": each} for each in moments], {"at": "integer"}, [], "at")


def stock(*ids: int) -> Table:
    return Table("stock", [{"id": each} for each in ids], {"id": "integer"}, ["id"])


def replay(tap: FakeTap, pipeline: dlt.Pipeline, lineage: str | None = None) -> None:
    pipeline.run(reservoir(tap.name, project_dir=tap.project_dir, lineage=lineage))


def test_each_write_goes_on_where_the_last_one_ended_with_nothing_kept_but_the_reservoir(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(users(1, 2), logs(1, 2, 2), stock(1, 2))
    write(tap.name)
    shutil.rmtree(tap.project_dir / ".alto/logs")
    shutil.rmtree(tap.project_dir / ".alto/catalogs")
    tap.emits(users(2, 3), logs(2, 2, 2, 3), stock(3))

    summary = write(tap.name)
    replay(tap, pipeline)

    assert tap.syncs[-1]["state"]["bookmarks"]["users"] == {"value": 2}
    assert rows("users") == [(1,), (2,), (3,)]
    assert rows("logs") == [(1,), (2,), (2,), (2,), (3,)]
    assert rows("stock") == [(3,)]
    assert [(each.rows_read, each.bookmark_from, each.bookmark_to) for each in summary.streams[:2]] == [
        (2, "2", "3"),
        (4, "2", "3"),
    ]


def test_rows_behind_the_last_state_come_again_and_are_loaded_once(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    at_two = state({"bookmarks": {"logs": {"value": 2}}})
    tap.emits(LOGS, record("logs", at=1), record("logs", at=2), at_two, record("logs", at=3), record("logs", at=4))
    write(tap.name)
    tap.emits(logs(2, 3, 4, 4))
    write(tap.name)

    replay(tap, pipeline)

    assert rows("logs") == [(1,), (2,), (3,), (4,), (4,)]


def test_a_write_that_died_is_taken_over_by_the_next(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    at_two = state({"bookmarks": {"users": {"value": 2}, "logs": {"value": 2}}})
    tap.emits(USERS, LOGS, record("users", id=1), record("users", id=2), record("logs", at=2), at_two, CRASH(1))
    with pytest.raises(TapError):
        write(tap.name)
    tap.emits(users(2, 3), logs(2, 2, 3))

    write(tap.name)
    replay(tap, pipeline)

    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}, "logs": {"value": 2}}}
    assert (rows("users"), rows("logs")) == ([(1,), (2,), (3,)], [(2,), (2,), (3,)])


def test_a_write_that_ended_was_committed_and_is_not_taken_for_one_that_died(
    tap: FakeTap, caplog: pytest.LogCaptureFixture
) -> None:
    tap.emits(users(1))
    write(tap.name)

    write(tap.name, full=True)

    assert tap.syncs[-1].get("state") is None
    assert "starts over" not in caplog.text


def test_a_write_of_everything_that_died_is_taken_over_by_the_next_such(tap: FakeTap) -> None:
    tap.emits(users(1, 2))
    write(tap.name)
    at_one = state({"bookmarks": {"users": {"value": 1}}})
    tap.emits(USERS, record("users", id=1), at_one, CRASH(1))
    with pytest.raises(TapError):
        write(tap.name, full=True)
    tap.emits(users(1, 2, 3))

    write(tap.name)
    gone_on = tap.syncs[-1]["state"]
    tap.emits(USERS, record("users", id=1), at_one, CRASH(1))
    with pytest.raises(TapError):
        write(tap.name, full=True)
    tap.emits(users(1, 2, 3))
    write(tap.name, full=True)

    assert gone_on == {"bookmarks": {"users": {"value": 2}}}
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 1}}}


def test_some_streams_can_be_written_by_themselves_and_all_of_them_anew(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(users(1), logs(1))
    write(tap.name)
    tap.emits(users(1, 2), logs(1, 2))
    write(tap.name, ["users"])
    replay(tap, pipeline)
    part = (rows("users"), rows("logs"))
    tap.emits(users(7), logs(7))

    write(tap.name, full=True)
    replay(tap, pipeline)

    assert part == ([(1,), (2,)], [(1,)])
    assert tap.syncs[-1].get("state") is None
    assert (rows("users"), rows("logs")) == ([(1,), (2,), (7,)], [(7,)])


def test_a_tap_that_has_no_bookmarks_is_written_from_the_beginning_each_time(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.configure(progress="off")
    for number in (1, 2):
        tap.emits(USERS, record("users", id=number))
        write(tap.name)

    replay(tap, pipeline)

    assert [sync.get("state") for sync in tap.syncs] == [None, None]
    assert rows("users") == [(1,), (2,)]


def test_a_stream_that_the_tap_skipped_keeps_its_bookmark(tap: FakeTap) -> None:
    tap.emits(users(1), logs(1))
    write(tap.name)
    tap.emits(users(1, 2), state({"bookmarks": {"users": {"value": 2}}}), extra_streams=[LOGS])
    write(tap.name)
    tap.emits(logs(1), users(2))

    write(tap.name, ["logs"])

    assert tap.syncs[-1]["state"]["bookmarks"]["logs"] == {"value": 1}


def test_runs_of_a_pipeline_and_written_ones_are_lineages_apart(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.configure(reservoir=True).emits(users(1))
    dlt.pipeline("live", destination="duckdb", dataset_name="raw").run(tap.source())
    tap.emits(users(2))
    write(tap.name)

    with pytest.raises(Exception, match="2 lineages") as failure:
        replay(tap, pipeline)
    replay(tap, pipeline, lineage="write")

    assert isinstance(reason_of(failure.value), LineageError)
    assert "'write', without a destination" in str(failure.value)
    assert rows("users") == [(2,)]


def test_the_run_that_the_next_write_goes_on_from_is_never_pruned(tap: FakeTap) -> None:
    for last in (1, 2, 3):
        tap.emits(users(*range(last)))
        write(tap.name)
    folder = reservoir_to_read(tap_of(tap.name, None, tap.project_dir, {}))

    pruned = prune(folder, before=datetime.now(timezone.utc) + timedelta(days=1))
    write(tap.name)

    assert len(pruned.runs) == 2
    assert tap.syncs[-1]["state"]["bookmarks"]["users"] == {"value": 2}


def test_of_two_writes_at_once_the_next_goes_on_from_the_one_that_counts() -> None:
    def manifest(run: str, parent: str | None, started: int, ended: int) -> Manifest:
        start = RunStart(run, "tap-x", f"2026-01-01T{started:02}", {"users": StreamStart("users", parent, "r1")})
        reached = msgspec.Raw(b'{"bookmarks":{"users":"%s"}}' % run.encode())
        return Manifest(start, f"2026-01-01T{ended:02}", {"users": StreamEnd("x", 1, 1)}, (), reached)

    first = manifest("r1", None, 1, 2)
    slow, quick = manifest("r2", "r1", 3, 9), manifest("r3", "r1", 4, 5)

    (slot,) = written_slots([first, slow, quick], ["users"], frozenset({"users"})).values()

    assert (slot["run"], slot["part"]["value"]) == ("r3", "r3")


def test_a_manifest_that_cannot_be_read_may_be_the_one_to_go_on_from(tap: FakeTap) -> None:
    tap.emits(users(1))
    write(tap.name)
    (manifest,) = tap.project_dir.glob(".alto/reservoir/default/tap-fake/_runs/*/final.json")
    manifest.write_text('{"format": 9}')

    with pytest.raises(DamagedReservoirError, match="newer version"):
        write(tap.name)
    write(tap.name, full=True)

    assert len(tap.syncs) == 2


def test_dlt_is_not_needed_to_write(tap: FakeTap, tmp_path: Path) -> None:
    tap.emits(users(1))
    script = (
        "import sys; from dlt_singer.source.writing import write\n"
        "print(write('tap-fake').rows_read, 'dlt' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout == "1 False\n"
