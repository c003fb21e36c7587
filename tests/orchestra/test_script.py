"""A pipeline script as a scheduler sees it: what it is told, what it prints, how it ends."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from dlt_singer import orchestra
from dlt_singer.testing import CRASH, STDERR, FakeTap, Table

if TYPE_CHECKING:
    from tests.orchestra.worker import Worker


def users(*ids: int, stream: str = "users") -> Table:
    return Table(stream, [{"id": each} for each in ids], {"id": "integer"}, ("id",), "id")


def test_a_load_ends_with_zero_and_prints_what_was_loaded(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1, 2))

    done = worker.python("pipelines/fake_pipeline.py")

    assert done.returncode == 0, done.stderr
    assert "1 load package(s) were loaded to destination duckdb and into dataset raw" in done.stdout
    assert worker.ask("SELECT id FROM raw.users ORDER BY id") == [(1,), (2,)]


def test_a_failing_tap_ends_the_script_with_one_and_its_reason_comes_last(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1), STDERR("the API is closed today"), CRASH(3))

    done = worker.python("pipelines/fake_pipeline.py")

    assert done.returncode == 1
    assert "tap-fake ended with exit code 3: " in done.stderr
    assert "the API is closed today" in "".join(done.stderr.splitlines()[-3:])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--streams", "user"], "Did you mean 'users'?"),
        (["--env", "moon"], "No environment 'moon'"),
        (["--destination", "potgres"], "potgres"),
        (["--destination", "postgres"], "credentials"),
        (["--refresh", "all"], "'all' is none of"),
    ],
    ids=[
        "an unknown stream",
        "an unknown environment",
        "an unknown destination",
        "no credentials",
        "no such refresh",
    ],
)
def test_what_is_not_there_ends_the_script_with_two(
    tap: FakeTap, worker: Worker, argv: list[str], said: str
) -> None:
    tap.emits(users(1))

    done = worker.load(*argv)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_one_partition_is_loaded_as_a_pipeline_of_its_own(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1)).configure(partitions={"eu": {"account": 1}, "us": {"account": 2}})

    done = worker.load("--partition", "us")

    assert done.returncode == 0, done.stderr
    assert [sync["config"] for sync in tap.syncs] == [{"account": 2}]
    assert "fake_partition_us" in done.stdout


def test_a_script_that_does_not_ask_for_the_partition_ends_with_two(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1)).configure(partitions={"eu": {}, "us": {}})
    script = worker.root / "pipelines" / "fake_pipeline.py"
    script.write_text(script.read_text().replace(", partition=invocation.partition", ""))

    done = worker.load("--partition", "us")

    assert done.returncode == 2
    assert "partition=invocation.partition" in done.stderr


def test_an_error_of_the_script_itself_is_not_swallowed(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1))
    script = worker.root / "pipelines" / "broken_pipeline.py"
    script.write_text(
        (worker.root / "pipelines" / "fake_pipeline.py").read_text().replace("print(", "print(1 / 0,")
    )

    done = worker.load(script=str(script))

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_streams_start_the_tap_with_only_those(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1), users(1, stream="groups"), users(1, stream="roles"))

    done = worker.load("--streams", "roles,groups")

    assert done.returncode == 0, done.stderr
    started = [stream["tap_stream_id"] for stream in tap.syncs[0]["catalog"]["streams"]]
    assert sorted(started) == ["groups", "roles"]


def test_streams_load_into_the_same_place_and_keep_bookmarks_of_their_own(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1), users(1, stream="groups"))
    worker.load()

    tap.emits(users(1, 2), users(1, 2, stream="groups"))
    worker.load("--streams=users")
    worker.load("--streams=users")
    worker.load()

    states = [sync.get("state") or None for sync in tap.syncs]
    whole = {"bookmarks": {"users": {"value": 1}, "groups": {"value": 1}}}
    assert states == [None, None, {"bookmarks": {"users": {"value": 2}}}, whole]
    assert worker.ask("SELECT id FROM raw.users ORDER BY id") == [(1,), (2,)]
    assert not (worker.root / "fake_users.duckdb").exists()


def test_a_refresh_starts_anew(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1, 2))
    worker.load()
    tap.emits(users(3))

    done = worker.load("--refresh", "drop_resources")

    assert done.returncode == 0, done.stderr
    assert not tap.syncs[-1].get("state")
    assert worker.ask("SELECT id FROM raw.users") == [(3,)]


def test_a_refresh_of_one_stream_leaves_the_others_tables(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1), users(1, stream="groups"))
    worker.load("--streams=users")
    worker.load("--streams=groups")
    shutil.rmtree(worker.disk)

    worker.load("--streams=users", "--refresh=drop_sources")

    assert worker.ask("SELECT id FROM raw.groups") == [(1,)]


def test_a_backfill_adds_to_the_tables_and_moves_no_daily_bookmark(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(8, 9))
    worker.load()

    tap.emits(users(1, 2, 3))
    worker.load("--backfill", "early")
    tap.emits(users(9, 10))
    worker.load()

    assert [sync.get("state") or None for sync in tap.syncs] == [None, None, {"bookmarks": {"users": {"value": 9}}}]
    assert worker.ask("SELECT id FROM raw.users ORDER BY id") == [(each,) for each in (1, 2, 3, 8, 9, 10)]


def test_a_load_that_the_database_goes_on_refusing_is_tried_four_times_and_the_tap_asked_once(
    tap: FakeTap, worker: Worker
) -> None:
    tap.emits(users(1))
    worker.load()
    # A view takes no column.
    worker.ask("ALTER TABLE raw.users RENAME TO elsewhere")
    worker.ask("CREATE VIEW raw.users AS SELECT * FROM raw.elsewhere")
    script = worker.root / "pipelines" / "fake_pipeline.py"
    at_once = "import dlt_singer.orchestra.invocation as invocation\n\ninvocation._PAUSES_S = (0, 0, 0)\n"
    script.write_text(script.read_text().replace("\ndef load", f"\n{at_once}\n\ndef load"))
    tap.emits(Table("users", [{"id": 2, "name": "b"}], {"id": "integer", "name": "string"}, ["id"], "id"))

    done = worker.load()

    assert done.returncode == 1
    assert done.stderr.count("the database refused the load; trying again in 0 s") == 3
    assert len(tap.syncs) == 2


def test_a_script_runs_where_its_output_is_no_file() -> None:
    out = io.StringIO()

    def say(invocation: orchestra.Invocation) -> None:
        sys.stdout.write(str(invocation.streams))

    with contextlib.redirect_stdout(out):
        orchestra.script(say, ["--streams=users"])

    assert out.getvalue() == "['users']"


def test_flat_secrets_named_as_dlt_names_them_are_all_it_takes(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1))
    secrets = json.loads(
        '{"SOURCES__SINGER__TAP_FAKE__CONFIG__API_KEY": "k-1", "SOURCES__SINGER__TAP_FAKE__CONFIG__PAGE_SIZE": 50,'
        ' "DESTINATION__DUCKDB__CREDENTIALS": "elsewhere.duckdb", "DLT_SINGER_DATASET": "bronze"}'
    )

    done = worker.load(**{name: str(value) for name, value in secrets.items()})

    assert done.returncode == 0, done.stderr
    assert tap.syncs[0]["config"] == {"api_key": "k-1", "page_size": "50"}
    assert worker.ask("SELECT id FROM bronze.users", "elsewhere.duckdb") == [(1,)]
    assert "k-1" not in done.stdout + done.stderr


def test_two_at_once_of_one_pipeline_take_turns(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1))

    done = [job.ended() for job in [worker.start(), worker.start()]]

    assert [each.returncode for each in done] == [0, 0], "\n".join(each.stderr for each in done)
    assert [sync.get("state") or None for sync in tap.syncs] == [None, {"bookmarks": {"users": {"value": 1}}}]


def test_a_worker_without_its_disk_goes_on_from_the_destination(tap: FakeTap, worker: Worker) -> None:
    tap.emits(users(1))
    worker.load("--streams=users")
    shutil.rmtree(worker.disk)

    worker.load("--streams=users")

    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 1}}}


def test_a_dataset_that_another_worker_creates_at_the_same_time_is_no_failure(
    tap: FakeTap, worker: Worker, postgres: str
) -> None:
    tap.emits(users(1))
    worker.env |= {"DESTINATION_TYPE": "postgres", "DESTINATION__POSTGRES__CREDENTIALS": postgres}
    blocked = "SELECT pg_sleep(0.05), count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

    with psycopg.connect(postgres) as other, psycopg.connect(postgres, autocommit=True) as watcher:
        other.execute("CREATE SCHEMA raw")
        job = worker.start()
        while job.runs() and watcher.execute(blocked).fetchone()[1] == 0:  # type: ignore[index]  # one row
            pass
        other.commit()
        done = job.ended()
        found = watcher.execute("SELECT id FROM raw.users").fetchall()

    assert done.returncode == 0, done.stderr
    assert "the database refused the load; trying again" in done.stderr
    assert found == [(1,)]
    assert len(tap.syncs) == 1
