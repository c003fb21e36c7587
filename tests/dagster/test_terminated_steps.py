"""A step that is terminated, by a signal to its process or by Dagster from another one."""

from __future__ import annotations

from pathlib import Path

import pytest

import dlt_singer
from dlt_singer.testing import HANG, ORPHAN, STDERR, FakeTap, Step, Table, record, state
from tests.dagster.conftest import Dagster
from tests.flows.test_termination import descendants, wait_until

pytestmark = pytest.mark.registry

STEP = """
import os, signal, time
from pathlib import Path
from dlt_singer.dagster import singer_definitions

step = os.fork()
if not step:
    told = materialize(singer_definitions(destination="duckdb", dataset_name="raw"))
    os._exit(0 if told["success"] else 1)
# The tap says so, when it has said its rows.
while not (logs := [log for log in Path(".alto/logs").rglob("*.log") if "all said" in log.read_text()]):
    assert os.waitpid(step, os.WNOHANG) == (0, 0), "it has ended"
    time.sleep(0.01)
os.kill(step, signal.Signals[os.environ["ENDS_WITH"]])
result = os.WEXITSTATUS(os.waitpid(step, 0)[1])
"""
LOAD = """
import duckdb
from dlt_singer.dagster import singer_definitions

told = materialize(singer_definitions(destination="duckdb", dataset_name="raw"))
rows = duckdb.connect("tap_fake.duckdb").execute("SELECT id FROM raw.users ORDER BY 1").fetchall()
result = told["success"], rows
"""
USERS = Table("users", [{"id": 1}, {"id": 2}], {"id": "integer"}, ["id"], "id")


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"], ids=["SIGTERM", "run termination"])
def test_a_step_that_is_terminated_leaves_no_process_and_no_row(
    tap: FakeTap, dagster: Dagster, tmp_path: Path, signal: str
) -> None:
    said: list[Step | Table] = [USERS, record("users", id=3), state({"bookmarks": {"users": {"value": 3}}})]
    tap.emits(*said, ORPHAN(), ORPHAN(own_session=True), STDERR("all said"), HANG)
    dlt_singer.discover("tap-fake", project_dir=tap.project_dir)

    code = dagster(STEP, ENDS_WITH=signal, TMPDIR=str(tmp_path / "runs"))
    wait_until(lambda: not descendants(tmp_path), 5)
    tap.emits(USERS)
    succeeded, rows = dagster(LOAD)

    assert code == 1
    assert "state" not in tap.syncs[1]
    assert succeeded
    assert rows == [[1], [2]]
