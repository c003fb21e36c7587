"""A run that could have lost data fails before anything is committed, and says whose fault it was."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer.errors import SingerError, TapExitError, TapProtocolError
from dlt_singer.testing import (
    CRASH,
    CUT,
    HANG,
    NOISE,
    SIGNAL,
    STDERR,
    FakeTap,
    Step,
    record,
    repeat,
    schema,
    singer_state,
    state,
)

Rows = Callable[[str], list[tuple[object, ...]]]
Fails = Callable[[type[SingerError]], AbstractContextManager[Any]]

USERS = schema("users", {"id": "integer", "name": "string"}, ["id"], replication_method="FULL_TABLE")
CONTENT = "Jane Roe, 1 Example Street"
GOOD = [USERS, record("users", id=1, name=CONTENT), state({"bookmarks": {"users": 1}})]
BROKEN_RECORD = NOISE('{"type": "RECORD", "stream": "users", "record": {"id": 2, "name": "' + CONTENT + "}")


@pytest.mark.parametrize(
    "case",
    [
        ([CRASH(1)], TapExitError, ["tap-fake", "exit code 1"]),
        ([SIGNAL(signal.SIGKILL)], TapExitError, ["tap-fake", "SIGKILL"]),
        ([record("users", name=CONTENT)], TapProtocolError, ["'users'", "'id'"]),
        ([record("users", id=None, name=CONTENT)], TapProtocolError, ["'users'", "'id'"]),
        ([NOISE(f"{CONTENT} {number}") for number in range(11)], TapProtocolError, ["tap-fake", "line 14"]),
        ([CUT('{"type": "RECORD", "stream": "users", "rec')], TapProtocolError, ["tap-fake", "middle of line 4"]),
        ([BROKEN_RECORD, *GOOD], TapProtocolError, ["tap-fake", "broken", "line 4"]),
        ([NOISE('{"type": "RECORD", "stream": "users", "record": [1]}')], TapProtocolError, ["users"]),
        ([NOISE('{"type": "STATE"}')], TapProtocolError, ["tap-fake", "STATE"]),
    ],
    ids=[
        "exit code",
        "signal",
        "record without key",
        "record with a null key",
        "too many stray lines",
        "cut last line",
        "broken record",
        "record that is no object",
        "state without value",
    ],
)
def test_a_failed_run_commits_nothing_and_tells_no_content(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails, case: tuple[Sequence[Step], type[SingerError], list[str]]
) -> None:
    trouble, kind, said = case
    tap.emits(*GOOD, *trouble)

    with fails(kind) as failure:
        pipeline.run(tap.source())

    for words in said:
        assert words in failure.text
    assert CONTENT not in failure.text
    assert singer_state(pipeline) is None
    assert not pipeline.has_pending_data


def test_a_record_before_its_schema_fails_and_names_the_stream(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails
) -> None:
    tap.emits(record("users", id=1, name=CONTENT), USERS)

    with fails(TapProtocolError) as failure:
        pipeline.run(tap.source())

    assert "tap-fake sent a RECORD of stream 'users' before its SCHEMA" in failure.text
    assert CONTENT not in failure.text


def test_a_failure_leaves_the_tables_and_the_state_of_the_last_run(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, fails: Fails
) -> None:
    tap.emits(*GOOD)
    pipeline.run(tap.source())

    tap.emits(USERS, record("users", id=2, name="b"), state({"bookmarks": {"users": 2}}), CRASH(3))
    with fails(TapExitError) as failure:
        pipeline.run(tap.source())

    assert failure.error.exit_code == 3
    assert rows("users") == [(1, CONTENT)]
    assert singer_state(pipeline) == {"bookmarks": {"users": 1}}


def test_a_source_whose_run_failed_is_run_again(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, fails: Fails
) -> None:
    source = tap.emits(*GOOD, CRASH(1)).source()
    with fails(TapExitError):
        pipeline.run(source)

    tap.emits(*GOOD)
    pipeline.run(source)

    assert rows("users") == [(1, CONTENT)]


def test_a_few_stray_lines_are_logged_and_let_pass(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dlt_singer")
    lines = ["Connecting ...", "", '{"level": "info", "message": "' + CONTENT + '"}', "Done."]
    tap.emits(*map(NOISE, lines), *GOOD)

    pipeline.run(tap.source())

    assert rows("users") == [(1, CONTENT)]
    assert "'Connecting ...'" in caplog.text
    assert CONTENT not in caplog.text


def test_a_last_line_without_its_end_is_whole_if_it_can_be_read(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(*GOOD, CUT('{"type": "STATE", "value": {"bookmarks": {"users": 2}}}'))

    pipeline.run(tap.source())

    assert singer_state(pipeline) == {"bookmarks": {"users": 2}}


def test_the_last_words_of_the_tap_are_shown_without_its_secrets(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-t0ken-of-the-tap"
    tap.configure(config={"api_token": secret, "nested": {"password": "hunter2hunter2"}})
    tap.emits(*GOOD, STDERR(f"401 for token {secret} and hunter2hunter2"), CRASH(1))

    with fails(TapExitError) as failure:
        pipeline.run(tap.source())

    logs = "".join(file.read_text() for file in (tmp_path / ".alto/logs").rglob("*.log"))
    for text in (failure.text, caplog.text, logs):
        assert secret not in text
        assert "hunter2hunter2" not in text
        assert "401 for token *** and ***" in text


@pytest.mark.usefixtures("batches_of_two")
def test_a_failure_after_thousands_of_rows_ends_every_stream_with_the_same_error(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails
) -> None:
    orders = schema("orders", {"id": "integer"}, ["id"])
    tap.emits(orders, USERS, repeat(50, record("orders", id="$n")), repeat(50, record("users", id="$n")), CRASH(9))

    with fails(TapExitError) as failure:
        pipeline.run(tap.source().parallelize())

    assert failure.error.exit_code == 9


def test_an_error_in_a_users_step_ends_the_tap_and_is_the_one_reported(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    tap.emits(*GOOD)
    source = tap.source()
    source.resources["users"].add_map(lambda row: row["missing"])

    with pytest.raises(PipelineStepFailed) as failure:
        pipeline.run(source)

    assert "missing" in str(failure.value)
    assert singer_state(pipeline) is None


def test_a_failure_of_another_resource_ends_the_tap(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    @dlt.resource
    def broken() -> Iterator[dict[str, int]]:
        while not tap.syncs:
            yield {"id": 1}
        raise ValueError("not the tap's fault")

    source = tap.emits(*GOOD, HANG).source()
    source.resources["broken"] = broken()

    with pytest.raises(PipelineStepFailed, match="not the tap's fault"):
        pipeline.run(source)

    (sync,) = tap.syncs
    assert not Path(f"/proc/{sync['pid']}").exists()
    assert singer_state(pipeline) is None


def test_a_tap_that_cannot_be_started_is_named(tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails) -> None:
    source = tap.emits(*GOOD).source()
    tap.configure(command=["/nowhere/tap-fake"])

    with fails(SingerError) as failure:
        pipeline.run(tap.source(streams=["users"], refresh_catalog=False))

    assert "/nowhere/tap-fake" in failure.text
    assert source.name == "tap_fake"
