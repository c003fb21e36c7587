"""A run's output is all of what the tap said, in order, or the run fails."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlt_singer.errors import MessageError, ProcessError, TapExitError, TapProtocolError, TapTimeoutError
from dlt_singer.messages import Idle, Message, Records, State
from dlt_singer.process import Command, GuardedProcess
from dlt_singer.tap.log import StderrLog
from dlt_singer.tap.run import Patience, TapRun, describe_exit

SECRET = "s3cr3t-v4lue"
STATE = b'{"type": "STATE", "value": {"n": 1}}'


class Played(GuardedProcess):
    """Stands for a process: gives these chunks (None: nothing for a moment), then ends."""

    def __init__(self, chunks: Sequence[bytes | None], code: int = 0, *, lives: bool = False) -> None:
        self._chunks = iter([*(chunk for chunk in chunks if chunk != b""), b""])
        self._code = code
        self._lives = lives
        self.stopped = 0

    def read(self, timeout_s: float) -> bytes | None:  # noqa: ARG002 - it never waits
        return next(self._chunks, b"")

    def ended(self, timeout_s: float) -> bool:  # noqa: ARG002 - it never waits
        return not self._lives

    def wait(self) -> int:
        return self._code

    def stop(self) -> None:
        self.stopped += 1


def run_of(chunks: Sequence[bytes | None], code: int = 0, said: Sequence[str] = ()) -> TapRun:
    log = StderrLog("tap-x", {SECRET}, None)
    for line in said:
        log(line)
    return TapRun("tap-x", Played(chunks, code), log, Path.cwd())


def messages(output: bytes, code: int = 0) -> list[Message]:
    return list(run_of([output], code))


def lines_of(found: Sequence[Message]) -> list[object]:
    """Return messages without saying which records came together."""
    return [each for message in found for each in (message.raws if isinstance(message, Records) else [message])]


@pytest.fixture(autouse=True)
def announcements(caplog: pytest.LogCaptureFixture) -> None:
    """Keep what is announced in `caplog`."""
    caplog.set_level(logging.INFO, "dlt_singer")


def record(number: int) -> bytes:
    return json.dumps(
        {"type": "RECORD", "stream": "users", "record": {"id": number, "text": "ä\\n\n" * 3}}
    ).encode()


@given(st.data())
def test_where_the_output_is_cut_into_chunks_changes_no_message(data: st.DataObject) -> None:
    lines = data.draw(
        st.lists(st.sampled_from([record(1), record(22), STATE, b"", b"  ", b"stray\r"]), max_size=12)
    )
    output = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)), max_size=30)))
    chunks = [output[start:end] for start, end in zip([0, *cuts], [*cuts, len(output)], strict=True)]

    found = list(run_of(chunks))

    assert lines_of(found) == lines_of(messages(output))
    assert len(lines_of(found)) == sum(line.startswith(b"{") for line in lines)


PARTS = st.sampled_from([
    record(1), STATE, b"\n", b"{", b"}", b'"', b"\xff", b"\xef\xbb\xbf", b"\x00", b"NaN", b"\r\n",
    b"[" * 5_000, b'{"a":' * 5_000, b'{"type": "RECORD", "stream": "users", "record": ',
    b'{"type": "SCHEMA", "stream": ', b'"type": "STATE"',
]) | st.binary(max_size=8)  # fmt: skip


@given(st.lists(PARTS, max_size=12).map(b"".join), st.lists(st.integers(0, 200), max_size=8))
@example(record(1) + record(1) + b"\n", [len(record(1))])
def test_any_output_is_messages_or_refused_at_a_line_of_it_however_it_is_cut(
    output: bytes, cuts: list[int]
) -> None:
    def said(chunks: Sequence[bytes]) -> object:
        try:
            # Records are decoded when they are looked at, and refused then.
            return lines_of(list(run_of(chunks)))
        except (TapProtocolError, MessageError) as err:
            return err.reason

    at = sorted(min(cut, len(output)) for cut in cuts)
    chunks = [output[start:end] for start, end in zip([0, *at], [*at, len(output)], strict=True)]

    whole = said([output])

    assert said(chunks) == whole
    if isinstance(whole, str):
        number = re.search(r"line (\d+)", whole)
        assert number is not None
        assert 1 <= int(number[1]) <= output.count(b"\n") + 1


def test_a_moment_without_output_is_idle_and_cuts_nothing() -> None:
    run = run_of([STATE[:5], None, None, STATE[5:] + b"\n", None])

    kinds = [type(message) for message in run]

    assert kinds == [Idle, Idle, State, Idle]


def test_a_record_of_30_megabytes_is_one_message() -> None:
    line = b'{"type": "RECORD", "stream": "s", "record": {"blob": "%s"}}\n' % (b"x" * 30_000_000)

    (message,) = run_of([line[at : at + 65_536] for at in range(0, len(line), 65_536)])

    assert isinstance(message, Records)
    assert len(message.text) > 30_000_000


# --- the last line -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\r\n", b"\n   "], ids=repr)
def test_a_whole_last_line_counts_however_it_ends(end: bytes) -> None:
    assert [type(message) for message in messages(STATE + end)] == [State]


@pytest.mark.parametrize("kept", [1, 10, len(STATE) - 1], ids=["brace", "half", "all but one"])
def test_a_cut_last_line_fails_the_run_and_is_named(kept: int) -> None:
    with pytest.raises(TapProtocolError, match="tap-x ended in the middle of line 2") as caught:
        messages(record(1) + b"\n" + STATE[:kept])

    assert "data is missing" in caught.value.remedy


def test_a_last_line_that_is_no_message_is_a_stray_line_with_or_without_its_end() -> None:
    assert messages(STATE + b"\nbye") == messages(STATE + b"\nbye\n")


# --- the exit ----------------------------------------------------------------------------------------------------


def test_an_exit_code_fails_the_run_after_all_its_messages() -> None:
    seen: list[Message] = []
    run = run_of([STATE + b"\n"], 3, ["cannot reach the API"])

    with pytest.raises(TapExitError, match=r"tap-x ended with exit code 3") as caught:
        seen.extend(run)

    assert [type(message) for message in seen] == [State]
    assert caught.value.exit_code == 3
    assert "cannot reach the API" in caught.value.remedy


def test_the_exit_code_explains_a_cut_line_better_than_the_cut() -> None:
    with pytest.raises(TapExitError, match="SIGKILL"):
        messages(STATE[:9], -9)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"), (2, "ended with exit code 2"),
        (-15, "was killed by SIGTERM"), (-9, "was killed by SIGKILL (out of memory?)"),
        (-40, "was killed by signal 40"),
        (137, "ended with exit code 137 (SIGKILL in a child of it; out of memory?)"),
        (143, "ended with exit code 143 (SIGTERM in a child of it)"), (255, "ended with exit code 255"),
    ],
)  # fmt: skip
def test_an_exit_code_is_put_into_words(code: int, words: str) -> None:
    assert describe_exit(code, "") == f"{words}."
    assert describe_exit(code, "KeyError") == f"{words}: KeyError"


# --- what is no message ------------------------------------------------------------------------------------------


def test_a_broken_message_fails_at_once_with_its_line_and_none_of_its_content() -> None:
    run = run_of(
        [record(1) + b"\n\n" + b'{"type": "RECORD", "stream": "s", "record": {"name": "Ada"\n', b"never read"]
    )

    with pytest.raises(TapProtocolError, match=r"broken message: line 3, \d+ bytes") as caught:
        list(run)

    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    "line", [b"...", b"\xef\xbb\xbf", b"INFO done "], ids=["progress dots", "byte order mark", "a print"]
)
@pytest.mark.parametrize("end", [b"\n", b""], ids=["inside", "last"])
def test_a_message_behind_other_text_fails_the_run_for_it_holds_data(line: bytes, end: bytes) -> None:
    with pytest.raises(TapProtocolError, match=r"line 1, .* behind other text"):
        messages(line + record(1) + end)


def test_stray_lines_pass_are_shown_redacted_and_no_more_than_three(caplog: pytest.LogCaptureFixture) -> None:
    output = b"\n".join(b"token %s, try %d" % (SECRET.encode(), number) for number in range(10)) + b"\n" + STATE

    assert [type(message) for message in messages(output)] == [State]

    shown = caplog.text
    assert SECRET not in shown
    assert [number for number in range(10) if f"token ***, try {number}" in shown] == [0, 1, 2]


@pytest.mark.parametrize("line", [b'{"name": "Ada"}', b'["Ada"]'], ids=["object", "list"])
def test_a_stray_line_of_json_is_not_shown_for_it_may_be_data(
    line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    messages(line + b"\n")

    shown = caplog.text
    assert "line 1 is no Singer message and was skipped: (JSON, not shown)" in shown
    assert "Ada" not in shown


def test_blank_lines_are_no_stray_lines(caplog: pytest.LogCaptureFixture) -> None:
    assert messages(b"\n\r\n  \n" * 20) == []
    assert caplog.text == ""


def test_more_than_ten_stray_lines_fail_the_run() -> None:
    with pytest.raises(TapProtocolError, match=r"more than 10 lines .* the last is line 11") as caught:
        messages(b"hello\n" * 11)

    assert "log to stderr" in caught.value.remedy


# --- with a process ----------------------------------------------------------------------------------------------


def start(script: str, tmp_path: Path) -> TapRun:
    log = StderrLog("tap-x", (), tmp_path / "logs" / "tap.log")
    command = Command([sys.executable, "-c", script], {"PATH": os.defpath}, tmp_path)
    return TapRun("tap-x", GuardedProcess(command, log), log, tmp_path)


def test_an_error_shows_the_last_words_of_a_tap_that_is_gone(tmp_path: Path) -> None:
    run = start("import sys; [print('line', n, file=sys.stderr) for n in range(100)]; sys.exit(2)", tmp_path)

    with pytest.raises(TapExitError) as caught:
        list(run)
    run.close()
    run.close()

    assert "| line 80\n" in caught.value.remedy
    assert "| line 99\n" in caught.value.remedy
    assert "line 79" not in caught.value.remedy
    assert f"All of them: {tmp_path}/logs/tap.log" in caught.value.remedy
    assert len((tmp_path / "logs" / "tap.log").read_text().splitlines()) == 100


def test_a_tap_that_cannot_be_started_is_an_error_of_the_process(tmp_path: Path) -> None:
    log = StderrLog("tap-x", (), None)
    run = TapRun("tap-x", GuardedProcess(Command(["no-such-tap"], {}, tmp_path), log), log, tmp_path)

    with pytest.raises(ProcessError, match="Cannot start 'no-such-tap'"):
        list(run)
    run.close()


def test_a_tap_that_still_talks_on_stderr_when_its_output_breaks_is_quoted_and_ended(tmp_path: Path) -> None:
    script = "import sys\nprint('{\"type\": ', flush=True)\nwhile True: print('still here', file=sys.stderr)"
    run = start(script, tmp_path)

    with pytest.raises(TapProtocolError, match="line 1"):
        list(run)
    run.close()


# --- patience ----------------------------------------------------------------------------------------------------


def run_with(chunks: Sequence[bytes | None], patience: Patience) -> TapRun:
    return TapRun("tap-x", Played(chunks, 0), StderrLog("tap-x", set(), None), Path.cwd(), patience=patience)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    endless = itertools.repeat(b"x" * 1000)

    with pytest.raises(TapProtocolError, match="more than 5000 bytes: line 2") as caught:
        list(run_with([STATE + b"\n", *itertools.islice(endless, 100)], Patience(max_line_bytes=5000)))

    assert "max_line_bytes" in caught.value.remedy


def test_a_tap_that_is_silent_for_too_long_is_given_up() -> None:
    with pytest.raises(TapTimeoutError, match="tap-x said nothing for 0 s") as caught:
        list(run_with([STATE + b"\n", None], Patience(idle_timeout_s=0)))

    assert "idle_timeout_s" in caught.value.remedy


def test_a_tap_that_does_not_end_is_given_up_though_it_talks() -> None:
    with pytest.raises(TapTimeoutError, match="had not ended after 0 s"):
        list(run_with([STATE + b"\n", STATE + b"\n"], Patience(timeout_s=0)))


def test_a_tap_that_closes_its_output_and_does_not_end_is_given_up() -> None:
    process = Played([STATE + b"\n"], lives=True)
    log = StderrLog("tap-x", set(), None)

    with pytest.raises(TapTimeoutError, match=r"tap-x closed its output, had not ended 0\.01 s later") as caught:
        list(TapRun("tap-x", process, log, Path.cwd(), patience=Patience(idle_timeout_s=0.01)))

    assert "idle_timeout_s" in caught.value.remedy
