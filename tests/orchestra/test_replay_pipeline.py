"""`replay_pipeline.py`: the reservoir into another dataset, without the tap."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dlt_singer.testing import FakeTap, Table

if TYPE_CHECKING:
    from tests.orchestra.worker import Worker

SCRIPT = Path(__file__).parents[2] / "pipelines" / "replay_pipeline.py"


def test_a_mirrored_tap_is_replayed_without_starting_it(tap: FakeTap, worker: Worker) -> None:
    shutil.copy(SCRIPT, worker.root / "pipelines")
    tap.configure(reservoir=True)
    streams = ("users", "groups")
    tap.emits(*(Table(name, [{"id": 1}, {"id": 2}], {"id": "integer"}, ("id",), "id") for name in streams))
    worker.load()
    calls = len(tap.calls)

    done = worker.load("--streams=users", script="pipelines/replay_pipeline.py", DLT_SINGER_TAP="tap-fake")

    assert done.returncode == 0, done.stderr
    assert len(tap.calls) == calls
    tables = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'replayed' AND table_name NOT LIKE '\\_%'"
    file = "replay_tap_fake_reservoir.duckdb"
    assert worker.ask("SELECT id FROM replayed.users ORDER BY id", file) == [(1,), (2,)]
    assert worker.ask(f"{tables} ESCAPE '\\'", file) == [("users",)]


def test_a_tap_that_was_never_mirrored_fails_and_says_so(tap: FakeTap, worker: Worker) -> None:
    shutil.copy(SCRIPT, worker.root / "pipelines")

    done = worker.load(script="pipelines/replay_pipeline.py", DLT_SINGER_TAP="tap-fake")

    assert done.returncode == 1
    assert "reservoir" in done.stderr.splitlines()[-1]
