"""Orchestra's metadata into the warehouse, asked of a server that keeps to the API's contract."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from tests.orchestra.worker import Worker

SCRIPT = Path(__file__).parents[2] / "pipelines" / "orchestra_metadata_pipeline.py"
KEY = "key-of-the-workspace"
NOW = datetime.now(timezone.utc)
TABLES = ("pipeline_runs", "task_runs", "operations")
# dlt waits for seconds before it asks again, unless the API says for how long.
HASTE = {"RUNTIME__REQUEST_BACKOFF_FACTOR": "0.01"}


@dataclass
class MetadataApi:
    """The API: pages of what was created in a window of at most seven days.

    Attributes:
        refusals: Statuses and `Retry-After` of the next answers, before it answers well again.
        empty_page: A page that has no rows; those that follow have them.
        spoils: What it makes of a good answer.
        times: When it was asked.
    """

    url: str = ""
    rows: dict[str, list[dict[str, object]]] = field(default_factory=lambda: {table: [] for table in TABLES})
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    empty_page: int = 0
    spoils: Callable[[dict[str, object]], object] = lambda answer: answer
    times: list[float] = field(default_factory=list)

    def add(self, table: str, number: int, *, days_ago: float, status: str = "SUCCEEDED") -> None:
        created = (NOW - timedelta(days=days_ago)).isoformat()
        row: dict[str, object] = {
            "id": f"{table}-{number}",
            "runStatus": status,
            "createdAt": created,
            "updatedAt": created,
        }
        self.rows[table] = [each for each in self.rows[table] if each["id"] != row["id"]] + [row]

    def answer(self, authorization: str | None, path: str) -> tuple[int, object]:
        if authorization != f"Bearer {KEY}":
            return 401, {"error": "unauthorised"}
        url = urlsplit(path)
        table, query = url.path.rsplit("/", 1)[-1], {key: value[0] for key, value in parse_qs(url.query).items()}
        start, end = (datetime.fromisoformat(query[name]) for name in ("time_from", "time_to"))
        page, size = int(query["page"]), int(query["page_size"])
        if end - start > timedelta(days=7) or page < 1 or not 1 <= size <= 100:
            return 400, {"error": "out of range"}
        if page == 1:
            self.asked.append((table, start, end))
        found = [row for row in self.rows[table] if start <= datetime.fromisoformat(str(row["createdAt"])) <= end]
        filled = page - 1 if 0 < self.empty_page < page else page
        results = [] if page == self.empty_page else found[(filled - 1) * size : filled * size]
        return 200, self.spoils({"page": page, "pageSize": size, "total": len(found), "results": results})


@pytest.fixture
def api(worker: Worker) -> Iterator[MetadataApi]:
    """The API, and a worker that is set to it."""
    served = MetadataApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.times.append(time.monotonic())
            refused = served.refusals.pop(0) if served.refusals else None
            status, body = (refused[0], {}) if refused else served.answer(self.headers["Authorization"], self.path)
            self.send_response(status)
            if refused and refused[1]:
                self.send_header("Retry-After", refused[1])
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    shutil.copy(SCRIPT, worker.root / "pipelines")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}/api/engine/public/"
        worker.env["SOURCES__ORCHESTRA_METADATA__BASE_URL"] = served.url
        worker.env["SOURCES__ORCHESTRA_METADATA__API_KEY"] = KEY
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def ids(worker: Worker, table: str) -> list[object]:
    query = f"SELECT id FROM orchestra.{table} ORDER BY created_at"
    return [row[0] for row in worker.ask(query, "orchestra_metadata.duckdb")]


def test_the_first_load_brings_all_pages_of_the_last_seven_days(worker: Worker, api: MetadataApi) -> None:
    for number in range(230):
        api.add("task_runs", number, days_ago=6 - number / 100)
    api.add("pipeline_runs", 1, days_ago=8)
    api.add("pipeline_runs", 2, days_ago=1)
    api.add("operations", 1, days_ago=1)

    done = worker.load(script=f"pipelines/{SCRIPT.name}")

    assert done.returncode == 0, done.stderr
    assert len(ids(worker, "task_runs")) == 230
    assert ids(worker, "pipeline_runs") == ["pipeline_runs-2"]
    assert ids(worker, "operations") == ["operations-1"]


def test_the_next_load_goes_on_there_and_brings_what_has_changed(worker: Worker, api: MetadataApi) -> None:
    api.add("pipeline_runs", 1, days_ago=3)
    api.add("pipeline_runs", 2, days_ago=0.1, status="RUNNING")
    worker.load(script=f"pipelines/{SCRIPT.name}")
    shutil.rmtree(worker.disk)
    api.asked.clear()

    api.add("pipeline_runs", 2, days_ago=0.1)
    done = worker.load(script=f"pipelines/{SCRIPT.name}")

    assert done.returncode == 0, done.stderr
    assert all(NOW - timedelta(days=1, minutes=1) < start for _, start, _ in api.asked)
    rows = worker.ask("SELECT id, run_status FROM orchestra.pipeline_runs ORDER BY 1", "orchestra_metadata.duckdb")
    assert rows == [("pipeline_runs-1", "SUCCEEDED"), ("pipeline_runs-2", "SUCCEEDED")]


def test_more_than_seven_days_are_asked_for_in_windows(worker: Worker, api: MetadataApi) -> None:
    api.add("task_runs", 1, days_ago=20)

    done = worker.load(
        "--streams=task_runs",
        script=f"pipelines/{SCRIPT.name}",
        SOURCES__ORCHESTRA_METADATA__START_DATE=f"{NOW - timedelta(days=22):%Y-%m-%d}",
    )

    assert done.returncode == 0, done.stderr
    assert [table for table, _, _ in api.asked] == ["task_runs"] * 4
    assert ids(worker, "task_runs") == ["task_runs-1"]


def test_a_wrong_key_fails_the_script(worker: Worker, api: MetadataApi) -> None:
    done = worker.load(script=f"pipelines/{SCRIPT.name}", SOURCES__ORCHESTRA_METADATA__API_KEY="wrong")

    assert done.returncode == 1
    assert "401" in done.stderr
    assert "wrong" not in done.stderr


def test_no_key_is_a_mistake_that_is_named(worker: Worker, api: MetadataApi) -> None:
    del worker.env["SOURCES__ORCHESTRA_METADATA__API_KEY"]

    done = worker.load(script=f"pipelines/{SCRIPT.name}")

    assert done.returncode == 2
    assert "api_key" in done.stderr


def test_an_api_that_is_busy_now_and_then_is_asked_again_when_it_says(worker: Worker, api: MetadataApi) -> None:
    for number in range(130):
        api.add("task_runs", number, days_ago=6 - number / 100)
    api.refusals = [(429, "1"), (503, ""), (500, "")]

    done = worker.load("--streams=task_runs", script=f"pipelines/{SCRIPT.name}", **HASTE)

    assert done.returncode == 0, done.stderr
    assert len(ids(worker, "task_runs")) == 130
    assert api.times[1] - api.times[0] >= 1


def test_an_api_that_stays_down_fails_the_script_and_the_next_load_has_all(
    worker: Worker, api: MetadataApi
) -> None:
    api.add("pipeline_runs", 1, days_ago=1)
    api.add("operations", 1, days_ago=1)
    api.refusals = [(503, "")] * 100

    down = worker.load(script=f"pipelines/{SCRIPT.name}", **HASTE)
    api.refusals = []
    up = worker.load(script=f"pipelines/{SCRIPT.name}")

    assert down.returncode == 1
    assert "503" in down.stderr
    assert up.returncode == 0, up.stderr
    assert ids(worker, "pipeline_runs") == ["pipeline_runs-1"]
    assert ids(worker, "operations") == ["operations-1"]


@pytest.mark.parametrize("page", [1, 2], ids=["the first", "one in the middle"])
def test_an_empty_page_does_not_end_a_window(worker: Worker, api: MetadataApi, page: int) -> None:
    for number in range(230):
        api.add("task_runs", number, days_ago=13 - number / 20)
    api.empty_page = page

    done = worker.load(
        "--streams=task_runs",
        script=f"pipelines/{SCRIPT.name}",
        SOURCES__ORCHESTRA_METADATA__START_DATE=(NOW - timedelta(days=13.5)).isoformat(),
    )

    assert done.returncode == 0, done.stderr
    assert len(api.asked) == 2
    assert len(ids(worker, "task_runs")) == 230


SPOILED: dict[str, tuple[Callable[[dict[str, object]], object], str]] = {
    "no rows": (lambda _: {"message": "try again"}, "without `results`"),
    "null for rows": (lambda answer: {**answer, "results": None}, "without `results`"),
    "no count": (lambda answer: {"results": answer["results"]}, "`total`"),
    "fewer rows than counted": (lambda answer: {**answer, "total": 131}, "130 of 131 rows"),
    "the same page again and again": (lambda answer: {**answer, "results": [{"id": 1}]}, "1 of 130 rows"),
}


@pytest.mark.parametrize(("spoils", "reason"), SPOILED.values(), ids=SPOILED)
def test_an_answer_that_is_not_whole_fails_the_script_and_nothing_is_loaded(
    worker: Worker, api: MetadataApi, spoils: Callable[[dict[str, object]], object], reason: str
) -> None:
    for number in range(130):
        api.add("task_runs", number, days_ago=6 - number / 100)
    api.spoils = spoils

    done = worker.load("--streams=task_runs", script=f"pipelines/{SCRIPT.name}")

    assert done.returncode == 1
    assert reason in done.stderr
    assert not (worker.root / "orchestra_metadata_task_runs.duckdb").exists()
