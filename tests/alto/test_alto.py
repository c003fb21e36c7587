"""One reservoir, alto and we in turn: each reads what the other wrote. alto is the real one, in an environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pytest
import uv
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_singer
from dlt_singer.errors import DamagedReservoirError, InterpreterNotFoundError, reason_of
from dlt_singer.mirror import Reservoir, rebuild, verify
from dlt_singer.pex.interpreters import find_interpreter
from dlt_singer.pex.pip_settings import uv_variables
from dlt_singer.source.writing import write
from dlt_singer.storage import Store
from dlt_singer.testing import FakeTap, Table

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]

AT_WORK = Path(__file__).with_name("alto_at_work.py")
PLAYER = Path(dlt_singer.__file__).with_name("testing") / "player.py"


@pytest.fixture(scope="module")
def alto(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with alto, which needs a Python before 3.12."""
    for version in ("3.11", "3.10"):
        try:
            python = find_interpreter(version).path
            break
        except InterpreterNotFoundError:
            continue
    else:
        pytest.skip("alto runs on Python 3.11 and older, and there is none here")
    place = tmp_path_factory.mktemp("alto") / "venv"
    environ = {**os.environ, **uv_variables(os.environ)}
    subprocess.run([uv.find_uv_bin(), "-q", "venv", "--python", python, place], env=environ, check=True)
    # Later versions of fsspec refuse the pattern that alto rebuilds its index with.
    install: list[str | Path] = [
        "pip",
        "install",
        "--python",
        place / "bin/python",
        "singer-alto==0.2.21",
        "fsspec<2023.9",
    ]
    subprocess.run([uv.find_uv_bin(), "-q", *install], env=environ, check=True)
    return place / "bin/python"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, where alto keeps its reservoir, and a project that uses the same store."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("DLT_LOCAL_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tap(home: Path) -> FakeTap:
    (home / "alto.yaml").write_text("default: {filesystem: file, project_name: shared, reservoir: true}")
    return FakeTap(home)


@pytest.fixture
def reservoir(home: Path) -> Reservoir:
    return Reservoir(Store(home / ".alto" / "shared"), "default", "tap-fake")


@pytest.fixture
def run_alto(alto: Path, home: Path, tap: FakeTap) -> Callable[[str], str]:
    """Return a function that lets alto mirror, emit or compact; what it emitted is returned."""
    tap_program, target, received = home / "tap", home / "target", home / "received"
    tap_program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {PLAYER} {home / "tap-fake.script"} "$@"\n')
    target.write_text(f"#!/bin/sh\ncat > {received}\n")
    tap_program.chmod(0o755)
    target.chmod(0o755)

    def work(what: str) -> str:
        received.unlink(missing_ok=True)
        subprocess.run([alto, AT_WORK, what, tap_program, target], cwd=home, check=True, capture_output=True)
        return received.read_text() if received.exists() else ""

    return work


@pytest.fixture
def pipelines() -> Iterator[Callable[[str], dlt.Pipeline]]:
    made: list[dlt.Pipeline] = []

    def make(name: str) -> dlt.Pipeline:
        made.append(dlt.pipeline(name, destination="duckdb", dataset_name="raw"))
        made[-1].activate()
        return made[-1]

    yield make
    if made and made[-1].is_active:
        made[-1].deactivate()


def users(*ids: int) -> Table:
    return Table("users", [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id")


def ids(text: str) -> list[int]:
    """Return the ids of the records that alto emitted."""
    messages = (json.loads(line) for line in text.splitlines() if line)
    return sorted(message["record"]["id"] for message in messages if message["type"] == "RECORD")


def loaded(pipeline: dlt.Pipeline) -> list[int]:
    with pipeline.sql_client() as client:
        return sorted(row[0] for row in client.execute_sql("SELECT id FROM users") or [])


def test_each_reads_what_the_other_has_written_in_turn(
    tap: FakeTap, run_alto: Callable[[str], str], pipelines: Callable[[str], dlt.Pipeline], reservoir: Reservoir
) -> None:
    tap.emits(users(1, 2, 3))
    run_alto("mirror")
    tap.emits(users(4, 5))
    pipelines("live").run(tap.source())
    first = run_alto("emit")
    pipelines("copy").run(dlt_singer.reservoir("tap-fake"))
    copied = loaded(pipelines("copy"))
    tap.emits(users(6, 7))
    run_alto("mirror")
    tap.emits(users(5, 8))
    pipelines("live").run(tap.source())

    second = run_alto("emit")
    copy = pipelines("copy")
    info = copy.run(dlt_singer.reservoir("tap-fake"))

    assert (ids(first), copied) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert ids(second) == [5, 6, 7, 8]
    assert (len(info.loads_ids), loaded(copy)) == (1, [1, 2, 3, 4, 5, 6, 7, 8])
    assert copy.run(dlt_singer.reservoir("tap-fake")).loads_ids == []
    assert verify(reservoir) == []


def test_what_is_written_without_a_destination_is_read_by_both(
    tap: FakeTap, run_alto: Callable[[str], str], pipelines: Callable[[str], dlt.Pipeline], reservoir: Reservoir
) -> None:
    tap.emits(users(1, 2))
    write("tap-fake")
    tap.emits(users(3))
    run_alto("mirror")
    tap.emits(users(2, 4))
    write("tap-fake")

    emitted = run_alto("emit")
    pipelines("copy").run(dlt_singer.reservoir("tap-fake"))

    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}}}
    assert ids(emitted) == [1, 2, 2, 3, 4]
    assert loaded(pipelines("copy")) == [1, 2, 3, 4]
    assert verify(reservoir) == []


def test_files_of_ours_that_alto_has_compacted_are_named_and_not_loaded_wrongly(
    tap: FakeTap, run_alto: Callable[[str], str], pipelines: Callable[[str], dlt.Pipeline]
) -> None:
    for new in ((1, 2), (2, 3)):
        tap.emits(users(*new))
        pipelines("live").run(tap.source())
    run_alto("compact")

    with pytest.raises(PipelineStepFailed) as caught:
        pipelines("copy").run(dlt_singer.reservoir("tap-fake"))

    error = reason_of(caught.value)
    assert isinstance(error, DamagedReservoirError)
    assert error.path.startswith("users/")
    assert "alto's compaction" in error.remedy


def test_alto_reads_an_index_that_we_have_rebuilt(
    tap: FakeTap,
    run_alto: Callable[[str], str],
    pipelines: Callable[[str], dlt.Pipeline],
    reservoir: Reservoir,
) -> None:
    tap.emits(users(1))
    run_alto("mirror")
    tap.emits(users(2))
    pipelines("live").run(tap.source())
    reservoir.store.delete(reservoir.key("_reservoir.json"))

    rebuild(reservoir)

    assert ids(run_alto("emit")) == [1, 2]
