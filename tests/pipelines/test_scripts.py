"""All shipped pipelines: importing one starts nothing, and one that lacks something says what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipelines.conftest import Clone

SCRIPTS = sorted((Path(__file__).parents[2] / "pipelines").glob("*_pipeline.py"))
IMPORT = """
import runpy, sys

def refuse(event, arguments):
    if event in {"subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system"}:
        raise RuntimeError(f"a process was started: {event}")

sys.addaudithook(refuse)
runpy.run_path(sys.argv[1], run_name="imported")
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_importing_a_script_starts_no_process_and_leaves_nothing(fresh: Clone, script: Path) -> None:
    done = fresh.python("-c", IMPORT, f"pipelines/{script.name}")

    assert done.returncode == 0, done.stderr
    assert not (fresh.root / ".alto").exists()


@pytest.mark.registry
@pytest.mark.timeout(300)
def test_asana_is_built_as_published_and_ends_by_naming_the_credentials_it_lacks(fresh: Clone) -> None:
    done = fresh.load("asana")

    (lock,) = (fresh.root / ".alto" / "plugins").glob("*.lock")
    assert "tap-asana==2.5.1" in json.loads(lock.read_text())["resolved"]
    assert "Built tap-asana" in done.stderr
    assert done.returncode == 1
    assert "missing required keys: ['client_id', 'client_secret', 'refresh_token']" in done.stderr
    assert not any(line.startswith("Traceback") for line in done.stderr.splitlines())


@pytest.mark.registry
@pytest.mark.timeout(300)
def test_bls_without_a_network_ends_by_naming_the_host_it_wanted(fresh: Clone) -> None:
    # Nothing listens there, so that the tap has no network even where the tests have one.
    no_network = {"SOURCES__SINGER__TAP_BLS__ENVIRONMENT__HTTPS_PROXY": "http://127.0.0.1:9"}

    done = fresh.load("bls", **no_network)

    assert "Built tap-bls" in done.stderr
    assert "reading JTU000000000000000JOL, JTU000000000000000JOR" in done.stderr
    assert done.returncode == 1
    assert "host='api.bls.gov'" in done.stderr
    assert not any(line.startswith("Traceback") for line in done.stderr.splitlines())
