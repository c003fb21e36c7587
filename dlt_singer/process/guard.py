"""A small process that stands between us and a tap, so that no tap outlives its pipeline.

Run as a script with the standard library only. stdin: one line of JSON (the spec), then silence; anything more
or its end means stop, however it came about, SIGKILL of the parent included. The tap inherits stdout and stderr.
Events are JSON lines on the file descriptor named in argv: `started`, then `ended` (or `failed`) once all is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import TextIO, TypedDict

RUN_DIR = "{run_dir}"
"""Placeholder in `argv` and `env` for the run's private directory."""

_PR_SET_CHILD_SUBREAPER = 36
_REAP_LIMIT_S = 2.0
_READ_BYTES = 1 << 16
_KEPT_BYTES = 1 << 14
"""Written as JSON, it fits a pipe that nobody reads yet."""
_POLITE_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Spec(TypedDict):
    """What the guard is told: all of it over a pipe, so that no secret is ever in an argument."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    files: dict[str, str]
    kept: list[str]
    grace_s: float


def main(events_fd: int) -> None:
    """Run one tap to its end, or to ours."""
    os.set_inheritable(events_fd, False)
    control = os.dup(0)
    spec = _spec(control)
    event: dict[str, object]
    with os.fdopen(events_fd, "w", buffering=1) as events, _sigchld() as children:
        try:
            event = _guard(spec, control, children, events) if spec else {"ended": -signal.SIGTERM}
        except OSError as err:
            event = {"failed": f"{err.strerror or err} {err.filename or ''}".rstrip(), "errno": err.errno}
        except ValueError as err:
            # A NUL in an argument, a variable's name with `=`: the texts name no value.
            event = {"failed": str(err)}
        # Nobody may be listening any more; the tap is gone either way.
        with contextlib.suppress(OSError):
            print(json.dumps(event), file=events)


def _guard(spec: Spec, control: int, children: int, events: TextIO) -> dict[str, object]:
    with _run_dir(spec["files"]) as directory:
        _adopt_orphans()
        pid = _spawn(spec, directory)
        try:
            with contextlib.suppress(OSError):
                print(json.dumps({"started": pid, "run_dir": directory}), file=events)
            status = _wait(pid, control, children)
        finally:
            status_when_stopped = _end(pid, spec["grace_s"])
        changed = {name: text for name in spec["kept"] if (text := _read(directory, name)) != spec["files"][name]}
    status = status_when_stopped if status is None else status
    code = -signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
    return {"ended": code, "changed": {name: text for name, text in changed.items() if text is not None}}


@contextlib.contextmanager
def _run_dir(files: dict[str, str]) -> Iterator[str]:
    """A 0700 directory with the run's files, 0600 each, removed however the block ends."""
    directory = tempfile.mkdtemp(prefix="dlt-singer-")
    try:
        for name, text in files.items():
            fd = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _read(directory: str, name: str) -> str | None:
    """Return a file as the tap has left it, None if it is gone, no file, or too much for the pipe of events."""
    try:
        fd = os.open(os.path.join(directory, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            content = file.read(_KEPT_BYTES + 1)
        return content.decode() if len(content) <= _KEPT_BYTES else None
    except (OSError, UnicodeDecodeError):
        return None


@contextlib.contextmanager
def _sigchld() -> Iterator[int]:
    """A file descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C in a terminal and a polite `kill` are for the pipeline; it closes our stdin when it ends.
    for number in _POLITE_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # Whoever started us may have blocked any of these.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    yield readable


def _spawn(spec: Spec, directory: str) -> int:
    argv = [part.replace(RUN_DIR, directory) for part in spec["argv"]]
    env = {name: value.replace(RUN_DIR, directory) for name, value in spec["env"].items()}
    os.chdir(spec["cwd"])
    path = shutil.which(argv[0], path=env.get("PATH", os.defpath))
    if path is None:
        there = os.path.dirname(argv[0]) and os.path.isfile(argv[0])
        raise PermissionError(13, "It is not executable") if there else FileNotFoundError(2, "No such executable")
    pid = os.posix_spawn(
        path,
        argv,
        env,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        setpgroup=0,
        setsigdef=[*_POLITE_SIGNALS, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD],
    )
    # The tap's end of file must be ours too: keep no copy of its pipes.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    return pid


def _wait(pid: int, control: int, children: int) -> int | None:
    """Wait for the tap's end (its wait status) or to be told to stop (None)."""
    poller = select.poll()
    poller.register(control, select.POLLIN | select.POLLHUP)
    poller.register(children, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poller.poll()}
        if children in ready:
            os.read(children, 4096)
            for reaped, status in _reap():
                if reaped == pid:
                    return status
        if control in ready:
            return None


def _end(pid: int, grace_s: float) -> int | None:
    """End the tap's process group and every descendant; return the tap's wait status if it is reaped here."""
    status = None
    _signal_all(pid, signal.SIGTERM)
    polite_until = time.monotonic() + grace_s
    give_up_at = polite_until + _REAP_LIMIT_S
    while _alive(pid) and time.monotonic() < give_up_at:
        if time.monotonic() >= polite_until:
            # Again and again: a descendant becomes ours only when those above it are gone.
            _signal_all(pid, signal.SIGKILL)
        status = dict(_reap()).get(pid, status)
        time.sleep(0.005)
    return status


def _signal_all(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    for child in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, number)


def _alive(pid: int) -> bool:
    if _children():
        return True
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _reap() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _children() -> list[int]:
    """Our live and dead children, orphans of the tap included (Linux; elsewhere the process group is all)."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _adopt_orphans() -> None:
    """Make grandchildren that leave the tap's process group ours when their parent ends (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _spec(fd: int) -> Spec | None:
    """Read the first line; None if we are told to stop before anything is started."""
    received = bytearray()
    while b"\n" not in received[-_READ_BYTES:]:
        chunk = os.read(fd, _READ_BYTES)
        if not chunk:
            return None
        received += chunk
    line, _, more = received.partition(b"\n")
    return None if more else json.loads(line)


if __name__ == "__main__":
    main(int(sys.argv[1]))
