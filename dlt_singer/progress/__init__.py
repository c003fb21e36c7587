"""What a person sees while a tap runs: a table on a terminal, a line now and then in a log, or nothing.

In: a function that takes a reading. A thread asks it, at most four times a second, so the run itself pays nothing.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from dlt_singer.progress.lines import line
from dlt_singer.progress.reading import Reading, StreamReading
from dlt_singer.progress.ticker import Ticker
from dlt_singer.tap import announce

if TYPE_CHECKING:
    from dlt_singer.progress.screen import Screen

__all__ = ["Mode", "Progress", "Reading", "StreamReading", "mode_here", "watch"]

Mode: TypeAlias = Literal["auto", "live", "lines", "off"]
_DRAW_S: Final = 0.25
_terminal = threading.Lock()
"""Held by whoever draws on it: of several runs in one process the others write lines."""


class Progress(Protocol):
    """Something that is shown until it is closed."""

    def close(self) -> None:
        """Show it no longer; idempotent."""
        ...


def mode_here(wish: Mode) -> Mode:
    """Return how progress is shown by this process: `live` needs a terminal, `auto` takes it if there is one."""
    if wish in ("off", "lines"):
        return wish
    is_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return "live" if is_terminal else "lines"


def watch(take: Callable[[], Reading], mode: Mode, every_s: float) -> Progress | None:
    """Show progress until it is closed.

    Args:
        take: Takes a reading; called in another thread.
        mode: How; `auto` is decided here.
        every_s: Seconds between two lines in a log; 0 means none.

    Returns:
        What has to be closed; None if nothing is shown.
    """
    here = mode_here(mode)
    if here == "live" and _terminal.acquire(blocking=False):
        return _Table(take)
    return _Lines(take, every_s) if here != "off" and every_s else None


class _Lines:
    def __init__(self, take: Callable[[], Reading], every_s: float) -> None:
        self._take = take
        self._before = take()
        self._ticker = Ticker(every_s, self._say)

    def close(self) -> None:
        self._ticker.close()

    def _say(self) -> None:
        now = self._take()
        announce(line(now, self._before))
        self._before = now


class _Table:
    def __init__(self, take: Callable[[], Reading]) -> None:
        self._take = take
        self._screen: Screen | None = None
        self._closed = False
        self._ticker = Ticker(_DRAW_S, self._draw, self._open)

    def close(self) -> None:
        # If the terminal is held (Ctrl-S), nobody waits for it, or draws again.
        if self._closed or not self._ticker.close():
            return
        self._closed = True
        if self._screen is not None:
            self._screen.close()
        _terminal.release()

    def _open(self) -> None:
        from dlt_singer.progress.screen import Screen

        self._screen = Screen()

    def _draw(self) -> None:
        if self._screen is not None:
            self._screen.draw(self._take())
