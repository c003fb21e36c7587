"""A fake tap does, as a process of its own, what its script says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import dlt
import pytest
import yaml

from dlt_singer.config import load_project
from dlt_singer.messages import Line, parse_line
from dlt_singer.process import Command, GuardedProcess
from dlt_singer.testing import (
    CRASH,
    CUT,
    DEAF,
    HANG,
    NOISE,
    ORPHAN,
    SIGNAL,
    STDERR,
    FakeTap,
    Step,
    Table,
    activate_version,
    record,
    repeat,
    schema,
    singer_state,
    state,
)

PATIENCE_S = 20.0
USERS = schema("users", {"id": "integer"}, ["id"])


@pytest.fixture
def tap(tmp_path: Path) -> FakeTap:
    return FakeTap(tmp_path)


class Played:
    """What a call of a fake tap printed, and how it ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr

    @property
    def messages(self) -> list[Any]:
        return [json.loads(line) for line in self.stdout.splitlines()]


def play(tap: FakeTap, *flags: str, **documents: object) -> Played:
    arguments = [*flags]
    for option, document in documents.items():
        file = tap.project_dir / f"{option}.json"
        file.write_text(json.dumps(document))
        arguments += [f"--{option}", str(file)]
    done = subprocess.run([*argv(tap), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    return Played(done)


def argv(tap: FakeTap) -> tuple[str, ...]:
    return load_project(tap.project_dir).tap(tap.name).argv


# --- messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (record("users", stream="s"), {"type": "RECORD", "stream": "users", "record": {"stream": "s"}}),
        (record("users", version=2), {"type": "RECORD", "stream": "users", "record": {}, "version": 2}),
        (state({"a": 1}), {"type": "STATE", "value": {"a": 1}}),
        (activate_version("users", 3), {"type": "ACTIVATE_VERSION", "stream": "users", "version": 3}),
        (
            USERS,
            {
                "type": "SCHEMA", "stream": "users", "key_properties": ["id"],
                "schema": {"type": "object", "properties": {"id": {"type": ["integer", "null"]}}},
            },
        ),
    ],
    ids=["record", "versioned record", "state", "activate_version", "schema"],
)  # fmt: skip
def test_a_message_is_printed_as_singer_has_it(tap: FakeTap, step: Step, message: object) -> None:
    played = play(tap.emits(step))

    parsed: Line = parse_line(played.stdout.encode())
    assert played.messages == [message]
    assert parsed
    assert played.code == 0


def test_a_message_is_repeated_with_its_number(tap: FakeTap) -> None:
    played = play(tap.emits(repeat(3, record("users", id="$n", text="$no"))))

    assert [each["record"] for each in played.messages] == [{"id": n, "text": "$no"} for n in range(3)]


def test_the_catalog_has_the_streams_of_the_script_sent_or_not(tap: FakeTap) -> None:
    orders = schema("orders", {"at": {"type": "string"}}, replication_method="INCREMENTAL", replication_key="at")
    tap.emits(USERS, USERS, CRASH(1), extra_streams=[orders])

    played = play(tap, "--discover")

    users, silent = played.messages[0]["streams"]
    assert (users["tap_stream_id"], silent["tap_stream_id"]) == ("users", "orders")
    assert users["metadata"][0]["metadata"]["table-key-properties"] == ["id"]
    assert silent["schema"]["properties"] == {"at": {"type": "string"}}
    assert silent["metadata"][0]["metadata"]["replication-method"] == "INCREMENTAL"
    assert silent["metadata"][0]["metadata"]["replication-key"] == "at"
    assert "orders" not in play(tap).stdout


# --- troubles ----------------------------------------------------------------------------------------------------


def test_a_crash_ends_it_with_its_code_after_what_stands_before(tap: FakeTap) -> None:
    played = play(tap.emits(state(1), CRASH(7), state(2)))

    assert (played.code, [each["value"] for each in played.messages]) == (7, [1])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV], ids=str)
def test_a_signal_ends_it_after_what_stands_before(tap: FakeTap, number: signal.Signals) -> None:
    played = play(tap.emits(state(1), SIGNAL(number), state(2)))

    assert (played.code, len(played.messages)) == (-number, 1)


def test_noise_stderr_and_a_cut_line_come_as_they_are(tap: FakeTap) -> None:
    played = play(tap.emits(NOISE("hello"), STDERR("ERROR oops"), CUT('{"type": "REC')))

    assert played.stdout == 'hello\n{"type": "REC'
    assert played.stderr == "ERROR oops\n"
    assert played.code == 0


def test_a_hanging_tap_says_what_it_has_and_does_not_end(tap: FakeTap) -> None:
    tap.emits(state(1), HANG, state(2))
    process = GuardedProcess(Command(argv(tap), {}, tap.project_dir), print)

    said, more = process.read(PATIENCE_S), process.read(0.3)
    process.stop()

    assert (json.loads(said or b""), more) == ({"type": "STATE", "value": 1}, None)
    assert process.wait() == -signal.SIGTERM


def test_a_deaf_tap_is_not_ended_by_sigterm(tap: FakeTap) -> None:
    tap.emits(DEAF, state(1), HANG)
    process = GuardedProcess(Command(argv(tap), {}, tap.project_dir, grace_s=0.2), print)

    process.read(PATIENCE_S)
    process.stop()

    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("own_session", [False, True])
