"""The example DAGs in a real Airflow, in an environment of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import uv

from dlt_singer.pex.pip_settings import uv_variables
from dlt_singer.testing import DEAF, HANG, ORPHAN, STDERR, FakeTap, Step, Table, record, state
from tests.flows.test_termination import descendants, wait_until

REPOSITORY = Path(__file__).parents[2]
DAGS = REPOSITORY / "examples" / "airflow" / "dags"
SESSION = Path(__file__).with_name("airflow_session.py")
RUNNER = Path(__file__).with_name("runner.py")
# The first twice: its second run starts on a disk without the first one's state.
RUNS = ("carbon_intensity", "carbon_intensity", "carbon_intensity_serialize", "carbon_intensity_parallel")
BROKEN = "carbon_intensity!"
ADS = Path(__file__).with_name("ads_dag.py")
TAP_OF_ACCOUNTS = REPOSITORY / "tests" / "flows" / "tap_of_accounts.py"
CLICKS = {"eu": [1, 2], "us": [3]}
# A day of the sample's week.
END_DATE = "2024-01-02"
ROWS = {"region": 18, "entry": 18 * 48, "generationmix": 18 * 48 * 9}

pytestmark = [pytest.mark.registry, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Session:
    """What Airflow made of the example."""

    root: Path
    environ: dict[str, str]
    report: dict[str, Any]
    log: str

    def counts(self, dataset: str) -> dict[str, int]:
        """Return the rows of each table of a dataset."""
        return {name: self.ask(f"SELECT count(*) FROM {dataset}.{name}")[0][0] for name in ROWS}

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the destination."""
        with contextlib.closing(duckdb.connect(str(self.root / "out.duckdb"))) as connection:
            return connection.execute(query).fetchall()

    def tap_logs(self) -> list[str]:
        """Return what the tap said in each of its syncs, oldest first."""
        logs = sorted((self.root / ".alto" / "logs").rglob("*.log"), key=lambda log: log.stat().st_mtime_ns)
        return [said for log in logs if "Starting incremental sync" in (said := log.read_text())]


