"""Two machines, one bucket: what one has built, discovered and loaded, the other finds there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dlt_singer.config import load_project
from dlt_singer.errors import PluginError, TapExitError
from dlt_singer.messages import Idle
from dlt_singer.pex import PluginBuild, PluginExecutable, executable
from dlt_singer.storage import Store
from dlt_singer.tap import Tap
from tests.plugins.test_pex_build import make_tap, until
from tests.stores.conftest import Bucket

TAP = """
import json, sys

def say(**message):
    print(json.dumps(message))

def main():
    sys.stderr.write("INFO this is the log of the tap\\n")
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    if "--discover" in sys.argv:
        say(streams=[{"tap_stream_id": "rows", "stream": "rows", "schema": schema, "key_properties": ["id"]}])
        return
    start = 0
    if "--state" in sys.argv:
        start = json.load(open(sys.argv[sys.argv.index("--state") + 1]))["bookmarks"]["rows"]["id"]
    say(type="SCHEMA", stream="rows", schema=schema, key_properties=["id"], bookmark_properties=["id"])
    for number in range(start + 1, start + 4):
        say(type="RECORD", stream="rows", record={"id": number})
    say(type="STATE", value={"bookmarks": {"rows": {"id": start + 3}}})
"""
LOAD = """
import dlt, dlt_singer
pipeline = dlt.pipeline("p", destination=dlt.destinations.duckdb("../warehouse.duckdb"), dataset_name="raw")
dlt_singer.run(pipeline, dlt_singer.singer("tap-x"))
with pipeline.sql_client() as sql:
    print(sql.execute_sql("select count(*), max(id) from rows")[0])
