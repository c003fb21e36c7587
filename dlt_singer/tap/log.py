"""What a tap says on stderr: redacted, kept as a tail for errors, in the run's log file, and in `logging`.

Also how we say that something takes a while. Every line is redacted before it goes anywhere.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, quote_plus

from dlt_singer.summary import Metric, Metrics

TAIL_LINES = 20
FILE_BYTES = 50_000_000
"""A log file holds so much from the beginning, and the last lines."""
_SHOWN_CHARACTERS = 1_000
_HEADLINE_CHARACTERS = 300
_LEVEL = re.compile(
    r"""(?x) ^ (?: (?i: (?P<first> debug|info|warning|warn|error|critical|fatal ) :) | .{0,60}? (?:
    (?i: \b level [=:] \s* "? (?P<key>[a-z]+) | \[ (?P<tag> debug|info|warning|warn|error|critical|fatal ) \s* \] )
    | \b (?P<word> DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL ) \b ))"""
)
_INSTALLED = re.compile(r'"[^"]*/site-packages/')
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}


class StderrLog:
    """Takes a tap's stderr, line by line.

    Args:
        tap: The tap's name; lines go to the logger `dlt_singer.tap.<tap>`.
        secrets: Texts that must not be shown.
        path: The run's log file; its directory is made when the first line comes. None keeps no file.
        on_close: Takes the log file once it is complete.
    """

    def __init__(
        self,
        tap: str,
        secrets: Collection[str],
        path: Path | None,
        on_close: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._tap = tap
        self._logger = logging.getLogger(f"dlt_singer.tap.{tap}")
        # Longest first, so that a secret containing another is masked whole.
        ordered = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._path = path
        self._on_close = on_close
        self._file: BinaryIO | None = None
        self._room = FILE_BYTES
        self._left_out = 0
        self._muted = False
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._metrics = Metrics()
        self.id = path.stem if path is not None else None

    def __call__(self, line: str) -> None:
        """Take one line."""
        line = self.redact(line)
        self._tail.append(line)
        if self._muted:
            return
        self._metrics.read(line)
        self._write(line)
        self._logger.log(level_of(line), "%s: %s", self._tap, line)

    def mute(self) -> None:
        """Keep lines for errors only: what a tap says when it is asked for its options interests nobody."""
        self._path, self._muted = None, True

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What the tap has measured, in METRIC lines."""
        return self._metrics.found

    def place(self, root: Path) -> str | None:
        """Return where the log file is, from the project's root; None if there is none."""
        if self._path is None or self._file is None:
            return None
        return self._path.relative_to(root).as_posix() if self._path.is_relative_to(root) else str(self._path)

    def redact(self, text: str) -> str:
        """Return `text` with every secret replaced by `***`."""
        return self._secrets.sub("***", text) if self._secrets else text

    def headline(self) -> str:
        """Return the line that says most, for the first sentence of an error; empty if there is none.

        A traceback ends with what happened; its inner lines are indented.
        """
        lines = [line for line in self._tail.copy() if line.strip() and not line.startswith((" ", "\t"))]
        return lines[-1][:_HEADLINE_CHARACTERS] if lines else ""

    def last_words(self) -> str:
        """Return the last lines and where to find the rest, for an error."""
        # A copy: the tap may go on talking meanwhile, in another thread.
        tail = self._tail.copy()
        if not tail:
            return "It wrote nothing to stderr."
        lines = "\n".join(f"  | {line[:_SHOWN_CHARACTERS]}" for line in _without_calls(tail))
        share = "Most" if self._left_out else "All"
        whole = f"\n{share} of them: {self._path}" if self._file and self._path else ""
        return f"Its last words on stderr:\n{lines}{whole}"

    def close(self) -> None:
        """Close the log file and hand it on; idempotent."""
        if self._file is not None and not self._file.closed:
            # What could not be written has been told.
            with contextlib.suppress(OSError), self._file:
                if self._left_out:
                    last = "\n".join([*self._tail][-self._left_out :])
                    self._file.write(f"... {self._left_out} lines left out, but for the last\n{last}\n".encode())
            if self._path is not None:
                self._on_close(self._path)

    def _write(self, line: str) -> None:
        if self._path is None:
            return
        text = f"{line}\n".encode()
        if len(text) > self._room:
            self._room, self._left_out = 0, self._left_out + 1
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
            self._file.write(text)
            self._room -= len(text)
        except (OSError, ValueError) as err:
            # A log that cannot be written must not end a load that works.
            self._path = None
            warn(f"The tap's log cannot be written: {err}.")


def _without_calls(lines: Iterable[str]) -> list[str]:
    """Return lines with, of each traceback, only the call where it happened."""
    kept: list[str] = []
    within = True  # The tail may begin inside of a traceback.
    for line in lines:
        indented = line.startswith("  ")
        if within and indented and line.startswith('  File "'):
            while kept and kept[-1].startswith("  "):
                kept.pop()
        within = line.startswith("Traceback (") or (within and indented)
        kept.append(_INSTALLED.sub('"', line) if within else line)
    return kept


def level_of(line: str) -> int:
    """Return the `logging` level a tap gave a line (`level=ERROR`, `INFO ...`, JSON); INFO if it gave none.

    Example:
        >>> level_of("time=2024-01-01 name=tap level=WARNING message=slow")
        30
    """
    if line.startswith("{"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = {}
        name = entry.get("level") or entry.get("levelname") if isinstance(entry, dict) else None
        return _LEVELS.get(str(name).lower(), logging.INFO)
    found = _LEVEL.match(line)
    name = found[found.lastgroup or 0] if found else "info"
    return _LEVELS.get(name.lower(), logging.INFO)


def _forms(secret: str) -> Collection[str]:
    """A secret as it may stand in a line: as it is, in JSON, in a URL."""
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret), quote_plus(secret)}


def announce(line: str) -> None:
    """Say something a person would want to know while waiting.

    Goes to the logger `dlt_singer` at INFO; if nobody has set up logging, to stderr, so that it is seen at all.
    """
    _say(logging.INFO, line)


def warn(line: str) -> None:
    """Say something a person should look at; as `announce`, at WARNING."""
    _say(logging.WARNING, line)


def _say(level: int, line: str) -> None:
    logger = logging.getLogger("dlt_singer")
    if logger.hasHandlers():
        logger.log(level, line)
    else:
        print(line, file=sys.stderr)  # noqa: T201 - no logging is set up
