"""What a run did, in words and as JSON; and what a tap measured, whatever the form of its log."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.summary import (
    LoadSummary,
    Metric,
    Metrics,
    ProcessSummary,
    RunSummary,
    StreamSummary,
    bookmark_words,
    document,
    text,
)
from dlt_singer.summary.words import byte_words

SCREENS = Path(__file__).parents[1] / "cases" / "summaries"
MIDNIGHT = "T00:00:00.000000+00:00"
POINT = {"type": "timer", "metric": "http_request_duration", "value": 0.25, "tags": {"stream": "users"}}
COUNT = {"type": "counter", "metric": "record_count", "value": 5, "tags": {"stream": "users", "context": {"id": 7}}}
USERS = StreamSummary(
    "users", "users", "merge", rows_read=12_345, rows_handed=12_345, bytes_read=3_400_000, arrow_batches=3,
    bookmark_from="2024-01-01", bookmark_to="2024-02-01", complete=True,
)  # fmt: skip
LOGS = StreamSummary(
    "logs", "logs", "append", rows_read=10, rows_handed=7, rows_known=3, bytes_read=900, row_batches=1
)
SHORT = RunSummary(
    "tap-x-20260101T000000Z-0123abcd", "tap-x", "default", "2026-01-01T00:00:00Z", seconds=61.2,
    streams=(USERS, LOGS),
    processes=(ProcessSummary("tap-x.log", 0, 60.0, 50.0),),
)  # fmt: skip
FULL = replace(
    SHORT,
    streams=(
        replace(USERS, bookmark_from=f"2024-01-01{MIDNIGHT}", bookmark_to=f"2024-02-01{MIDNIGHT}"),
        replace(LOGS, rows_reason="a step of the resource takes rows"),
        StreamSummary("a_stream_with_a_rather_long_name"),
    ),
    processes=(
        ProcessSummary(
            "tap-x.log", 0, 60.0, 50.0, 2,
            (
                Metric("http_request_count", "counter", "users", 1, 12.0, 12.0),
                Metric("http_request_duration", "timer", "users", 8, 2.5, 0.9, 1),
                Metric("http_request_duration", "timer", "logs", 4, 0.5, 0.2),
                Metric("record_count", "counter", "users", 1, 12345.0, 12345.0),
            ),
        ),
    ),
    load=LoadSummary(75.0, {"users": 12_345, "logs": 7}, ("logs",), {"users": ("email", "phone")}),
)  # fmt: skip
FAILED = replace(
    SHORT, result="failed", reason="tap-x ended with exit code 1.", streams=(replace(USERS, table=None),)
)
MANY = replace(
    SHORT, streams=tuple(StreamSummary(f"stream_{n}", f"stream_{n}", "replace", rows_read=n) for n in range(1000))
)


@pytest.mark.parametrize(
    ("name", "summary", "width"),
    [
        ("short", SHORT, 80),
        ("full", FULL, 80),
        ("narrow", FULL, 70),
        ("failed", FAILED, 80),
        ("many", MANY, 80),
        ("replayed", replace(SHORT, origin="reservoir", processes=()), 80),
    ],
    ids=["an extract alone", "all there is to say", "little room", "a failure", "a thousand streams", "a replay"],
)
def test_a_summary_reads_well(name: str, summary: RunSummary, width: int, request: pytest.FixtureRequest) -> None:
    file = SCREENS / f"{name}.txt"

    shown = f"{text(summary, width)}\n"

    if request.config.getoption("--update-golden"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")
    assert max(map(len, shown.splitlines())) <= width


def test_what_a_tap_has_counted_is_shown_as_a_number() -> None:
    metrics = (Metric("cache_hits", "counter", "users", 3, 1234.0, 1000.0, 2),)

    shown = text(replace(SHORT, processes=(ProcessSummary("tap-x.log", 0, 60.0, 50.0, 0, metrics),)), 80)

    assert "cache_hits: 1,234, 2 failed" in shown


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999.96, "1.0 kB"), (1_234_567, "1.2 MB"), (2e12, "2.0 TB"), (3e15, "3,000.0 TB")],
)
def test_a_number_of_bytes_is_told_in_its_unit_up_to_terabytes(size: float, words: str) -> None:
    assert byte_words(size) == words


def test_the_document_is_json_with_a_version_and_totals() -> None:
    whole = json.loads(json.dumps(document(FULL)))

    assert whole["version"] == 1
    assert whole["totals"] == {
        "rows_read": 12_355,
        "bytes_read": 3_400_900,
        "waiting_seconds": 50.0,
        "stray_lines": 2,
    }
    assert whole["load"]["new_columns"] == {"users": ["email", "phone"]}
    assert whole["processes"][0]["metrics"][1]["failed"] == 1


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"2026-01-01 | INFO | singer_sdk | METRIC: {json.dumps(POINT)}", [("http_request_duration", 0.25)]),
        (f"INFO METRIC: {json.dumps(COUNT)}", [("record_count", 5)]),
        (json.dumps({"level": "info", "message": "METRIC", "metric_info": COUNT}), [("record_count", 5)]),
        (json.dumps({"level": "info", "message": f"METRIC: {json.dumps(COUNT)}"}), [("record_count", 5)]),
        ("INFO METRIC: {broken", []),
        ('INFO METRIC: {"type": "counter", "metric": "a", "value": NaN}', []),
        ('INFO METRIC: {"type": "counter", "metric": "a", "value": true}', []),
        ('INFO METRIC: {"type": "counter", "metric": 1, "value": 1}', []),
        ('INFO METRIC: {"type": "history", "metric": "a", "value": 1}', []),
        ("INFO METRIC: []", []),
        ("INFO METRIC", []),
        ("INFO all is well", []),
    ],
    ids=[
        "singer-sdk", "singer-python", "structured", "structured by others", "broken", "no number", "a flag",
        "no name", "another kind", "no object", "nothing", "no metric",
    ],
)  # fmt: skip
def test_a_metric_is_read_in_whatever_form_it_is_logged(line: str, found: list[tuple[str, float]]) -> None:
    metrics = Metrics()

    metrics.read(line)

    assert [(metric.name, metric.total) for metric in metrics.found] == found


def test_metrics_of_a_stream_are_added_up() -> None:
    metrics = Metrics()

    for value, status in ((0.1, "succeeded"), (0.5, "failed"), (0.2, "succeeded")):
        tags = {"stream": "users", "status": status, "endpoint": "/users/secret"}
        metrics.read(f"METRIC: {json.dumps({**POINT, 'value': value, 'tags': tags})}")

    assert metrics.found == (Metric("http_request_duration", "timer", "users", 3, 0.8, 0.5, 1),)


@given(st.text())
def test_no_line_of_a_log_fails_a_run(line: str) -> None:
    metrics = Metrics()

    metrics.read(line)
    metrics.read(f"METRIC {line}")
    metrics.read('{"METRIC": ' + line)

    assert len(metrics.found) <= 1


def test_a_tap_that_makes_up_names_does_not_fill_the_memory() -> None:
    metrics = Metrics()

    for number in range(10_010):
        metrics.read(f"METRIC: {json.dumps({'type': 'counter', 'metric': f'm{number}', 'value': 1})}")

    assert len(metrics.found) == 10_000


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2024-01-01", "2024-01-01"),
        (7, "7"),
        ({"replication_key": "id", "replication_key_value": 7}, "7"),
        ({"updated_at": "2024-01-01"}, "2024-01-01"),
        ({"lsn": 1, "xmin": 2}, '{"lsn": 1, "xmin": 2}'),
        ({"partitions": []}, '{"partitions": []}'),
        ({"updated_at": None}, ""),
        ({}, ""),
        ("x" * 60, "x" * 47 + "…"),
    ],
    ids=[
        "text",
        "number",
        "singer-sdk",
        "one member",
        "any object",
        "a list in one",
        "no value",
        "nothing",
        "too long",
    ],
)
def test_a_bookmark_is_shortened(value: object, words: str) -> None:
    assert bookmark_words(value) == words  # type: ignore[arg-type]  # any JSON
