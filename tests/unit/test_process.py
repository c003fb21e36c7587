"""A guarded process gives all of its output and its true end, and whoever ends first, nothing of it is left."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from dlt_singer.errors import ProcessError
from dlt_singer.process import RUN_DIR, Command, GuardedProcess
from dlt_singer.process.reader import Reader

PATIENCE_S = 20.0
MEGABYTE = 1 << 20
ENV = {"PATH": os.defpath}

linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")


class Stage:
    """Starts processes, keeps what they say on stderr, and stops them at the end of the test."""

    def __init__(self, directory: Path, runs: Path) -> None:
        self.directory = directory
        self.runs = runs
        self.stderr: list[str] = []
        self.started: list[GuardedProcess] = []

    def start(
        self, *argv: str, on_stderr: Callable[[str], None] | None = None, cwd: Path | None = None,
        env: Mapping[str, str] = ENV, files: Mapping[str, str] | None = None, grace_s: float = 0.5,
    ) -> GuardedProcess:  # fmt: skip
        command = Command(argv, env, cwd or self.directory, files or {}, grace_s)
        self.started.append(GuardedProcess(command, on_stderr or self.stderr.append))
        return self.started[-1]

    def sh(self, script: str, **options: object) -> GuardedProcess:
        return self.start("sh", "-c", script, **options)  # type: ignore[arg-type]  # the options of start

    def python(self, script: str, *arguments: str, **options: object) -> GuardedProcess:
        return self.start(sys.executable, "-c", script, *arguments, **options)  # type: ignore[arg-type]  # as sh

    def run_dirs(self) -> list[Path]:
        return list(self.runs.iterdir())


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    runs = tmp_path / "runs"
    runs.mkdir()
    monkeypatch.setenv("TMPDIR", str(runs))
    stage = Stage(tmp_path, runs)
    yield stage
    for process in stage.started:
        process.stop()


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    os.close(lifeline.fd)


class Lifeline:
    """A FIFO that processes hold open; it ends when the last of them is gone."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def said(self) -> str:
        """Return the next text of a holder; an empty one means that nobody holds it any more."""
        poller = select.poll()
        poller.register(self.fd, select.POLLIN | select.POLLHUP)
        assert poller.poll(PATIENCE_S * 1000), "a process is left"
        return os.read(self.fd, 1000).decode()


def output_of(process: GuardedProcess) -> bytes:
    ended = process.communicate(PATIENCE_S)
    assert ended is not None, "it has not ended"
    return ended[0]


def guard_of(process: GuardedProcess) -> int:
    """Return the guard of a child that runs: it has said so."""
    poller = select.poll()
    poller.register(process._events.fileno(), select.POLLIN)
    assert poller.poll(PATIENCE_S * 1000)
    return process._guard.pid


def test_where_no_pipe_can_be_widened_all_is_read_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on macOS.
    monkeypatch.delattr(fcntl, "F_SETPIPE_SZ", raising=False)

    assert len(output_of(stage.python(f"print('x' * {MEGABYTE})"))) == MEGABYTE + 1


def test_a_pipe_that_cannot_be_read_is_an_error_and_not_an_end(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    reader = Reader(directory, lambda: False)
    try:
        with pytest.raises(IsADirectoryError):
            reader.read(PATIENCE_S)
    finally:
        reader.stop(PATIENCE_S)
        os.close(directory)


# --- how it ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_childs(stage: Stage, code: int) -> None:
    process = stage.sh(f"exit {code}")

    assert process.wait() == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGINT], ids=str)
def test_the_end_by_a_signal_is_a_negative_exit_code(stage: Stage, number: signal.Signals) -> None:
    process = stage.sh(f"kill -{int(number)} $$")

    assert process.wait() == -number


def test_an_exit_code_can_be_asked_for_again_and_after_stop(stage: Stage) -> None:
    process = stage.sh("exit 4")

    first = process.wait()
    process.stop()

    assert (first, process.wait()) == (4, 4)