def test_an_orphan_keeps_stdout_open_after_the_taps_end(tap: FakeTap, *, own_session: bool) -> None:
    tap.emits(ORPHAN(own_session=own_session), CRASH(0))
    process = subprocess.Popen(argv(tap), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    try:
        assert process.wait(PATIENCE_S) == 0
        os.set_blocking(process.stdout.fileno(), False)
        assert process.stdout.read() is None
    finally:
        for pid in holders(os.fstat(process.stdout.fileno()).st_ino):
            os.kill(pid, signal.SIGKILL)
        process.stdout.close()


def holders(pipe: int) -> list[int]:
    """Return the other processes that have a pipe as their stdout."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            ours = (entry / "fd" / "1").readlink() == Path(f"pipe:[{pipe}]")
        except OSError:
            continue
        if ours and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


# --- tables ------------------------------------------------------------------------------------------------------


ROWS = [{"id": number} for number in range(1, 5)]


def ids(played: Played) -> list[int]:
    return [each["record"]["id"] for each in played.messages if each["type"] == "RECORD"]


@pytest.mark.parametrize(
    ("shape", "before", "after"),
    [
        ("bookmarks", {"bookmarks": {"users": {"value": 3}}}, {"bookmarks": {"users": {"value": 4}}}),
        ("top", {"users": 3}, {"users": 4}),
        ("opaque", {"cursor": 3}, {"cursor": 4}),
    ],
)
def test_a_table_is_synced_from_its_bookmark_on_inclusive(
    tap: FakeTap,
    shape: Literal["bookmarks", "top", "opaque"],
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    tap.emits(Table("users", ROWS, {"id": "integer"}, ["id"], "id", shape))

    played = play(tap, state={**before, "other": 1})

    assert [each["type"] for each in played.messages] == ["SCHEMA", "RECORD", "RECORD", "STATE"]
    assert ids(played) == [3, 4]
    assert played.messages[-1]["value"] == {**after, "other": 1}


def test_a_table_without_bookmark_is_synced_whole_with_states_on_the_way(tap: FakeTap) -> None:
    tap.emits(Table("users", ROWS, {"id": "integer"}, ["id"], "id", state_every=3))

    played = play(tap)

    states = [each["value"]["bookmarks"]["users"]["value"] for each in played.messages if each["type"] == "STATE"]
    assert (ids(played), states) == ([1, 2, 3, 4], [3, 4])


def test_a_full_table_is_synced_whole_whatever_the_state(tap: FakeTap) -> None:
    tap.emits(Table("users", ROWS, {"id": "integer"}))

    assert ids(play(tap, state={"bookmarks": {"users": {"value": 3}}})) == [1, 2, 3, 4]


def test_a_table_that_the_catalog_leaves_out_is_not_synced(tap: FakeTap) -> None:
    tap.emits(Table("users", ROWS, {"id": "integer"}), Table("orders", [], {"id": "integer"}))

    played = play(tap, catalog={"streams": [{"tap_stream_id": "orders"}]})

    assert {each.get("stream") for each in played.messages} == {"orders", None}


# --- a project ---------------------------------------------------------------------------------------------------


def test_several_taps_share_a_project_and_take_keys_of_it(tmp_path: Path) -> None:
    FakeTap(tmp_path, "tap-a", {"select": ["users.*"]}).configure(deletes="hard")
    FakeTap(tmp_path, "tap-b")

    project = load_project(tmp_path)

    assert list(project.taps) == ["tap-a", "tap-b"]
    assert (project.tap("tap-a").select, project.tap("tap-a").deletes) == (("users.*",), "hard")


def test_what_else_stands_in_the_project_file_stays(tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").write_text("default: {load_path: raw}\nprod: {load_path: live}\n")

    FakeTap(tmp_path)

    written = yaml.safe_load((tmp_path / "alto.yaml").read_text())
    assert (written["default"]["load_path"], written["prod"]) == ("raw", {"load_path": "live"})


def test_calls_are_noted_with_all_they_were_given(tap: FakeTap) -> None:
    assert tap.calls == []

    play(tap, "--discover", config={"a": 1})
    play(tap, config={"a": 2}, state={"b": 3})

    discovery, sync = tap.calls
    assert (discovery["argv"][0], discovery["config"]) == ("--discover", {"a": 1})
    assert (sync["config"], sync["state"], "catalog" in sync) == ({"a": 2}, {"b": 3}, False)
    assert tap.syncs == [sync]


def test_a_source_of_it_loads_and_its_state_can_be_read(
    tap: FakeTap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("DLT_LOCAL_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    tap.emits(USERS, record("users", id=1), state({"bookmarks": {"users": {"id": 1}}}))
    pipeline = dlt.pipeline("testing", destination="duckdb", dataset_name="raw")
    assert singer_state(pipeline) is None

    pipeline.run(tap.source())

    assert singer_state(pipeline) == {"bookmarks": {"users": {"id": 1}}}
    assert [call["catalog"]["streams"][0]["tap_stream_id"] for call in tap.syncs] == ["users"]