def tap_ads(root: Path) -> dict[str, Any]:
    """Return the definition of a tap with a partition for each account, and one in which it fails."""

    def streams(account: str, ids: list[int]) -> dict[str, Any]:
        stream = {"method": "INCREMENTAL", "ids": ids}
        return {"account": account, "streams": {"clicks": stream, "views": stream}}

    return {
        "command": [sys.executable, str(TAP_OF_ACCOUNTS)],
        "capabilities": ["catalog", "discover", "state"],
        "config": {"notes": str(root / "notes")},
        "partitions": {
            **{account: streams(account, ids) for account, ids in CLICKS.items()},
            # The tap wants to know whose rows it reads.
            "broken": {"streams": streams("", [])["streams"]},
        },
    }


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an Airflow that was installed as docs/airflow.md says."""
    place = tmp_path_factory.mktemp("airflow") / "venv"
    environ = {**os.environ, **uv_variables(os.environ)}
    tool = [uv.find_uv_bin(), "--quiet"]
    constraints = REPOSITORY / "constraints" / "airflow.txt"
    requirements = REPOSITORY / "examples" / "airflow" / "requirements.txt"
    install: list[str | Path] = [
        "pip",
        "install",
        "--python",
        place,
        "--constraint",
        constraints,
        "--requirement",
        requirements,
    ]
    subprocess.run([*tool, "venv", "--python", sys.executable, place], env=environ, check=True)
    subprocess.run([*tool, *install, f"{REPOSITORY}[duckdb]"], env=environ, check=True)
    return place / "bin"


@pytest.fixture(scope="session")
def session(airflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The example's DAGs, parsed and run."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(REPOSITORY / "alto.yaml", root)
    shutil.copytree(REPOSITORY / "taps", root / "taps", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (root / "dags").mkdir()
    for file in (*DAGS.glob("*.py"), ADS):
        shutil.copy(file, root / "dags")
    (root / "alto.local.json").write_text(json.dumps({"default": {"taps": {"tap-ads": tap_ads(root)}}}))
    hidden = ("ALTO_", "SOURCES__", "DESTINATION_", "DLT_", "AIRFLOW_")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(hidden)},
        "HOME": str(root),
        "AIRFLOW_HOME": str(root / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "CARBON_PROJECT_DIR": str(root),
        "SOURCES__SINGER__TAP_CARBON_INTENSITY__CONFIG__END_DATE": END_DATE,
        "DESTINATION_TYPE": "duckdb",
        "DESTINATION__DUCKDB__CREDENTIALS": str(root / "out.duckdb"),
        "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        **uv_variables(os.environ),
    }
    subprocess.run([airflow / "airflow", "db", "migrate"], env=environ, capture_output=True, check=True)
    done = subprocess.run(
        [airflow / "python", SESSION, root / "dags", *RUNS, BROKEN, "ads"],
        env=environ, cwd=root, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return Session(root, environ, json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr)


def test_parsing_a_file_starts_nothing_and_takes_a_moment(session: Session) -> None:
    assert [start for start in session.report["started"] if start["ours"]] == []
    assert max(session.report["parse_s"].values()) <= 0.2, session.report["parse_s"]


def test_the_dags_are_one_task_a_chain_and_tasks_side_by_side(session: Session) -> None:
    one, chain, aside = (session.report["tasks"][name].values() for name in dict.fromkeys(RUNS))

    assert [len(after) for after in one] == [0]
    assert [len(after) for after in chain] == [1, 1, 0]
    assert [len(after) for after in aside] == [2, 1, 1, 0]


@pytest.mark.parametrize("dag", dict.fromkeys(RUNS))
def test_each_way_to_decompose_loads_everything(session: Session, dag: str) -> None:
    assert {run["state"] for run in session.report["runs"] if run["dag"] == dag} == {"success"}
    assert session.counts(dag.replace("_intensity_", "_")) == ROWS


def test_a_second_run_on_an_empty_disk_goes_on_from_the_bookmark(session: Session) -> None:
    first, second, *_ = session.tap_logs()

    assert "bookmark value: 2024-01-01T23:30:00Z" not in first
    assert "bookmark value: 2024-01-01T23:30:00Z" in second


def test_a_failing_tap_fails_its_task_and_the_log_says_why(session: Session) -> None:
    (broken,) = (run for run in session.report["runs"] if run["dag"] == BROKEN)

    assert broken["state"] == "failed"
    assert set(broken["tasks"].values()) == {"failed"}
    assert "tap-carbon-intensity ended with exit code 1" in session.log


def test_each_partition_is_tasks_of_its_own_and_one_that_fails_fails_alone(session: Session) -> None:
    (run,) = (run for run in session.report["runs"] if run["dag"] == "ads")
    notes = [json.loads(line) for line in (session.root / "notes").read_text().splitlines()]
    states = {task: state for task, state in run["tasks"].items() if "broken" not in task}
    broken = {state for task, state in run["tasks"].items() if "broken" in task}

    assert set(states.values()) == {"success"}
    assert broken == {"failed"}
    # Each task starts the tap in the settings of its partition: once for all streams, or once for each.
    assert Counter(account for account, what in notes if what == "ends") == {"eu": 1, "us": 2}
    rows = [(account, number) for account, ids in sorted(CLICKS.items()) for number in ids]
    assert session.ask("SELECT account, id FROM ads.clicks ORDER BY 1, 2") == rows
    assert session.ask("SELECT account, id FROM ads.views ORDER BY 1, 2") == rows


@pytest.mark.skipif("AIRFLOW_ENDS" not in os.environ, reason="make drills says AIRFLOW_ENDS=1")
def test_a_task_that_is_killed_or_takes_too_long_leaves_no_process_and_no_row(
    session: Session, airflow: Path, tmp_path: Path
) -> None:
    users = Table("users", [{"id": 1}, {"id": 2}], {"id": "integer"}, ["id"], "id")
    said: list[Step | Table] = [users, record("users", id=3), state({"bookmarks": {"users": {"value": 3}}})]
    tap = FakeTap(tmp_path).emits(DEAF, *said, ORPHAN(), ORPHAN(own_session=True), STDERR("all said"), HANG)
    (tmp_path / "dags").mkdir()
    file = shutil.copy(RUNNER, tmp_path / "dags")
    environ = {
        **{name: value for name, value in session.environ.items() if not name.startswith("SOURCES__")},
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "ENDS_PROJECT_DIR": str(tmp_path),
        "TMPDIR": str(tmp_path / "runs"),
    }
    codes = []
    with subprocess.Popen(
        [airflow / "python", file], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        for limit, kills in ((60, True), (4, False), (60, False)):
            runner.stdin.write(f"{limit}\n")
            runner.stdin.flush()
            task = int(runner.stdout.readline())
            if kills:
                wait_until(lambda: "all said" in logged(tmp_path), 60)
                # Airflow asks first, which its Python tasks do not hear, and kills five seconds later.
                os.kill(task, signal.SIGTERM)
                os.kill(task, signal.SIGKILL)
            codes.append(int(runner.stdout.readline()))
            wait_until(lambda: not descendants(tmp_path), 5)
            if not kills:
                tap.emits(users)
        runner.stdin.close()

    assert codes == [-signal.SIGKILL, 1, 0]
    assert not any("state" in call for call in tap.syncs)
    assert session.ask("SELECT id FROM ends.users ORDER BY 1") == [(1,), (2,)]


def logged(project: Path) -> str:
    """Return what the taps of a project have said on stderr."""
    return "".join(log.read_text() for log in (project / ".alto" / "logs").rglob("*.log"))