@pytest.mark.parametrize("program", ["no-such-tap", "/no/such/tap", "./tap"])
def test_a_missing_executable_is_an_error_that_names_it(stage: Stage, program: str) -> None:
    process = stage.start(program)

    with pytest.raises(ProcessError, match=f"Cannot start '{program}': No such executable"):
        process.wait()
    assert process.read(PATIENCE_S) == b""
    assert stage.run_dirs() == []


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("#!/bin/sh\n", 0o600, "It is not executable"),
        ("#!/no/such/python\n", 0o700, "No such file or directory"),
        ("echo hi\n", 0o700, "Exec format error"),
    ],
    ids=["not executable", "its interpreter is gone", "without a first line"],
)
def test_a_file_that_cannot_be_executed_is_an_error_that_says_why(
    stage: Stage, content: str, mode: int, said: str
) -> None:
    program = stage.directory / "tap"
    program.write_text(content)
    program.chmod(mode)

    with pytest.raises(ProcessError, match=f"Cannot start '{program}': {said}") as caught:
        stage.start(str(program)).wait()

    assert "interpreter" in caught.value.remedy


def test_a_missing_working_directory_is_named(stage: Stage) -> None:
    process = stage.start("true", cwd=Path("/no/such/directory"))

    with pytest.raises(ProcessError, match="/no/such/directory"):
        process.wait()


def test_a_variable_that_no_process_can_have_is_an_error_without_its_value(stage: Stage) -> None:
    process = stage.start("true", env={**ENV, "TOKEN": "hunter2\0"})

    with pytest.raises(ProcessError, match="Cannot start 'true': embedded null byte") as caught:
        process.wait()
    assert "hunter2" not in str(caught.value)
    assert not [line for line in stage.stderr if "hunter2" in line]


def test_a_command_that_cannot_be_told_leaves_no_guard(stage: Stage) -> None:
    open_before = set(threading.enumerate())

    with pytest.raises(TypeError):
        stage.start("true", env={"PORT": b"5432"})  # type: ignore[dict-item]  # what is tested

    assert set(threading.enumerate()) == open_before


def test_programs_are_found_on_the_childs_own_path(stage: Stage) -> None:
    program = stage.directory / "bin" / "tap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho mine")
    program.chmod(0o700)

    process = stage.start("tap", env={"PATH": f"{program.parent}:{os.defpath}"})

    assert output_of(process) == b"mine\n"


# --- what it gets ------------------------------------------------------------------------------------------------