"""
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Machine:
    """A directory with the project and nothing that was ever made of it."""

    root: Path

    @property
    def cache(self) -> Path:
        return self.root / ".alto" / "plugins"

    @property
    def build(self) -> PluginBuild:
        return PluginBuild("tap-x", "./taps/tap-x", self.root)

    def logs(self) -> list[str]:
        return [path.name for path in (self.root / ".alto" / "logs" / "default").iterdir()]

    def run(self, code: str, **variables: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.root,
            env={**os.environ, "DLT_DATA_DIR": str(self.root / "dlt"), **variables},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return done.returncode, done.stdout.strip(), done.stderr


def machine(bucket: Bucket, root: Path) -> Machine:
    tap = make_tap(root / "taps" / "tap-x")
    (tap / "tap_x.py").write_text(TAP)
    project = {
        "project_name": "shop",
        "filesystem": "s3",
        "bucket": bucket.name,
        "s3_settings": bucket.options,
        "taps": {"tap-x": {"pip_url": "./taps/tap-x", "capabilities": ["catalog", "discover", "state"]}},
    }
    (root / "alto.yaml").write_text(yaml.safe_dump({"default": project}))
    return Machine(root)


@pytest.fixture
def one(bucket: Bucket, tmp_path: Path) -> Machine:
    return machine(bucket, tmp_path / "one")


@pytest.fixture
def two(bucket: Bucket, tmp_path: Path) -> Machine:
    return machine(bucket, tmp_path / "two")


@pytest.fixture
def store(bucket: Bucket) -> Store:
    return Store(f"s3://{bucket.name}/alto/shop", bucket.options)


def test_what_one_machine_has_made_the_other_runs_at_once(one: Machine, two: Machine, store: Store) -> None:
    _, first, said_first = one.run(LOAD)
    _, second, said_second = two.run(LOAD, ALTO_BUILD="false", ALTO_DISCOVER="false")

    assert (first, second) == ("(3, 3)", "(6, 6)")
    assert "Building tap-x" in said_first
    assert "Fetched tap-x from s3://" in said_second
    newest, *history = sorted(store.list("state/default/"), key=len)
    states = [json.loads(store.read(key) or b"")["bookmarks"]["rows"]["id"] for key in sorted(history)]
    assert newest == "state/default/tap-x-to-p_raw.json"
    assert states == [3, 6]
    assert store.list("catalogs/") == ["catalogs/tap-x.base.info.json", "catalogs/tap-x.base.json"]
    assert store.list("leases/") == []
    logs = [name for each in (one, two) for name in each.logs()]
    assert sorted(name.rpartition(".")[2] for name in logs) == ["json"] * 2 + ["log"] * 3  # a discovery, two runs
    assert [f"logs/default/{name}" for name in sorted(logs)] == store.list("logs/")
    texts = {key: store.read(key) or b"" for key in store.list("logs/")}
    assert {text for key, text in texts.items() if key.endswith(".log")} == {b"INFO this is the log of the tap\n"}
    assert {json.loads(text)["result"] for key, text in texts.items() if key.endswith(".json")} == {"ok"}


def test_two_first_runs_at_once_build_once(one: Machine, two: Machine, tmp_path: Path, store: Store) -> None:
    started = tmp_path / "started"
    said: list[list[str]] = [[], []]
    somebody_waits = threading.Event()
    for each in (one, two):
        (each.root / "taps" / "tap-x" / "slow").write_text(str(started))

    def get(number: int) -> PluginExecutable:
        def note(line: str) -> None:
            said[number].append(line)
            if "is building it, waiting" in line:
                somebody_waits.set()

        return executable((one, two)[number].build, (one, two)[number].cache, store, on_progress=note)

    with ThreadPoolExecutor(2) as pool:
        getting = [pool.submit(get, number) for number in (0, 1)]
        until(lambda: somebody_waits.is_set() and started.exists())
        started.unlink()  # the build waits for that
        found = [each.result(60) for each in getting]

    waited, built = sorted((" ".join(lines) for lines in said), key=lambda text: "Built tap-x" in text)
    assert "waiting … Fetched tap-x from s3://" in waited
    assert "Building" not in waited
    assert "Built tap-x" in built
    assert found[0].pex != found[1].pex
    assert found[0].key == found[1].key
    assert store.list("plugins/") == [f"plugins/{found[0].key}{end}" for end in ("", ".lock", ".sha256")]
    assert store.list("leases/") == []


def test_a_plugin_that_may_not_be_built_and_is_nowhere_is_an_error_that_says_where_it_was_looked_for(
    one: Machine, store: Store
) -> None:
    with pytest.raises(PluginError) as caught:
        executable(one.build, one.cache, store, on_progress=print, build_allowed=False)

    assert caught.value.reason.startswith(f"tap-x is not in {one.cache}, nor in {store.url}/plugins (key ")
    assert caught.value.reason.endswith("), and building is not allowed here.")
    assert caught.value.remedy.startswith("Run `dlt-singer build tap-x` on such a machine with the same store")


def small_tap(root: Path, bucket: Bucket, options: dict[str, object], code: str) -> Tap:
    """Return a tap that needs no building, in a project whose store is the bucket."""
    tap = {"command": [sys.executable, "-c", code], "capabilities": []}
    settings = {"storage_url": bucket.url, "s3_settings": options, "taps": {"tap-x": tap}}
    (root / "alto.yaml").write_text(yaml.safe_dump({"default": settings}))
    project = load_project(root)
    return Tap(project.tap("tap-x"), project)


def test_the_log_of_a_failed_run_is_in_the_store(bucket: Bucket, tmp_path: Path) -> None:
    tap = small_tap(tmp_path, bucket, bucket.options, "import sys; sys.exit('CRITICAL it is broken')")

    with closing(tap.sync(None, {})) as run, pytest.raises(TapExitError, match="it is broken"):
        list(run)

    (key,) = tap.store.list("logs/default/tap-x-")
    assert tap.store.read(key) == b"CRITICAL it is broken\n"
    assert (tmp_path / ".alto" / key).is_file()


def test_a_store_that_takes_no_log_is_warned_about_and_fails_nothing(
    bucket: Bucket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {**bucket.options, "endpoint_url": NOWHERE, "config_kwargs": {"retries": {"total_max_attempts": 1}}}
    tap = small_tap(tmp_path, bucket, refused, "import sys; print('INFO here', file=sys.stderr)")

    with closing(tap.sync(None, {})) as run:
        messages = [message for message in run if not isinstance(message, Idle)]

    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert messages == []
    assert len(list((tmp_path / ".alto" / "logs" / "default").iterdir())) == 1
    assert len(warnings) == 1
    assert "could not be copied to the store. Cannot publish 'logs/default/tap-x-" in warnings[0]
    assert "s3cr3t-k3y" not in warnings[0]


@pytest.mark.parametrize("place", ["project", "tap"])
def test_building_is_forbidden_by_a_key_for_all_taps_or_for_one(place: str, tmp_path: Path) -> None:
    taps = {"tap-x": {"pip_url": "x"} | ({"build": False} if place == "tap" else {}), "tap-y": {"pip_url": "y"}}
    settings = {"taps": taps} | ({"build": False} if place == "project" else {})
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": settings}))

    project = load_project(tmp_path)

    assert [project.tap(name).build for name in ("tap-x", "tap-y")] == [False, place == "tap"]
