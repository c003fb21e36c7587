"""Real Dagster, in an environment of its own that is made once and kept in `.cache`.

A process there imports Dagster once and forks for each test, so that a test pays for what it does alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from dlt_singer.testing import FakeTap

ROOT = Path(__file__).parents[2]
STAGE = Path(__file__).with_name("stage.py")
# What a measurement of the tests needs is there, too.
EXTRAS = "coverage,dagster,duckdb,s3"

Dagster = Callable[..., Any]


@pytest.fixture(scope="session")
def environment() -> Path:
    """The `bin` directory of an environment with this project, Dagster, dagster-dlt and what S3 needs."""
    constraints = ROOT / "constraints" / "latest.txt"
    what = (ROOT / "pyproject.toml").read_bytes() + constraints.read_bytes() + f"{sys.version} {EXTRAS}".encode()
    place = ROOT / ".cache" / f"dagster-{hashlib.sha256(what).hexdigest()[:12]}"
    place.parent.mkdir(exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if not (place / "ready").exists():
            install: list[str | Path] = [ROOT / "scripts" / "install", place, EXTRAS, constraints]
            subprocess.run(install, cwd=ROOT, check=True, env={**os.environ, "PYTHON": sys.executable})
            (place / "ready").touch()
    return place / "bin"


@pytest.fixture(scope="session")
def stage(environment: Path) -> Iterator[subprocess.Popen[str]]:
    """The process that forks."""
    with subprocess.Popen(
        [environment / "python", STAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """What the environment of a Dagster process of this test adds."""
    (tmp_path / "home").mkdir()
    return {
        "DAGSTER_HOME": str(tmp_path / "home"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(tmp_path / "disk"),
        "DLT_LOCAL_DIR": str(tmp_path),
    }


@pytest.fixture
def dagster(stage: subprocess.Popen[str], variables: dict[str, str], tmp_path: Path) -> Dagster:
    """Return a function that runs code in a fork of the stage, and returns what it calls `result`."""

    def run(code: str, **more: str) -> Any:  # noqa: ANN401 - whatever JSON the code makes
        order = {"code": textwrap.dedent(code), "cwd": str(tmp_path), "environ": {**variables, **more}}
        assert stage.stdin is not None
        assert stage.stdout is not None
        stage.stdin.write(json.dumps(order) + "\n")
        stage.stdin.flush()
        answer = json.loads(stage.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    return run


@pytest.fixture
def tap(tmp_path: Path) -> FakeTap:
    """A scripted tap in the project of the test's directory."""
    return FakeTap(tmp_path)
