"""Several taps at a time, each in a process of its own, so that none can take another along.

In: the words that were given. Out: one line of theirs for each that ends, a table, and 1 if any failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, cast

from dlt_singer._types import JSON
from dlt_singer.cli.screen import say, show, table
from dlt_singer.errors import Terminated

_GRACE_S = 10.0


def run_several(arguments: argparse.Namespace, taps: list[str]) -> int:
    """Run each tap as `dlt-singer run <tap>`, at most `--jobs` at a time.

    Args:
        arguments: Those of `run`.
        taps: The taps.

    Returns:
        0 if all were loaded, else 1.
    """
    running = _Running()
    with ThreadPoolExecutor(arguments.jobs) as pool, running.ended_with_us():
        outcomes = list(pool.map(lambda tap: running.run(tap, _words(arguments, tap)), taps))
    rows = [
        [
            each["tap"],
            "ok" if each["ok"] else "failed",
            each.get("rows") or 0,
            f"{each['seconds']:.1f}",
            each.get("error") or "",
        ]
        for each in outcomes
    ]
    failed = sum(not each["ok"] for each in outcomes)
    shown = [*rows] if failed else [row[:-1] for row in rows]
    headers = ("tap", "result", "rows", "seconds", "error")[: len(shown[0])]
    show(arguments, cast("JSON", outcomes), table(headers, shown))
    if failed:
        say(f"Error: {failed} of {len(taps)} taps failed.")
    return 1 if failed else 0


class _Running:
    """The processes that run now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._ending = False

    def run(self, tap: str, words: list[str]) -> dict[str, JSON]:
        """Run one tap to its end and return its outcome."""
        started = time.monotonic()
        with self._lock:
            if self._ending:
                return {"tap": tap, "ok": False, "seconds": 0.0, "error": "not started"}
            child = subprocess.Popen(
                [sys.executable, "-m", "dlt_singer", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            self._children.add(child)
        last: list[str] = []
        relay = threading.Thread(target=_relay, args=(cast("IO[bytes]", child.stderr), tap, last), daemon=True)
        relay.start()
        output = cast("IO[bytes]", child.stdout).read()
        code = child.wait()
        relay.join()
        with self._lock:
            self._children.discard(child)
        try:
            outcome: dict[str, JSON] = json.loads(output) if code == 0 else {}
        except ValueError:
            outcome = {}
        seconds = round(time.monotonic() - started, 3)
        error = None if code == 0 else (last[0] if last else f"exit code {code}")
        return {"tap": tap, **outcome, "ok": code == 0, "seconds": seconds, "error": error}

    @contextlib.contextmanager
    def ended_with_us(self) -> Iterator[None]:
        """End all children if we are interrupted or asked to end."""

        def terminated(*_: object) -> None:
            raise Terminated

        before = signal.signal(signal.SIGTERM, terminated) if _in_main_thread() else None
        try:
            yield
        except KeyboardInterrupt:
            self._end()
            raise
        finally:
            if before is not None:
                signal.signal(signal.SIGTERM, before)

    def _end(self) -> None:
        with self._lock:
            self._ending = True
            children = list(self._children)
        for child in children:
            child.terminate()
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_GRACE_S)
                continue
            child.kill()


def _relay(stderr: IO[bytes], tap: str, error: list[str]) -> None:
    """Hand on what a child says, and note the error it ends with."""
    for raw in stderr:
        line = raw.decode(errors="replace").rstrip()
        if line.startswith("Error: "):
            error[:] = [line.removeprefix("Error: ")]
        say(f"{tap} | {line}" if not line.startswith(f"{tap}: ") else line)


def _words(arguments: argparse.Namespace, tap: str) -> list[str]:
    """Return the words that run one of the taps as it was asked for all of them."""
    words = ["run", tap, "--json"]
    for option in ("destination", "dataset", "refresh", "limit"):
        value = getattr(arguments, option)
        words += [f"--{option}={value}"] if value is not None else []
    for flag in ("reservoir", "refresh_catalog", "no_build", "dry_run", "verbose", "quiet", "debug"):
        words += [f"--{flag.replace('_', '-')}"] if getattr(arguments, flag, False) else []
    return words


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
