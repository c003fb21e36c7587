"""What a run did is written beside its log, said, kept for the caller, and loaded on request; also if it failed."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import LoadInfo, PipelineContext
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_singer.progress
from dlt_singer import last_summaries, reservoir, run
from dlt_singer._types import JSON
from dlt_singer.progress import Reading
from dlt_singer.testing import CRASH, NOISE, STDERR, WAIT, FakeTap, Step, Table, record, schema, state

SECRET = "hunter2"
CONTENT = "Jane Roe"
TYPES: dict[str, JSON] = {"id": "integer", "name": "string", "at": {"type": "string", "format": "date"}}
PEOPLE: list[dict[str, JSON]] = [
    {"id": number, "name": CONTENT, "at": f"2024-01-{number:02}"} for number in range(1, 11)
]
USERS = Table("users", PEOPLE, TYPES, ["id"], "at")
LOGS = Table("logs", [{"at": "2024-01-01"}, {"at": "2024-01-02"}], {"at": TYPES["at"]}, (), "at")
TAGS = schema("tags", {"id": "integer", "tags": {"type": "array", "items": {"type": "string"}}}, ["id"])
Sql = Callable[[str], list[tuple[object, ...]]]


def written(root: Path) -> dict[str, Any]:
    """Return the newest summary beside the logs."""
    files = sorted((root / ".alto" / "logs").rglob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    found: dict[str, Any] = json.loads(files[-1].read_text())
    return found


def metric(kind: str, name: str, value: float) -> Step:
    point = {"type": kind, "metric": name, "value": value, "tags": {"stream": "users"}}
    return STDERR(f"2026-01-01 00:00:00,000 | INFO     | singer_sdk.metrics | METRIC: {json.dumps(point)}")


def test_a_run_sums_up_each_stream_from_bookmark_to_bookmark(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(USERS, LOGS)
    run(pipeline, tap.source())
    more: list[dict[str, JSON]] = [*PEOPLE, {"id": 11, "name": CONTENT, "at": "2024-02-01"}]
    tap.emits(Table("users", more, TYPES, ["id"], "at"), LOGS)

    run(pipeline, tap.source())

    (summary,) = last_summaries(pipeline)
    users, logs = summary.streams
    assert (users.rows_read, users.rows_handed, users.rows_known) == (2, 2, 0)
    assert (users.bookmark_from, users.bookmark_to) == ("2024-01-10", "2024-02-01")
    assert (users.table, users.written_by, users.complete) == ("users", "merge", True)
    assert users.bytes_read > 100
    assert (logs.rows_read, logs.rows_handed, logs.rows_known, logs.written_by) == (1, 0, 1, "append")
    assert summary.load is not None
    assert summary.load.rows == {"users": 2}
    assert (summary.load.new_tables, summary.load.new_columns) == ((), {})


def test_the_load_says_which_tables_and_columns_are_new(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(TAGS, record("tags", id=1, tags=["a", "b"]))
    run(pipeline, tap.source())
    (first,) = last_summaries(pipeline)
    wider = schema(
        "tags", {"id": "integer", "more": "string", "tags": {"type": "array", "items": {"type": "string"}}}
    )
    tap.emits(wider, record("tags", id=2, more="x", tags=["c"]))

    run(pipeline, tap.source())

    (second,) = last_summaries(pipeline)
    assert first.load is not None
    assert second.load is not None
    assert (first.load.rows, first.load.new_tables) == ({"tags": 1, "tags__tags": 2}, ("tags", "tags__tags"))
    assert (second.load.new_tables, second.load.new_columns) == ((), {"tags": ("more",)})


@pytest.mark.usefixtures("batches_of_two")
def test_clean_batches_are_all_arrow(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.configure(backend="auto").emits(USERS)

    run(pipeline, tap.source())

    (users,) = last_summaries(pipeline)[0].streams
    assert (users.arrow_batches, users.row_batches, users.rows_reason) == (5, 0, None)


@pytest.mark.usefixtures("batches_of_two")
def test_a_batch_that_is_not_exact_as_arrow_says_why(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    people: list[dict[str, JSON]] = [
        {**each, "id": f"{each['id']}" if each["id"] == 3 else each["id"]} for each in PEOPLE
    ]
    tap.configure(backend="auto").emits(Table("users", people, TYPES, ["id"], "at"))

    run(pipeline, tap.source())

    (users,) = last_summaries(pipeline)[0].streams
    assert users.arrow_batches + users.row_batches == 5
    assert users.row_batches >= 1
    assert "'id'" in str(users.rows_reason)
    assert CONTENT not in str(users.rows_reason)


def test_stray_lines_metrics_and_the_taps_end_are_in_it(
    tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    timers = [metric("timer", "http_request_duration", value) for value in (0.5, 0.25)]
    tap.emits(NOISE("hello"), NOISE(CONTENT), *timers, metric("counter", "record_count", 10), USERS)

    run(pipeline, tap.source())

    (process,) = last_summaries(pipeline)[0].processes
    assert (process.exit_code, process.stray_lines) == (0, 2)
    assert 0 < process.waiting_seconds <= process.seconds
    assert [(each.name, each.points, each.total) for each in process.metrics] == [
        ("http_request_duration", 2, 0.75),
        ("record_count", 1, 10.0),
    ]
    assert "METRIC" in (tmp_path / str(process.log)).read_text()


@pytest.mark.parametrize("how", ["run", "pipeline.run"], ids=["by dlt_singer.run", "by dlt alone"])
def test_it_is_written_beside_the_log(how: str, tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    tap.emits(STDERR("INFO here"), USERS)

    _ = run(pipeline, tap.source()) if how == "run" else pipeline.run(tap.source())

    summary = written(tmp_path)
    (process,) = summary["processes"]
    assert Path(process["log"]).stem == summary["id"]
    assert (summary["tap"], summary["pipeline"], summary["result"]) == ("tap-fake", "stories", "ok")
    assert summary["streams"][0]["rows_read"] == 10
    assert (summary["load"] is None) == (how == "pipeline.run")
    assert CONTENT not in json.dumps(summary)


def test_it_is_written_to_the_store_too(tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    (tmp_path / "alto.local.yaml").write_text(f"default:\n  storage_url: {tmp_path / 'bucket'}\n")
    tap.emits(STDERR("INFO here"), USERS)

    run(pipeline, tap.source())

    (file,) = (tmp_path / "bucket" / "logs" / "default").glob("*.json")
    assert json.loads(file.read_text()) == written(tmp_path)
    assert file.with_suffix(".log").exists()


@pytest.mark.parametrize("how", ["run", "pipeline.run"], ids=["by dlt_singer.run", "by dlt alone"])
def test_a_failed_run_has_one_with_its_reason_and_no_secret(
    how: str, tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    tap.configure(config={"api_key": SECRET})
    tap.emits(USERS, STDERR(f"CRITICAL the key {SECRET} is refused"), CRASH(3))

    with pytest.raises(PipelineStepFailed):
        _ = run(pipeline, tap.source()) if how == "run" else pipeline.run(tap.source())

    summary = written(tmp_path)
    (users,) = summary["streams"]
    assert summary["result"] == "failed"
    assert summary["reason"] == "tap-fake ended with exit code 3: CRITICAL the key *** is refused"
    assert summary["processes"][0]["exit_code"] == 3
    assert users["rows_read"] == 10
    assert users["bookmark_to"] is None, "nothing was committed"
    assert SECRET not in json.dumps(summary)
    assert last_summaries(pipeline)[0].result == "failed"


def test_a_load_that_fails_is_named_without_what_it_quotes(
    tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap.emits(USERS)

    def refuse(*_: object, **__: object) -> LoadInfo:
        raise PipelineStepFailed(pipeline, "load", "1", ValueError(CONTENT))

    monkeypatch.setattr(type(pipeline), "load", refuse)

    with pytest.raises(PipelineStepFailed):
        run(pipeline, tap.source())

    assert (written(tmp_path)["result"], written(tmp_path)["reason"]) == ("failed", "load: ValueError")


def test_a_load_that_is_interrupted_is_summed_up_as_a_failure(
    tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap.emits(USERS)

    def interrupt(*_: object, **__: object) -> LoadInfo:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(pipeline), "load", interrupt)

    with pytest.raises(KeyboardInterrupt):
        run(pipeline, tap.source())

    assert (written(tmp_path)["result"], written(tmp_path)["reason"]) == ("failed", "KeyboardInterrupt")


def test_a_run_that_a_limit_ends_is_no_failure(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(USERS, LOGS)

    run(pipeline, tap.source().add_limit(1))

    (summary,) = last_summaries(pipeline)
    assert (summary.result, summary.reason) == ("ok", None)
    assert {stream.complete for stream in summary.streams} <= {True, False}


def test_a_skipped_stream_is_in_it(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(USERS, extra_streams=[LOGS])

    run(pipeline, tap.source())

    (summary,) = last_summaries(pipeline)
    assert {each.stream: each.written_by for each in summary.streams} == {"logs": None, "users": "merge"}


def test_a_run_is_summed_up_on_the_screen(
    tap: FakeTap, pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dlt_singer")
    tap.emits(USERS)

    run(pipeline, tap.source())

    (said,) = [message for message in caplog.messages if "written by" in message]
    shown = re.sub(r"\d+\.\d s", "1.0 s", said)
    assert shown.splitlines() == [
        "tap-fake: 10 rows (990 B), 1 stream, 1.0 s (1.0 s for the tap)",
        "  stream  read  loaded  written by  bookmark",
        "  users     10      10  merge       2024-01-10",
        "  new tables: users",
    ]


def test_runs_are_loaded_as_a_table_on_request(
    tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    tap.emits(USERS, LOGS)

    first = run(pipeline, tap.source(), summary_table=True, summary=False)
    trace = pipeline.last_trace
    tap.configure(summary_table=True).emits(USERS, CRASH(4))
    with pytest.raises(PipelineStepFailed):
        run(pipeline, tap.source(), summary=False)

    assert sql("SELECT load_id FROM _singer_runs WHERE result = 'ok'") == [(first.loads_ids[0],)]
    runs = sql("SELECT tap, result, exit_code, rows_read FROM _singer_runs ORDER BY started_at")
    assert runs == [("tap-fake", "ok", 0, 12), ("tap-fake", "failed", 4, 1)]
    streams = sql("SELECT stream, rows_loaded FROM _singer_runs__streams WHERE rows_loaded IS NOT NULL ORDER BY 1")
    assert streams == [("logs", 2), ("users", 10)]
    # The load of it is nobody's business.
    info = trace.last_normalize_info if trace is not None else None
    assert info is not None
    assert info.row_counts["users"] == 10
    assert pipeline.default_schema_name == "tap_fake"
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": "2024-01-10"}}}
    assert [each for each in caplog.messages if "_singer_runs" in each or "written by" in each] == []


def test_a_replay_is_summed_up(tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    tap.emits(USERS)
    run(pipeline, tap.source(reservoir=True))
    copy = dlt.pipeline("copy", destination="duckdb", dataset_name="raw")

    run(copy, reservoir("tap-fake", project_dir=tmp_path))

    (summary,) = last_summaries(copy)
    assert (summary.origin, summary.rows_read, summary.processes) == ("reservoir", 10, ())
    assert written(tmp_path)["pipeline"] == "copy"


def test_looking_at_rows_writes_nothing(tap: FakeTap, tmp_path: Path) -> None:
    # The pipeline of another story would lend its bookmarks.
    Container()[PipelineContext].deactivate()
    tap.emits(USERS)

    assert len(list(tap.source())) == 10

    assert list((tmp_path / ".alto").rglob("logs/*/*.json")) == []


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the lines of progress."""
    said: list[str] = []
    monkeypatch.setattr(dlt_singer.progress, "announce", said.append)
    return said


