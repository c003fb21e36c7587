"""Where the time goes: looks at all threads every few milliseconds and adds up by package and by function.

What counts is processor time, so a thread that waits is told from one that works; what no Python thread has used
is that of threads inside libraries (Arrow's, DuckDB's).
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

_INTERVAL_S = 0.005
_SHOWN = 40
_PARTED = {"dlt", "dlt_singer", "benchmarks"}
"""Packages that are shown by their parts."""


def profiled(work: Callable[[], object], report: Path) -> Callable[[], object]:
    """Return the same work that also writes where its time went."""

    def watched() -> object:
        samples = _Samples()
        done = threading.Event()
        watcher = threading.Thread(target=samples.watch, args=(done,), daemon=True)
        watcher.start()
        try:
            return work()
        finally:
            done.set()
            watcher.join()
            report.write_text(samples.text(), encoding="utf-8")

    return watched


class _Samples:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.packages: dict[str, float] = defaultdict(float)
        self.functions: dict[str, float] = defaultdict(float)
        self.callers: dict[str, float] = defaultdict(float)
        self.waits: dict[str, float] = defaultdict(float)
        self._used: dict[int, float] = {}

    def watch(self, done: threading.Event) -> None:
        """Take samples until told to stop."""
        own = threading.get_ident()
        last, processor = time.perf_counter(), time.process_time()
        while not done.wait(_INTERVAL_S):
            now, used = time.perf_counter(), time.process_time()
            frames = sys._current_frames()  # noqa: SLF001 - the documented way
            worked = sum(self._add(thread, frame, now - last) for thread, frame in frames.items() if thread != own)
            self.packages["(threads of libraries, and this profile)"] += max(0.0, used - processor - worked)
            self.seconds += now - last
            last, processor = now, used

    def _add(self, thread: int, frame: FrameType, passed: float) -> float:
        """Count what a thread has done since the last look; return its processor time."""
        used = _processor_time(thread)
        worked = used - self._used.get(thread, used)
        self._used[thread] = used
        self.waits[_function(frame)] += max(0.0, passed - worked)
        if worked <= 0:
            return 0.0
        self.packages[_package(frame)] += worked
        self.functions[_function(frame)] += worked
        callers = set()
        caller: FrameType | None = frame
        while caller is not None:
            callers.add(_function(caller))
            caller = caller.f_back
        for name in callers:
            self.callers[name] += worked
        return worked

    def text(self) -> str:
        """Return the report."""
        return "\n\n".join([
            f"{self.seconds:.1f} s, sampled every {1000 * _INTERVAL_S:.0f} ms over all threads",
            self._table("Processor time by package", self.packages),
            self._table("Processor time by function", self.functions),
            self._table("Processor time by function, with what it calls", self.callers),
            self._table("Waiting, by function", self.waits),
        ])  # fmt: skip

    def _table(self, title: str, counts: Mapping[str, float]) -> str:
        shown = sorted(counts.items(), key=lambda each: each[1], reverse=True)[:_SHOWN]
        whole = self.seconds or 1.0
        return "\n".join([title, *(f"{s:9.2f} s {100 * s / whole:6.1f} %  {name}" for name, s in shown)]) + "\n"


def _processor_time(thread: int) -> float:
    """Return a thread's processor time; where the system does not tell, all time counts."""
    if hasattr(time, "pthread_getcpuclockid"):
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    return time.perf_counter()


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "?"))


def _package(frame: FrameType) -> str:
    parts = _module(frame).split(".")
    return ".".join(parts[: 2 if parts[0] in _PARTED else 1])


def _function(frame: FrameType) -> str:
    return f"{_module(frame)}:{frame.f_code.co_name}"