def test_the_environment_is_exactly_what_was_given(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_PARENT", "1")
    env = {"PATH": os.defpath, "EMPTY": "", "LINES": "a\nb=c", "ÜMLAUT": "ß", "BYTES": os.fsdecode(b"\xff")}

    process = stage.start("env", "-0", env=env)

    given = dict(line.split(b"=", 1) for line in output_of(process).split(b"\0") if line)
    assert given == {os.fsencode(name): os.fsencode(value) for name, value in env.items()}


def test_files_are_for_the_owner_alone_and_gone_afterwards(stage: Stage) -> None:
    script = 'umask 0; stat -c %a "$1" "$1"/*; cat "$1"/*; echo "$1"'
    files = {"config.json": '{"key": "ß"}', "state.json": "[]"}

    process = stage.start("sh", "-c", script, "tap", RUN_DIR, files=files)

    modes, rest = output_of(process).decode().split("{", 1)
    content, directory = rest.rsplit("]", 1)
    assert modes.split() == ["700", "600", "600"]
    assert "{" + content + "]" == '{"key": "ß"}[]'
    assert Path(directory.strip()).parent == stage.runs
    assert stage.run_dirs() == []


def test_a_catalog_of_20_megabytes_arrives_whole(stage: Stage) -> None:
    catalog = '{"streams": "' + "ä" * (10 * MEGABYTE) + '"}'

    process = stage.start("wc", "-c", f"{RUN_DIR}/catalog.json", files={"catalog.json": catalog})

    assert output_of(process).split()[0] == str(len(catalog.encode())).encode()


@linux
def test_no_argument_of_any_process_shows_a_file_or_a_variable(stage: Stage) -> None:
    process = stage.sh(
        "echo up; sleep 1000",
        env={**ENV, "TOKEN": "s3cr3t-v4lue"}, files={"config.json": '{"key": "s3cr3t-v4lue"}'},
    )  # fmt: skip
    process.read(PATIENCE_S)

    arguments = [command_line(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()]

    assert any(b"guard.py" in each for each in arguments)
    assert not [each for each in arguments if b"s3cr3t-v4lue" in each]


def command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def test_stdin_is_empty(stage: Stage) -> None:
    assert output_of(stage.start("cat")) == b""


def test_a_child_starts_with_no_signal_ignored_or_blocked(stage: Stage) -> None:
    script = """if True:
        import signal
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.getsignal(signal.SIGHUP) is signal.SIG_DFL)
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    try:
        process = stage.python(script)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert output_of(process) == b"set()\nTrue True\n"


@linux
def test_a_child_holds_no_descriptor_of_ours(stage: Stage) -> None:
    process = stage.python("import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")

    assert output_of(process) == b"[0, 1, 2]\n"


# --- what it says ------------------------------------------------------------------------------------------------


def test_what_is_written_comes_at_once_and_in_order(stage: Stage) -> None:
    process = stage.sh("printf one; read line < go; printf two")
    os.mkfifo(stage.directory / "go")

    first = process.read(PATIENCE_S)
    nothing = process.read(0.01)
    (stage.directory / "go").write_text("\n")

    assert (first, nothing, output_of(process)) == (b"one", None, b"two")


@pytest.mark.parametrize("size", [1, 4096, 65_537, 5 * MEGABYTE], ids=["one byte", "a page", "odd", "5 MB"])
def test_output_in_writes_of_any_size_arrives_whole(stage: Stage, size: int) -> None:
    script = "import os, sys; n = int(sys.argv[1])\nfor i in range(40): os.write(1, bytes([i]) * n)"
    process = stage.python(script, str(size))

    output = output_of(process)

    # A write into a pipe may be cut; a short one is the writer's own business.
    assert [number for number in range(40) if bytes([number]) not in output] == []
    assert len(output) <= 40 * size
    assert sorted(output[:: max(size // 64, 1)]) == list(output[:: max(size // 64, 1)])


def test_end_of_output_is_told_as_often_as_asked(stage: Stage) -> None:
    process = stage.sh("echo x")

    output_of(process)

    assert (process.read(PATIENCE_S), process.read(PATIENCE_S)) == (b"", b"")


def test_stderr_comes_line_by_line_whatever_its_line_ends_and_bytes(stage: Stage) -> None:
    process = stage.sh(r"printf 'one\r\ntwo\n\n\377\nlast' >&2")

    process.wait()

    assert stage.stderr == ["one", "two", "", "\N{REPLACEMENT CHARACTER}", "last"]


def test_a_flood_on_stderr_does_not_stop_a_tap_that_is_silent_on_stdout(stage: Stage) -> None:
    seen = [0]

    def count(line: str) -> None:
        seen[0] += len(line) + 1

    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    process = stage.sh("yes 'a line of some forty characters, or more' | head -c 100000000 >&2", on_stderr=count)

    assert process.read(PATIENCE_S) == b""
    assert process.wait() == 0
    assert seen[0] >= 100_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000


def test_stderr_without_line_ends_comes_in_pieces_of_bounded_size(stage: Stage) -> None:
    process = stage.sh("head -c 10000000 /dev/zero >&2")

    process.wait()

    assert sum(map(len, stage.stderr)) == 10_000_000
    assert max(map(len, stage.stderr)) <= 65_536


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_tap_goes_on_when_nobody_can_take_its_stderr(stage: Stage) -> None:
    def refuse(line: str) -> None:
        raise RuntimeError

    process = stage.sh("yes | head -c 1000000 >&2; echo done", on_stderr=refuse)

    assert output_of(process) == b"done\n"


def test_communicate_gives_up_on_a_child_that_closes_stdout_and_lives_on(stage: Stage) -> None:
    process = stage.sh("exec >/dev/null; exec sleep 1000")

    assert process.communicate(0.5) is None


def test_communicate_gives_up_on_a_child_that_never_stops_talking(stage: Stage) -> None:
    process = stage.start("yes")

    assert process.communicate(0.3) is None


def test_the_exit_code_of_a_child_that_closed_stdout_long_before_is_waited_for(stage: Stage) -> None:
    os.mkfifo(stage.directory / "go")
    process = stage.sh("exec >/dev/null; read line < go; exit 5")

    end = process.read(PATIENCE_S)
    (stage.directory / "go").write_text("\n")

    assert (end, process.wait()) == (b"", 5)


def test_a_grandchild_that_keeps_stdout_open_does_not_hold_up_the_end(stage: Stage, lifeline: Lifeline) -> None:
    process = stage.sh(f"exec 9>{lifeline.path}; sleep 1000 & echo hello; exit 7")

    ended = process.communicate(PATIENCE_S)

    assert ended == (b"hello\n", 7)
    assert lifeline.said() == ""


# --- who ends first ----------------------------------------------------------------------------------------------


def test_stop_ends_a_child_that_was_never_read(stage: Stage) -> None:
    process = stage.start("yes")

    process.stop()

    assert process.wait() == -signal.SIGTERM
    assert stage.run_dirs() == []


def test_stop_at_once_leaves_nothing(stage: Stage) -> None:
    for _ in range(5):
        stage.start("sleep", "1000").stop()

    assert stage.run_dirs() == []


def test_stop_may_be_called_again_and_after_the_end(stage: Stage) -> None:
    process = stage.sh("echo x")
    process.wait()

    process.stop()
    process.stop()

    assert process.wait() == 0


def test_stop_lets_a_child_clean_up_within_its_grace(stage: Stage) -> None:
    process = stage.sh(
        "trap 'echo bye > said; exit 9' TERM; echo up; while :; do sleep 0.01; done", grace_s=PATIENCE_S
    )
    process.read(PATIENCE_S)

    process.stop()

    assert (stage.directory / "said").read_text() == "bye\n"
    assert process.wait() == 9


def test_a_child_deaf_to_sigterm_is_killed_after_its_grace_with_all_its_children(
    stage: Stage, lifeline: Lifeline
) -> None:
    process = stage.sh(
        f"trap '' TERM; exec 9>{lifeline.path}; setsid sleep 1000 & sleep 1000 & echo up; wait",
        grace_s=0.3,
    )
    process.read(PATIENCE_S)

    started = time.monotonic()
    process.stop()

    assert 0.3 <= time.monotonic() - started < 2
    assert process.wait() == -signal.SIGKILL
    assert lifeline.said() == ""
    assert stage.run_dirs() == []


@linux
def test_a_daemon_that_left_the_childs_session_is_ended_too(stage: Stage, lifeline: Lifeline) -> None:
    process = stage.sh(f"exec 9>{lifeline.path}; (setsid setsid sleep 1000 &) ; echo up")

    assert process.wait() == 0

    assert lifeline.said() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=str)
def test_a_polite_signal_to_the_guard_ends_nothing(stage: Stage, number: signal.Signals) -> None:
    os.mkfifo(stage.directory / "go")
    process = stage.sh("echo up; read line < go; exit 6")
    process.read(PATIENCE_S)

    os.kill(guard_of(process), number)
    (stage.directory / "go").write_text("\n")

    assert process.wait() == 6


@pytest.mark.parametrize("end", ["read on", "stop"])
def test_a_killed_guard_is_told_and_its_child_does_not_outlive_it(
    stage: Stage, lifeline: Lifeline, end: str
) -> None:
    process = stage.sh(f"exec 9>{lifeline.path}; sleep 1000 & echo up; wait")
    process.read(PATIENCE_S)

    os.kill(guard_of(process), signal.SIGKILL)
    process._guard.wait()
    if end == "read on":
        assert process.read(PATIENCE_S) == b""
    else:
        process.stop()

    with pytest.raises(ProcessError, match="guards 'sh' was killed"):
        process.wait()
    assert lifeline.said() == ""
    assert stage.run_dirs() == []


def test_what_a_child_wrote_before_its_guard_was_killed_is_still_read(stage: Stage) -> None:
    up = threading.Event()
    process = stage.sh("echo last words; echo up >&2; exec sleep 1000", on_stderr=lambda _: up.set())
    assert up.wait(PATIENCE_S)

    os.kill(guard_of(process), signal.SIGKILL)
    process._guard.wait()

    assert (process.read(PATIENCE_S), process.read(PATIENCE_S)) == (b"last words\n", b"")


def test_a_process_forked_from_ours_does_not_keep_the_child_from_stopping(stage: Stage) -> None:
    process = stage.start("sleep", "1000")
    readable, writable = os.pipe()
    forked = os.fork()
    if not forked:
        os.close(writable)
        os.read(readable, 1)
        os._exit(0)

    process.stop()

    os.close(writable)
    os.close(readable)
    os.waitpid(forked, 0)
    assert process.wait() == -signal.SIGTERM


PARENT = """if True:
    import os, sys
    from pathlib import Path
    from dlt_singer.process import Command, GuardedProcess
    script = f"trap '' TERM; exec 9>{sys.argv[1]}; setsid sleep 1000 & echo up >&9; wait"
    process = GuardedProcess(Command(["sh", "-c", script], dict(os.environ), Path.cwd(), {"c": "x"}), print)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=str)
def test_nothing_is_left_when_the_parent_is_killed(
    stage: Stage, lifeline: Lifeline, number: signal.Signals
) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(lifeline.path)], stdin=subprocess.PIPE) as parent:
        assert lifeline.said() == "up\n"

        parent.send_signal(number)
        killed_at = time.monotonic()

    assert lifeline.said() == ""
    assert time.monotonic() - killed_at < 2


