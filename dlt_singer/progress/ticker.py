"""A thread that does something again and again, and never takes more than a small share of the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_SHARE: Final = 0.01
_PATIENCE_S: Final = 2.0


class Ticker:
    """Calls a function from a thread of its own until it is closed.

    Args:
        every_s: Seconds between two calls, at least.
        tick: The function; the first exception ends the calls, as nobody must fail for being watched.
        prepare: Called once, before the first call. What it imports would count as hundreds of calls.
    """

    def __init__(
        self, every_s: float, tick: Callable[[], None], prepare: Callable[[], None] = lambda: None
    ) -> None:
        self._every_s = every_s
        self._tick = tick
        self._prepare = prepare
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="tap-progress")
        self._thread.start()

    def close(self) -> bool:
        """End it; return whether it has ended."""
        self._over.set()
        # A finalizer runs in whatever thread collects garbage.
        if self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if self._over.wait(self._every_s):
            return
        pause_s = 0.0
        try:
            self._prepare()
            while not self._over.wait(pause_s):
                began = time.thread_time()
                self._tick()
                pause_s = max(self._every_s, (time.thread_time() - began) / _SHARE)
        except Exception:  # noqa: BLE001 - see the class
            return
