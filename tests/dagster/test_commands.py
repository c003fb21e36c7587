"""Dagster's own commands over a project: what a developer types, and what a deployment runs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import dlt_singer
from dlt_singer.testing import FakeTap, Table
from tests.dagster.conftest import ROOT, Dagster

pytestmark = pytest.mark.registry

EXAMPLE = ROOT / "examples" / "dagster"
ASSETS = "{ assetNodes { assetKey { path } groupName description kinds } }"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, which leaves its traces there."""
    return shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns(".alto", "*.duckdb"))


@contextlib.contextmanager
def served(command: list[str | Path], directory: Path, environ: dict[str, str], log: Path) -> Iterator[int]:
    """Run a web server on a free port, until it answers; end it with everything it has started."""
    with socket.create_server(("localhost", 0)) as free:
        port = int(free.getsockname()[1])
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=directory,
            env=environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 90
            while True:
                with contextlib.suppress(urllib.error.URLError, ConnectionError):
                    urllib.request.urlopen(f"http://localhost:{port}/server_info", timeout=5).close()
                    break
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield port
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30)


def test_the_examples_definitions_are_valid(environment: Path, variables: dict[str, str], example: Path) -> None:
    command: list[str | Path] = [environment / "dagster", "definitions", "validate", "-f", "definitions.py"]

    done = subprocess.run(command, cwd=example, env=variables, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stderr + done.stdout
    assert not (example / ".alto" / "plugins").exists()


def test_dagster_dev_shows_the_examples_assets(
    environment: Path, variables: dict[str, str], example: Path, tmp_path: Path
) -> None:
    # `dagster dev` starts its parts by name.
    environ = {**variables, "PATH": f"{environment}:{os.environ['PATH']}"}
    command: list[str | Path] = [environment / "dagster", "dev", "-f", "definitions.py"]

    with served(command, example, environ, tmp_path / "dev.log") as port:
        ask = urllib.request.Request(
            f"http://localhost:{port}/graphql",
            json.dumps({"query": ASSETS}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(ask, timeout=60) as answer:
            nodes = json.load(answer)["data"]["assetNodes"]

    shown = {"/".join(node["assetKey"]["path"]): node for node in nodes}
    assert sorted(shown) == ["fuels_by_carbon", "raw/entry", "raw/generationmix", "raw/region"]
    assert shown["raw/entry"]["groupName"] == "tap_carbon_intensity"
    assert shown["raw/entry"]["description"] == "Carbon intensity by region and half-hour, as forecast."
    assert sorted(shown["raw/entry"]["kinds"]) == ["dlt", "duckdb", "singer"]


DEFINITIONS = """
import dagster as dg
from dlt_singer.dagster import singer_definitions

executor = dg.multiprocess_executor.configured({"max_concurrent": 2})
everything = dg.define_asset_job("everything", executor_def=executor)
definitions = dg.Definitions.merge(
    singer_definitions(destination="filesystem", dataset_name="raw", step="stream"),
    dg.Definitions(jobs=[everything]),
)
"""


def test_streams_run_side_by_side_in_processes_whose_disks_do_not_last(
    tap: FakeTap, environment: Path, variables: dict[str, str], dagster: Dagster
) -> None:
    streams = ("a", "b")
    tap.emits(*(Table(stream, [{"id": 1}, {"id": 2}], {"id": "integer"}, ["id"], "id") for stream in streams))
    dlt_singer.discover("tap-fake", project_dir=tap.project_dir)
    (tap.project_dir / "definitions.py").write_text(DEFINITIONS)
    bucket = {"DESTINATION__FILESYSTEM__BUCKET_URL": (tap.project_dir / "bucket").as_uri()}
    dagster("from definitions import definitions\nmaterialize(definitions)", **bucket)
    shutil.rmtree(tap.project_dir / "disk")

    command: list[str | Path] = [
        environment / "dagster",
        "job",
        "execute",
        "-f",
        "definitions.py",
        "-j",
        "everything",
    ]
    done = subprocess.run(
        command, cwd=tap.project_dir, env={**variables, **bucket}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    first, second = tap.syncs[:2], tap.syncs[2:]
    assert len({call["pid"] for call in second}) == len(second) == len(first)
    started_from = {call["catalog"]["streams"][0]["stream"]: call["state"] for call in second}
    assert started_from == {stream: {"bookmarks": {stream: {"value": 2}}} for stream in streams}
