"""What a tap says is kept, redacted, and told at the level it was said."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from dlt_singer.tap.log import StderrLog, announce, level_of

DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("INFO Starting sync", INFO),
        ("WARNING Rate limit", WARNING),
        ("CRITICAL 401", CRITICAL),
        ("time=2024-01-01 name=tap level=ERROR message=INFO", ERROR),
        ('time="2024" level=warning msg="slow"', WARNING),
        ('level="debug" msg=x', DEBUG),
        ("2024-01-01 10:00:00,123 | WARNING  | tap-x | slow", WARNING),
        ("2024-01-01 10:00:00,123 | DEBUG    | tap-x.users | ERROR in text", DEBUG),
        ("2024-01-01T10:00:00Z [error    ] broken", ERROR),
        ("error: cannot connect", ERROR),
        ("fatal: no", CRITICAL),
        ('{"level": "error", "event": "x"}', ERROR),
        ('{"levelname": "WARNING", "message": "x"}', WARNING),
        ('{"level": 30}', INFO),
        ('{"broken": ', INFO),
        ('{"a":' * 20_000, INFO),
        ("Finished without error", INFO),
        ("fetching info for debug user", INFO),
        ("ValueError: x", INFO),
        ("access level=admin", INFO),
        ("x" * 70 + " ERROR far away", INFO),
        ("", INFO),
    ],
)
def test_a_line_has_the_level_its_format_gives_it(line: str, level: int) -> None:
    assert level_of(line) == level


def test_lines_go_to_a_logger_of_the_taps_own_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dlt_singer")

    StderrLog("tap-x.v2", (), None)("WARNING 100% slow %s")

    assert caplog.record_tuples == [("dlt_singer.tap.tap-x.v2", WARNING, "tap-x.v2: WARNING 100% slow %s")]


@pytest.mark.parametrize(
    ("secrets", "line", "shown"),
    [
        ({"hunter2"}, "password hunter2, again hunter2", "password ***, again ***"),
        ({"token", "token-of-mine"}, "token-of-mine token", "*** ***"),
        ({"a.c+"}, "abc a.c+", "abc ***"),
        ({"a+b/c="}, "GET /x?key=a%2Bb%2Fc%3D failed", "GET /x?key=*** failed"),
        ({'say "hi"'}, r'{"key": "say \"hi\""}', '{"key": "***"}'),
        ((), "nothing to hide", "nothing to hide"),
    ],
    ids=["everywhere", "the longest first", "taken literally", "in a URL", "in JSON", "none"],
)
def test_secrets_are_redacted(secrets: set[str], line: str, shown: str) -> None:
    assert StderrLog("tap-x", secrets, None).redact(line) == shown


def test_no_secret_reaches_the_file_the_logger_or_the_last_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "dlt_singer")
    log = StderrLog("tap-x", {"hunter2"}, tmp_path / "tap.log")

    log("ERROR the password hunter2 is wrong")
    log.close()

    shown = f"{(tmp_path / 'tap.log').read_text()} {caplog.text} {log.last_words()}"
    assert shown.count("the password *** is wrong") == 3
    assert "hunter2" not in shown


def test_the_last_words_are_the_last_twenty_lines_and_the_place_of_all(tmp_path: Path) -> None:
    log = StderrLog("tap-x", (), tmp_path / "deep" / "tap.log")

    for number in range(30):
        log(f"line {number}")
    log.close()

    words = log.last_words().splitlines()
    assert words == [
        "Its last words on stderr:", *(f"  | line {number}" for number in range(10, 30)),
        f"All of them: {tmp_path}/deep/tap.log",
    ]  # fmt: skip


def test_a_log_file_is_bounded_and_ends_with_the_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlt_singer.tap.log.FILE_BYTES", 20)
    log = StderrLog("tap-x", (), tmp_path / "tap.log")

    for number in range(5):
        log(f"line {number}")
    log.close()

    assert (tmp_path / "tap.log").read_text().splitlines() == [
        "line 0", "line 1", "... 3 lines left out, but for the last", "line 2", "line 3", "line 4",
    ]  # fmt: skip
    assert "Most of them: " in log.last_words()


def test_of_a_line_without_end_the_last_words_show_the_beginning() -> None:
    log = StderrLog("tap-x", (), None)

    log("x" * 5_000)

    assert len(log.last_words()) < 1_100


def test_of_a_traceback_the_last_words_show_where_it_happened(tmp_path: Path) -> None:
    log = StderrLog("tap-x", (), tmp_path / "tap.log")

    for line in (
        "CRITICAL no host",
        "Traceback (most recent call last):",
        '  File "/pex/bin/tap-x", line 22, in <module>',
        "    sys.exit(entry_point())",
        "             ^^^^^^^^^^^^^",
        '  File "/pex/lib/site-packages/singer/check.py", line 1, in check',
        "    raise KeyError(host)",
        "KeyError: 'host'",
        "  indented, but no call",
    ):
        log(line)
    log.close()

    assert log.last_words().splitlines()[1:-1] == [
        "  | CRITICAL no host",
        "  | Traceback (most recent call last):",
        '  |   File "singer/check.py", line 1, in check',
        "  |     raise KeyError(host)",
        "  | KeyError: 'host'",
        "  |   indented, but no call",
    ]


def test_the_last_words_can_be_asked_for_while_the_tap_talks() -> None:
    log, done = StderrLog("tap-x", (), None), threading.Event()
    log.mute()

    def talk() -> None:
        while not done.is_set():
            log("line")

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        words = [log.last_words() for _ in range(5_000)]
    finally:
        done.set()
        talking.join()

    assert words[-1].count("| line") == 20


def test_a_silent_tap_has_no_file_and_that_is_said(tmp_path: Path) -> None:
    log = StderrLog("tap-x", (), tmp_path / "tap.log")

    log.close()

    assert log.last_words() == "It wrote nothing to stderr."
    assert not (tmp_path / "tap.log").exists()


def test_a_muted_tap_is_heard_in_errors_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = StderrLog("tap-x", (), tmp_path / "tap.log")

    log.mute()
    log("ERROR usage: tap")

    assert log.last_words() == "Its last words on stderr:\n  | ERROR usage: tap"
    assert caplog.text == ""
    assert not (tmp_path / "tap.log").exists()


def test_a_log_that_cannot_be_opened_is_told_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dlt_singer")
    (tmp_path / "file").touch()
    log = StderrLog("tap-x", (), tmp_path / "file" / "tap.log")

    log("one")
    log("two")
    log.close()

    assert caplog.text.count("The tap's log cannot be written") == 1
    assert log.last_words() == "Its last words on stderr:\n  | one\n  | two"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dlt_singer")
    log = StderrLog("tap-x", (), Path("/dev/full"))

    log("one")
    log("two")
    log.close()

    assert caplog.text.count("The tap's log cannot be written") == 1
    assert "None" not in log.last_words()


def test_a_line_after_the_end_ends_nothing(tmp_path: Path) -> None:
    log = StderrLog("tap-x", (), tmp_path / "tap.log")
    log("one")
    log.close()

    log("late")

    assert "late" in log.last_words()


def test_announcements_go_to_logging_or_to_stderr_if_nobody_listens(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "dlt_singer")

    announce("100% heard")
    monkeypatch.setattr(logging.getLogger("dlt_singer"), "propagate", False)
    announce("100% seen")

    assert caplog.messages == ["100% heard"]
    assert capsys.readouterr().err == "100% seen\n"
