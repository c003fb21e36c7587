"""Several taps at a time: processes of their own, one table, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlt_singer.cli.several import _Running
from dlt_singer.testing import CRASH, HANG, STDERR, FakeTap
from tests.cli.conftest import LOGS, USERS

Screen = Callable[[str, str], None]


@pytest.fixture
def taps(tmp_path: Path) -> list[FakeTap]:
    """One that works, one that fails."""
    return [
        FakeTap(tmp_path, "tap-good").emits(USERS, LOGS),
        FakeTap(tmp_path, "tap-weak").emits(USERS, STDERR("CRITICAL no access"), CRASH(3)),
    ]


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dlt_singer", *words]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_one_that_fails_takes_no_other_along(taps: list[FakeTap], tmp_path: Path, same_screen: Screen) -> None:
    run = start("run", "tap-*", "-j", "2", cwd=tmp_path)

    out, err = run.communicate(timeout=100)

    assert run.returncode == 1
    same_screen("run-several", re.sub(r" {2,}", "  ", re.sub(r"\b\d+\.\d\b", "1.0", out)))
    assert "tap-weak | Error: tap-weak ended with exit code 3: CRITICAL no access" in err
    assert err.endswith("Error: 1 of 2 taps failed.\n")


def test_the_outcomes_are_there_as_json(taps: list[FakeTap], tmp_path: Path) -> None:
    run = start("run", "tap-good", "tap-weak", "--json", "--quiet", "--limit", "100000", cwd=tmp_path)

    out, _ = run.communicate(timeout=100)

    outcomes = {each["tap"]: each for each in json.loads(out)}
    assert outcomes["tap-good"]["tables"] == {"logs": 2, "users": 5}
    assert (outcomes["tap-weak"]["ok"], outcomes["tap-weak"]["error"]) == (
        False,
        "tap-weak ended with exit code 3: CRITICAL no access",
    )


def test_whoever_ends_us_ends_all_taps(tmp_path: Path) -> None:
    hanging = [FakeTap(tmp_path, f"tap-{name}").emits(USERS, HANG) for name in ("one", "two")]
    run = start("run", "tap-*", "-j", "2", cwd=tmp_path)
    while run.poll() is None and not all(tap.syncs for tap in hanging):
        time.sleep(0.05)  # until both taps run

    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)

    assert run.returncode == 143
    assert [pid for tap in hanging for call in tap.syncs if is_alive(pid := call["pid"])] == []


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGTERM, 143, "Ended by SIGTERM.\n"), (signal.SIGINT, 130, "Interrupted.\n")],
    ids=["asked to end", "interrupted"],
)
def test_a_run_that_is_ended_says_so_without_a_traceback(number: int, code: int, said: str, tmp_path: Path) -> None:
    tap = FakeTap(tmp_path).emits(USERS, HANG)
    run = start("run", tap.name, "--quiet", cwd=tmp_path)
    while run.poll() is None and not tap.syncs:
        time.sleep(0.05)  # until the tap runs

    run.send_signal(number)
    _, err = run.communicate(timeout=60)

    assert (run.returncode, err) == (code, said)
    assert not is_alive(tap.syncs[0]["pid"])


def test_taps_that_all_work_make_a_run_that_works(tmp_path: Path) -> None:
    for name in ("tap-one", "tap-two"):
        FakeTap(tmp_path, name).emits(USERS)

    run = start("run", "tap-*", "-j", "2", "--dry-run", "--json", cwd=tmp_path)

    out, err = run.communicate(timeout=100)
    assert (run.returncode, err) == (0, "")
    assert [(each["tap"], each["ok"], each["error"]) for each in json.loads(out)] == [
        ("tap-one", True, None),
        ("tap-two", True, None),
    ]


def test_a_tap_whose_turn_comes_after_an_interruption_is_not_started(tmp_path: Path) -> None:
    tap, running = FakeTap(tmp_path).emits(USERS), _Running()

    with pytest.raises(KeyboardInterrupt), running.ended_with_us():
        raise KeyboardInterrupt
    outcome = running.run(tap.name, ["run", tap.name, "--project-dir", str(tmp_path)])

    assert (outcome["ok"], outcome["error"], tap.calls) == (False, "not started", [])


def test_where_signals_are_somebody_elses_they_are_left_alone() -> None:
    def handler() -> object:
        with _Running().ended_with_us():
            return signal.getsignal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as another:
        assert another.submit(handler).result() is before
    assert handler() is not before
    assert signal.getsignal(signal.SIGTERM) is before


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
