"""A step for each stream on workers with empty disks; all they share is a bucket. One is killed in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
import yaml

from tests.dagster.conftest import ROOT, Dagster
from tests.plugins.test_pex_build import make_tap
from tests.stores.conftest import Bucket, bucket, s3_endpoint

__all__ = ["bucket", "s3_endpoint"]
pytestmark = pytest.mark.registry

MACHINES = Path(__file__).with_name("machines")
STREAMS = int(os.environ.get("MACHINES_STREAMS", "0"))
ROWS = 2_000


@pytest.fixture
def workers(tmp_path: Path, bucket: Bucket) -> dict[str, str]:
    """What every worker is told."""
    for directory in ("disks", "kill"):
        (tmp_path / directory).mkdir()
    return {
        "PROJECT": str(tmp_path / "project"),
        "DISKS": str(tmp_path / "disks"),
        "SAID": str(tmp_path / "said"),
        "DESTINATION__FILESYSTEM__BUCKET_URL": f"s3://{bucket.name}/lake",
        "DESTINATION__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID": str(bucket.options["key"]),
        "DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY": str(bucket.options["secret"]),
        "DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL": bucket.endpoint,
    }


def deploy(root: Path, bucket: Bucket, streams: int, program: Mapping[str, object]) -> None:
    """Write the project, and the order to kill the worker that reads its first stream."""
    tap = {
        **program,
        "capabilities": ["catalog", "discover", "state"],
        "streams": [f"s{number}" for number in range(streams)],
        "config": {"streams": streams, "rows": ROWS, "kill": str(root / "kill")},
        "reservoir": True,
    }
    settings = {"storage_url": bucket.url, "s3_settings": bucket.options, "taps": {"tap-x": tap}}
    (root / "project").mkdir(exist_ok=True)
    (root / "project" / "alto.yaml").write_text(yaml.safe_dump({"default": settings}))
    (root / "kill" / "s0").touch()


def loaded(bucket: Bucket) -> dict[str, Counter[int]]:
    """Return how often each row is in the lake, by its table."""
    files = fsspec.filesystem("s3", **bucket.options)
    rows: dict[str, Counter[int]] = {}
    for path in files.glob(f"{bucket.name}/lake/raw/s*/*.parquet"):
        with files.open(path) as file:
            rows.setdefault(path.split("/")[-2], Counter()).update(pq.read_table(file)["id"].to_pylist())
    return rows


def test_a_step_that_is_killed_is_done_again_on_another_disk_and_every_row_is_there_once(
    dagster: Dagster, bucket: Bucket, workers: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "project" / "tap_x.py"
    program.parent.mkdir()
    program.write_text((MACHINES / "tap_x.py").read_text() + "\nmain()\n")
    deploy(tmp_path, bucket, 1, {"command": [sys.executable, "-I", str(program)]})
    step = f"import sys; sys.path.append({str(MACHINES)!r})\nimport definitions\n"
    step += "result = materialize(definitions.assets)['success']"

    with pytest.raises(AssertionError, match="ended with status 9"):
        dagster(step, **workers)

    assert loaded(bucket) == {}
    assert dagster(step, **workers)
    assert loaded(bucket) == {"s0": Counter(range(1, ROWS + 1))}
    assert len(list((tmp_path / "disks").iterdir())) == 2


@pytest.mark.timeout(60 + 30 * STREAMS)
@pytest.mark.skipif(not STREAMS, reason="make drills says MACHINES_STREAMS=8")
def test_dagsters_processes_make_up_for_a_killed_one_and_build_the_tap_once(
    environment: Path, variables: dict[str, str], bucket: Bucket, workers: dict[str, str], tmp_path: Path
) -> None:
    program = make_tap(tmp_path / "project" / "taps" / "tap-x") / "tap_x.py"
    program.write_text((MACHINES / "tap_x.py").read_text())
    deploy(tmp_path, bucket, STREAMS, {"pip_url": "./taps/tap-x"})
    environ = {**os.environ, **variables, **workers, "PYTHONPATH": f"{ROOT}:{MACHINES}"}

    done = subprocess.run(
        [environment / "python", MACHINES / "drive.py"], env=environ, capture_output=True, text=True, check=False
    )

    others = {f"tap_x_s{number}": True for number in range(1, STREAMS)}
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert runs == [{"tap_x_s0": False, **others}, {"tap_x_s0": True}], done.stderr
    assert loaded(bucket) == {f"s{number}": Counter(range(1, ROWS + 1)) for number in range(STREAMS)}
    assert (tmp_path / "said").read_text().count("Built tap-x") == 1
    kept = fsspec.filesystem("s3", **bucket.options)
    states = {path.rpartition("/")[2] for path in kept.glob(f"{bucket.name}/company/state/default/*_raw.json")}
    assert states == {f"tap-x-to-tap_x_s{number}_raw.json" for number in range(STREAMS)}
