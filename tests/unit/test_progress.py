"""What is seen while a tap runs: on a terminal, in a log, or not at all; and that it costs nothing and ends."""

from __future__ import annotations

import io
import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from dlt_singer import progress
from dlt_singer.progress import Reading, StreamReading, mode_here, watch
from dlt_singer.progress.lines import line
from dlt_singer.progress.screen import Screen, table
from dlt_singer.progress.ticker import Ticker

SCREENS = Path(__file__).parents[1] / "cases" / "summaries"
BEFORE = Reading(
    "tap-x", 60.0, (StreamReading("users", 1000, 200_000), StreamReading("logs"), StreamReading("roles"))
)
NOW = Reading(
    "tap-x",
    70.0,
    (
        StreamReading("users", 123_456, 31_000_000, "2024-01-01T00:00:00Z"),
        StreamReading("logs", 10, 2_000, done=True),
        StreamReading("roles"),
    ),
)
MANY = Reading("tap-x", 5.0, tuple(StreamReading(f"stream_{n}", n, n * 100, done=n % 2 == 0) for n in range(1000)))


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def same(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    def compare(name: str, shown: str) -> None:
        file = SCREENS / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            file.write_text(shown, encoding="utf-8")
        assert shown == file.read_text(encoding="utf-8")

    return compare


@pytest.mark.parametrize(
    ("name", "now", "before"),
    [("live", NOW, BEFORE), ("live-many", MANY, MANY)],
    ids=["three streams", "a thousand streams"],
)
def test_the_table_on_a_terminal_reads_well(
    name: str, now: Reading, before: Reading, same: Callable[[str, str], None]
) -> None:
    console = Console(file=io.StringIO(), width=80, record=True)

    console.print(table(now, before))

    shown = "\n".join(each.rstrip() for each in console.export_text().splitlines()) + "\n"
    same(name, shown)
    assert max(map(len, shown.splitlines())) <= 80


def test_lines_in_a_log_read_well(same: Callable[[str, str], None]) -> None:
    nothing = Reading("tap-x", 0.0)

    same("lines", "".join(f"{line(*pair)}\n" for pair in ((nothing, nothing), (NOW, BEFORE), (MANY, nothing))))


def test_log_lines_stand_above_the_table_and_handlers_get_their_terminal_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    handler = logging.StreamHandler(terminal)
    logger = logging.getLogger("test.of.progress")
    monkeypatch.setattr(logger, "handlers", [handler])
    screen = Screen(Console(file=terminal, force_terminal=True, width=80))

    screen.draw(BEFORE)
    logger.warning("a line of the log")
    screen.draw(NOW)
    screen.close()

    written = terminal.getvalue()
    # It takes its table away first and draws it again behind.
    before_line = written[: written.index("a line of the log\n")]
    assert before_line.rsplit("\x1b[2K", 1)[-1].strip() == ""
    assert "roles" in written[written.index("a line of the log\n") :]
    assert handler.stream is terminal


def test_the_thread_ends_with_the_run() -> None:
    ticked = threading.Event()
    ticker = Ticker(0.001, ticked.set)
    ticked.wait(5)

    assert ticker.close()

    assert "tap-progress" not in {thread.name for thread in threading.enumerate()}


def test_who_ends_it_from_its_own_thread_does_not_wait_for_himself() -> None:
    ended: list[bool] = []
    begun, asked = threading.Event(), threading.Event()

    def end() -> None:
        begun.wait(5)
        ended.append(ticker.close())
        asked.set()

    ticker = Ticker(0.001, end)
    begun.set()

    assert asked.wait(5)
    assert ticker.close()
    assert ended == [False]


def test_the_table_is_drawn_again_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_DRAW_S", 0.001)
    readings, drawn_twice = iter([BEFORE]), threading.Event()

    def take() -> Reading:
        if (before := next(readings, None)) is None:
            drawn_twice.set()
        return before or NOW

    shown = watch(take, "live", 30)
    assert shown is not None
    assert drawn_twice.wait(5)
    shown.close()

    assert "1,000" in terminal.getvalue()
    assert "123,456" in terminal.getvalue().rpartition("1,000")[2]


def test_a_screen_that_fails_fails_nobody_and_is_not_drawn_again() -> None:
    calls: list[int] = []
    drawn = threading.Event()

    def draw() -> None:
        calls.append(1)
        drawn.set()
        raise OSError

    ticker = Ticker(0.001, draw)
    drawn.wait(5)

    assert ticker.close()
    assert calls == [1]


def test_drawing_takes_a_hundredth_of_the_time_at_most() -> None:
    drawn: list[float] = []

    def draw() -> None:
        drawn.append(time.monotonic())
        until = time.thread_time() + 0.002
        while time.thread_time() < until:
            pass

    ticker = Ticker(0.001, draw)
    deadline = time.monotonic() + 10
    while len(drawn) < 3 and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    ticker.close()

    assert len(drawn) >= 3
    assert min(after - before for before, after in itertools.pairwise(drawn)) >= 0.2


def test_what_is_imported_for_the_first_drawing_does_not_hold_up_the_second() -> None:
    drawn: list[int] = []
    second = threading.Event()

    def load() -> None:
        until = time.thread_time() + 0.5
        while time.thread_time() < until:
            pass

    def draw() -> None:
        drawn.append(1)
        if len(drawn) == 2:
            second.set()

    ticker = Ticker(0.001, draw, load)

    # A hundredth of the time would be 50 seconds.
    assert second.wait(20)
    assert ticker.close()


def test_several_runs_do_not_share_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")

    first, second = watch(lambda: NOW, "auto", 30), watch(lambda: NOW, "auto", 30)
    shown = [type(each).__name__ for each in (first, second)]
    for each in (first, second, first):
        assert each is not None
        each.close()

    assert shown == ["_Table", "_Lines"]
    assert progress._terminal.acquire(blocking=False)
    progress._terminal.release()


@pytest.mark.parametrize(
    ("wish", "stderr", "term", "mode"),
    [
        ("auto", Terminal(), "xterm", "live"),
        ("auto", Terminal(), "dumb", "lines"),
        ("auto", io.StringIO(), "xterm", "lines"),
        ("live", io.StringIO(), "xterm", "lines"),
        ("lines", Terminal(), "xterm", "lines"),
        ("off", Terminal(), "xterm", "off"),
    ],
    ids=["a terminal", "a dumb one", "a log", "nothing to draw on", "lines wanted", "nothing wanted"],
)
def test_how_it_is_shown_depends_on_who_looks(
    wish: progress.Mode, stderr: io.StringIO, term: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", term)

    assert mode_here(wish) == mode


def test_nothing_is_watched_if_nobody_wants_it() -> None:
    assert watch(lambda: NOW, "off", 30) is None
    assert watch(lambda: NOW, "lines", 0) is None