def test_a_run_that_takes_long_says_how_far_it_is(tap: FakeTap, pipeline: dlt.Pipeline, lines: list[str]) -> None:
    tap.configure(progress_s=0.001).emits(USERS)

    run(pipeline, tap.source())

    assert lines
    assert {line.partition(":")[0] for line in lines} == {"tap-fake"}


@pytest.mark.parametrize("off", ["key", "dlt"], ids=["switched off", "dlt shows it"])
def test_nothing_is_shown_if_somebody_else_does_or_nobody_wants_it(
    off: str, tap: FakeTap, own_directories: None, lines: list[str]
) -> None:
    tap.configure(progress_s=0.001, **({"progress": False} if off == "key" else {})).emits(USERS)
    progress: Any = "log" if off == "dlt" else None
    pipeline = dlt.pipeline("quiet", destination="duckdb", dataset_name="raw", progress=progress)

    run(pipeline, tap.source())

    assert lines == []


LOAD = """
import logging, dlt, dlt_singer
logging.basicConfig(level="INFO", format="%(levelname)s %(message)s")
logging.getLogger("dlt_singer").setLevel("INFO")
pipeline = dlt.pipeline("p", destination="duckdb", dataset_name="raw")
dlt_singer.run(pipeline, dlt_singer.singer("tap-fake", project_dir="."))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_terminal_shows_a_table_that_is_gone_at_the_end(tap: FakeTap, tmp_path: Path) -> None:
    tap.emits(USERS, STDERR("WARNING slow down"), WAIT(1), LOGS)
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen([sys.executable, "-c", LOAD], cwd=tmp_path, env=environ, stdout=theirs, stderr=theirs):
        os.close(theirs)
        shown = b"".join(_until_closed(ours)).decode()

    assert "rows/s" in shown
    assert "\x1b[?25h" in shown.rpartition("rows/s")[2], "the cursor is back"
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip() for line in re.split(r"[\r\n]+", shown)]
    assert "WARNING tap-fake: WARNING slow down" in lines
    assert "users     10      10  merge       2024-01-10" in lines


def _until_closed(terminal: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(terminal, 1 << 16):
            yield chunk
    except OSError:
        os.close(terminal)  # Linux says so when the last writer is gone


def test_a_reading_is_of_what_has_come(
    tap: FakeTap, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Callable[[], Reading]] = []
    monkeypatch.setattr("dlt_singer.source.extract.watch", lambda take, *_: taken.append(take))
    tap.emits(USERS, LOGS, state({"bookmarks": {"users": "2024-03-01", "logs": "2024-03-02"}}))

    run(pipeline, tap.source())

    reading = taken[0]()
    assert (reading.name, reading.rows, reading.done) == ("tap-fake", 12, 2)
    assert [stream.bookmark for stream in reading.streams] == ["2024-03-01", "2024-03-02"]
