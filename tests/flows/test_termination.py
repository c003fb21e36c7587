"""Whoever ends first, nothing of a run is left: no process, no directory, and no bookmark that moved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import reservoir
from dlt_singer.testing import CRASH, DEAF, HANG, ORPHAN, FakeTap, record, repeat, schema, state

PATIENCE_S = 2.0
USERS = schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")
LATER = schema("later", {"id": "integer"}, ["id"])
PIPELINE = """
    import signal
    # What is started in the background of a shell ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    import dlt
    from dlt_singer import singer

    pipeline = dlt.pipeline("ends", destination="duckdb", dataset_name="raw")
    print("extracting", flush=True)
    pipeline.run(singer("tap-fake", streams=["users"]))
"""


@pytest.fixture
def tmpdir_of_runs(tmp_path: Path) -> Path:
    directory = tmp_path / "runs"
    directory.mkdir()
    return directory


@pytest.fixture
def pipeline_process(tmp_path: Path, tmpdir_of_runs: Path) -> Iterator[subprocess.Popen[str]]:
    """A pipeline in a process of its own, whose tap gives 10,000 rows, starts two children, and hangs."""
    FakeTap(tmp_path).emits(
        DEAF, ORPHAN(), ORPHAN(own_session=True), USERS, repeat(10_000, record("users", id="$n")), HANG
    )
    script = tmp_path / "pipeline.py"
    script.write_text(textwrap.dedent(PIPELINE))
    env = {**os.environ, "TMPDIR": str(tmpdir_of_runs), "DLT_DATA_DIR": str(tmp_path / "dlt")}
    process = subprocess.Popen(
        [sys.executable, str(script)], cwd=tmp_path, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=["kill -9", "SIGTERM", "Ctrl-C"]
)
def test_nothing_is_left_two_seconds_after_the_pipeline_ends_by_a_signal(
    pipeline_process: subprocess.Popen[str], tmp_path: Path, tmpdir_of_runs: Path, number: signal.Signals
) -> None:
    wait_until(lambda: run_dirs(tmpdir_of_runs) and len(descendants(tmp_path)) == 3)

    pipeline_process.send_signal(number)

    wait_until(lambda: not descendants(tmp_path) and not run_dirs(tmpdir_of_runs), PATIENCE_S)
    # How long Python takes to end itself is not ours.
    assert pipeline_process.wait(30) != 0


def threads_of_runs() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("tap-")]


def test_no_thread_of_a_run_that_failed_is_left_for_python_to_wait_for(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    tap.emits(USERS, repeat(30_000, record("users", id="$n")), CRASH(1))

    with pytest.raises(PipelineStepFailed) as failure:
        pipeline.run(tap.source())

    wait_until(lambda: not threads_of_runs(), 10)
    assert "exit code 1" in str(failure.value)


def test_nothing_is_shown_of_a_run_any_more_once_the_users_own_step_has_failed(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    def refuse(row: object) -> object:
        raise ValueError("no such row")

    source = tap.emits(USERS, record("users", id=1), LATER, record("later", id=1)).source()
    source.users.add_map(refuse)

    with pytest.raises(PipelineStepFailed) as failure:
        pipeline.run(source)

    wait_until(lambda: not threads_of_runs(), 10)
    assert "no such row" in str(failure.value)


def test_nothing_is_shown_of_a_run_any_more_once_a_stream_could_not_be_begun(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    tap.configure(reservoir=True).emits(USERS, record("users", id=1), LATER, record("later", id=1))
    for name in ("one", "two"):
        dlt.pipeline(name, destination="duckdb", dataset_name="raw").run(tap.source())

    with pytest.raises(PipelineStepFailed) as failure:
        pipeline.run(reservoir("tap-fake"))

    wait_until(lambda: not threads_of_runs(), 10)
    assert "2 lineages" in str(failure.value)


def test_the_run_directory_and_its_files_are_for_the_owner_alone(
    pipeline_process: subprocess.Popen[str], tmpdir_of_runs: Path
) -> None:
    wait_until(lambda: list(tmpdir_of_runs.glob("*/catalog.json")))

    (directory,) = run_dirs(tmpdir_of_runs)

    assert directory.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}
    assert {file.name for file in directory.iterdir()} == {"config.json", "catalog.json"}


def test_a_tap_that_goes_on_is_ended_when_a_limit_is_reached(tmp_path: Path, tmpdir_of_runs: Path) -> None:
    FakeTap(tmp_path).emits(USERS, repeat(12_000, record("users", id="$n")), HANG)
    script = tmp_path / "pipeline.py"
    script.write_text(textwrap.dedent(PIPELINE).replace('["users"])', '["users"]).add_limit(1)'))

    done = run_script(script, tmp_path, tmpdir_of_runs)

    assert done.returncode == 0, done.stderr
    assert not descendants(tmp_path)
    assert not run_dirs(tmpdir_of_runs)


def test_a_tap_that_crashes_fails_the_pipeline_and_its_directory_is_gone(
    tmp_path: Path, tmpdir_of_runs: Path
) -> None:
    FakeTap(tmp_path).emits(USERS, record("users", id=1), state({"bookmarks": {"users": 1}}), ORPHAN(), CRASH(3))
    script = tmp_path / "pipeline.py"
    script.write_text(textwrap.dedent(PIPELINE))

    done = run_script(script, tmp_path, tmpdir_of_runs)

    assert done.returncode == 1
    assert "tap-fake ended with exit code 3" in done.stderr
    assert not descendants(tmp_path)
    assert not run_dirs(tmpdir_of_runs)


def run_script(script: Path, cwd: Path, tmpdir: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TMPDIR": str(tmpdir), "DLT_DATA_DIR": str(cwd / "dlt")}
    return subprocess.run(
        [sys.executable, str(script)], cwd=cwd, env=env, text=True, capture_output=True, check=False, timeout=60
    )


def run_dirs(tmpdir: Path) -> list[Path]:
    return list(tmpdir.glob("dlt-singer-*"))


def descendants(project: Path) -> list[int]:
    """The live processes a fake tap of this project has noted, and those that were started by them."""
    calls = project / "tap-fake.calls"
    noted = [json.loads(line)["pid"] for line in calls.read_text().splitlines()] if calls.exists() else []
    processes = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [
        int(entry.name)
        for entry in processes
        if environment_names(entry, project) and is_tap_or_child(entry, noted)
    ]


def environment_names(entry: Path, project: Path) -> bool:
    try:
        return f"TMPDIR={project}/runs".encode() in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def is_tap_or_child(entry: Path, noted: list[int]) -> bool:
    try:
        status, command = (entry / "stat").read_text(), (entry / "cmdline").read_bytes()
    except OSError:
        return False
    alive = status.rpartition(")")[2].split()[0] != "Z"
    return alive and (int(entry.name) in noted or b"signal.pause()" in command)


def wait_until(condition: Callable[[], object], patience_s: float = 30.0) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
