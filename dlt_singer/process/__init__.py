"""Run one child under a guard: its stdout in chunks, its stderr line by line, its true exit status.

Whatever ends first, nothing is left: the guard (see guard.py) holds our pipe and ends the child's process
group and its run directory when that pipe closes. Knows nothing of Singer.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from dlt_singer.errors import ProcessError
from dlt_singer.process.guard import RUN_DIR, Spec
from dlt_singer.process.reader import Reader

__all__ = ["RUN_DIR", "Command", "GuardedProcess"]

_GUARD = Path(__file__).with_name("guard.py")
_CHUNK_BYTES = 1 << 20
_STDERR_LINE_BYTES = 1 << 16
_STDERR_PATIENCE_S = 5.0
_READER_PATIENCE_S = 1.0
_CHECK_EXECUTABLE = "Check that it exists, may be executed, and that the interpreter its first line names is there."

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_FREE_SPACE = "Free some space for temporary files, or set TMPDIR to where there is some."


@dataclass(frozen=True, slots=True)
class Command:
    """What to run.

    Attributes:
        argv: Executable and arguments; `RUN_DIR` in them stands for the run's private directory.
        env: The child's whole environment.
        cwd: Working directory.
        files: Name to text; written 0600 into the run directory (0700), removed however the run ends.
        grace_s: Seconds between SIGTERM and SIGKILL once the run is stopped.
        kept: Those of `files` whose text is wanted at the end, if the child has changed it.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    grace_s: float = 0.5
    kept: Sequence[str] = ()


class GuardedProcess:
    r"""One child process; started when constructed, gone when `stop` returns.

    Args:
        command: What to run.
        on_stderr: Called in a thread of its own with each line of stderr, without its line end.
        on_changed: Called at the end with the name and text of each file of `kept` that the child has changed.

    Example:
        >>> command = Command(["echo", "hello"], env={"PATH": os.defpath}, cwd=Path.cwd())
        >>> process = GuardedProcess(command, on_stderr=print)
        >>> process.read(timeout_s=5), process.wait()
        (b'hello\n', 0)
    """

    def __init__(
        self,
        command: Command,
        on_stderr: Callable[[str], None],
        on_changed: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._name = command.argv[0]
        self._on_changed = on_changed
        self._told: list[Mapping[str, object]] = []
        self._guard, self._events = _start_guard()
        # The casts are for the type checker: all three pipes were asked for.
        self._stdin = cast("IO[bytes]", self._guard.stdin)
        self._stdout = cast("IO[bytes]", self._guard.stdout)
        _widen(self._stdout.fileno())
        self._reader = Reader(self._stdout.fileno(), lambda: self._guard.poll() is not None)
        self._drain = threading.Thread(
            target=_drain,
            args=(cast("IO[bytes]", self._guard.stderr), on_stderr),
            daemon=True,
            name="tap-stderr",
        )
        self._drain.start()
        try:
            self._tell(command)
        except BaseException:
            self.stop()
            raise

    def read(self, timeout_s: float) -> bytes | None:
        """Return the next chunk of stdout, b"" at its end, None if nothing came within `timeout_s`."""
        return self._reader.read(timeout_s)

    def communicate(self, timeout_s: float) -> tuple[bytes, int] | None:
        """Return all of stdout and the exit code, None if the child has not ended after `timeout_s`.

        Raises:
            ProcessError: As `wait`.
        """
        deadline = time.monotonic() + timeout_s
        chunks: list[bytes] = []
        while (left_s := deadline - time.monotonic()) > 0:
            chunk = self.read(left_s)
            chunks.append(chunk or b"")
            if chunk == b"":
                break
        return (b"".join(chunks), self.wait()) if self.ended(max(deadline - time.monotonic(), 0)) else None

    def ended(self, timeout_s: float) -> bool:
        """Return whether the child and all it started are gone, at the latest after `timeout_s`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(timeout_s)
        return self._guard.poll() is not None

    def wait(self) -> int:
        """Wait until the child and all it started are gone.

        Returns:
            The exit code; negative for the signal that ended the child.

        Raises:
            ProcessError: The executable could not be started, or the guard was killed.
        """
        self._guard.wait()
        self._settle()
        last = self._told[-1] if self._told else {}
        if "failed" in last:
            remedy = _FREE_SPACE if last.get("errno") in _DISK_FULL else _CHECK_EXECUTABLE
            raise ProcessError(f"Cannot start '{self._name}': {last['failed']}.", remedy)
        if "ended" not in last:
            raise ProcessError(
                f"The process that guards '{self._name}' was killed.", "Out of memory? See the system's log."
            )
        return cast("int", last["ended"])

    def stop(self) -> None:
        """End the child and everything it started; idempotent, returns when all of it is gone."""
        # Said as well as shown by closing: a process forked from ours may hold a copy of the pipe.
        with contextlib.suppress(OSError, ValueError):
            self._stdin.write(b"stop\n")
        # A guard that is already gone has nothing left to flush to.
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._reader.stop(_READER_PATIENCE_S)
        self._stdout.close()
        self._guard.wait()
        self._settle()

    def _settle(self) -> None:
        """Take in what the guard said, and do its work if it was killed before it could."""
        if not self._events.closed:
            self._told += map(json.loads, self._events)
            self._events.close()
            if self._told and not self._told[-1].keys() & {"ended", "failed"}:
                _clear_up(self._told[-1])
            elif self._told:
                for name, text in cast("Mapping[str, str]", self._told[-1].get("changed", {})).items():
                    self._on_changed(name, text)
        self._drain.join(_STDERR_PATIENCE_S)

    def _tell(self, command: Command) -> None:
        spec: Spec = {
            "argv": [*command.argv],
            "env": {**command.env},
            "cwd": str(command.cwd),
            "files": {**command.files},
            "kept": [*command.kept],
            "grace_s": command.grace_s,
        }
        # If the guard is gone already, `wait` says so better than a broken pipe does.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(json.dumps(spec).encode() + b"\n")
            self._stdin.flush()


def _start_guard() -> tuple[subprocess.Popen[bytes], IO[str]]:
    """Start a guard that waits for its spec; return it and what it will tell."""
    events, child_events = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), str(child_events)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[child_events],
            # A terminal's Ctrl-C must reach us alone; we close the guard's stdin when we end.
            start_new_session=True,
        )
    except BaseException:
        os.close(events)
        raise
    finally:
        os.close(child_events)
    return guard, os.fdopen(events, encoding="utf-8")


def _drain(stderr: IO[bytes], on_line: Callable[[str], None]) -> None:
    with stderr:
        try:
            # A bound on the line: a tap that never ends one must not fill our memory.
            for line in iter(lambda: stderr.readline(_STDERR_LINE_BYTES), b""):
                on_line(line.decode(errors="replace").rstrip("\r\n"))
        finally:
            # Also if nobody can listen any more: a full pipe would stop the tap.
            while stderr.read(_STDERR_LINE_BYTES):
                pass


def _widen(fd: int) -> None:
    """Give the pipe a megabyte where the system can (Linux), so that tap and reader switch less often."""
    set_size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if set_size is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, set_size, _CHUNK_BYTES)


def _clear_up(started: Mapping[str, object]) -> None:
    """End what a killed guard has left: the child's process group and the run's directory."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(cast("int", started["started"]), signal.SIGKILL)
    shutil.rmtree(cast("str", started["run_dir"]), ignore_errors=True)