@linux
def test_fifty_runs_leave_no_descriptor_no_thread_and_no_zombie(stage: Stage) -> None:
    def held() -> tuple[int, int, list[str]]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), children

    before = held()
    for number in range(50):
        process = stage.start(*[("no-such-tap",), ("true",), ("yes",)][number % 3])
        process.read(PATIENCE_S)
        process.stop()

    assert held() == before
    assert stage.run_dirs() == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("file.write_text('{}')", [("a.json", "{}")]),
        ("", []),
        ("file.unlink()", []),
        ("file.unlink(); file.symlink_to('/etc/passwd')", []),
        ("file.write_text('x' * 100_000)", []),
        ("file.write_bytes(bytes([255]))", []),
    ],
    ids=["changed", "as it was", "removed", "a link elsewhere", "too much", "no text"],
)
def test_a_file_that_the_child_has_changed_is_told_at_the_end(
    stage: Stage, change: str, told: list[tuple[str, str]]
) -> None:
    heard: list[tuple[str, str]] = []
    script = f"import sys, pathlib; file = pathlib.Path(sys.argv[1]); {change}"
    argv = [sys.executable, "-c", script, f"{RUN_DIR}/a.json"]
    command = Command(argv, ENV, stage.directory, {"a.json": "1", "b.json": "2"}, kept=["a.json"])

    process = GuardedProcess(command, stage.stderr.append, lambda name, text: heard.append((name, text)))
    code = process.wait()
    process.stop()

    assert (code, heard) == (0, told)
