"""What every drill happens on: a project whose tap grows, runs of it in processes of their own, and what they left.

Nothing here knows what goes wrong; a round compares what is found with what the tap has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dlt
import duckdb
import yaml

import dlt_singer
from tests.drills.tap_drill import STREAMS, rows

TAP = Path(__file__).with_name("tap_drill.py")
PATIENCE_S = 3.0


@dataclass
class Project:
    """A project with a tap that grows, its pipeline, and what has happened to it.

    Attributes:
        directory: Where all of it is.
        store: Keys of `alto.yaml` that say where the store is; none for `.alto`.
        tap: Further keys of the tap.
        count: How many rows its source has.
        found: What happened, and how often.
        took_s: How long a run takes.
        rss_mb: How much memory it takes.
    """

    directory: Path
    store: Mapping[str, object] = field(default_factory=dict)
    tap: Mapping[str, object] = field(default_factory=dict)
    count: int = 0
    found: Counter[str] = field(default_factory=Counter)
    took_s: float = 2.0
    rss_mb: float = 0.0

    def __post_init__(self) -> None:
        self.temporary.mkdir(parents=True)
        self.configure(**self.tap)

    @property
    def temporary(self) -> Path:
        """The directory for temporary files of its runs."""
        return self.directory / "tmp"

    def configure(self, **options: object) -> None:
        """Write the tap into `alto.yaml`, with further keys; None takes one away."""
        tap = {
            "command": [sys.executable, "-I", "-S", str(TAP)],
            "capabilities": ["catalog", "discover", "state"],
            "config": {name: str(self.directory / name) for name in ("rows", "pid", "fault")},
            "reservoir": True,
            "checkpoint_s": 0.1,
            **options,
        }
        taps = {"tap-drill": {key: value for key, value in tap.items() if value is not None}}
        document = {"default": {**self.store, "taps": taps}}
        (self.directory / "alto.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def grow(self, more: int) -> None:
        """Add rows to the source."""
        self.count += more
        (self.directory / "rows").write_text(str(self.count), encoding="utf-8")

    def expected(self) -> dict[str, list[tuple[object, ...]]]:
        """Return what every table must hold."""
        return {stream: sorted(tuple(row.values()) for row in rows(stream, self.count)) for stream in STREAMS}

    @contextlib.contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Let something go wrong with the tap, for the length of a block."""
        (self.directory / "fault").write_text(name, encoding="utf-8")
        try:
            yield
        finally:
            (self.directory / "fault").unlink()

    def log(self) -> str:
        """Return what all its runs have said."""
        file = self.directory / "log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        code: Its exit code, negative for a signal.
        said: What it printed.
        rss_mb: How much memory it took.
    """

    code: int
    said: str
    rss_mb: float


def start(directory: Path, work: Callable[[], None]) -> int:
    """Do something in a process of its own, in a directory, with its output in a file there."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        # What is started in the background of a shell ignores it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        settle(directory)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is ends up in the log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def settle(directory: Path) -> None:
    """Make this process work in a project's directory; `DRILL` is how what it starts is found."""
    os.chdir(directory)
    Path("tmp").mkdir(exist_ok=True)
    os.environ |= {
        "DLT_DATA_DIR": str(directory / "dlt"),
        "DLT_LOCAL_DIR": str(directory),
        "TMPDIR": str(directory / "tmp"),
        "DRILL": str(directory),
    }


def load() -> None:
    """Load the tap."""
    pipeline = dlt.pipeline("drill", destination="duckdb", dataset_name="raw")
    dlt_singer.run(pipeline, dlt_singer.singer("tap-drill"))


def replay() -> None:
    """Replay the reservoir into an empty destination."""
    shutil.rmtree("dlt/pipelines/copy", ignore_errors=True)
    Path("copy.duckdb").unlink(missing_ok=True)
    dlt.pipeline("copy", destination="duckdb", dataset_name="raw").run(dlt_singer.reservoir("tap-drill"))


def wait(process: int) -> int:
    """Return a process's exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def run(
    project: Project,
    work: Callable[[], None] = load,
    meanwhile: Callable[[int], object] = lambda _: None,
) -> Outcome:
    """Do something in a process of its own, to its end.

    Args:
        project: Where.
        work: What.
        meanwhile: Is given the process once it has begun.
    """
    before = len(project.log())
    process = start(project.directory, work)
    meanwhile(process)
    _, status, usage = os.wait4(process, 0)
    return Outcome(os.waitstatus_to_exitcode(status), project.log()[before:], usage.ru_maxrss / 1024)


def healed(project: Project) -> list[str]:
    """Load once more, replay, and return what is wrong then."""
    for what, work in (("the run after it", load), ("the replay", replay)):
        began = time.monotonic()
        outcome = run(project, work)
        if outcome.code:
            return [f"{what} ended with {outcome.code}"]
        if work is load:
            project.took_s, project.rss_mb = time.monotonic() - began, outcome.rss_mb
    here, twice = tables(project, "drill.duckdb")
    there, _ = tables(project, "copy.duckdb")
    expected = project.expected()
    if twice and Counter(here["logs"]) >= Counter(expected["logs"]):
        # dlt loads a file again that the destination had committed and dlt had not noted: the rows have one id.
        project.found["loaded twice by dlt"] += 1
        here["logs"] = expected["logs"]
    return [*differences("destination", here, expected), *differences("replay", there, expected)]


def tables(project: Project, database: str) -> tuple[dict[str, list[tuple[object, ...]]], int]:
    """Return what the tables hold, and how many rows are there twice with one id of dlt's."""
    with contextlib.closing(duckdb.connect(str(project.directory / database), read_only=True)) as connection:
        found = {
            stream: sorted(
                connection.table(f"raw.{stream}").project(", ".join(map('"{}"'.format, columns))).fetchall()
            )
            for stream, (columns, _, _) in STREAMS.items()
        }
        (twice,) = connection.execute("SELECT count(*) - count(DISTINCT _dlt_id) FROM raw.logs").fetchone() or (0,)
    return found, int(twice)


def differences(
    place: str, found: Mapping[str, list[tuple[object, ...]]], expected: Mapping[str, list[tuple[object, ...]]]
) -> list[str]:
    """Return, in words, what is there too often or not at all."""
    wrong: list[str] = []
    for stream in STREAMS:
        if found[stream] != expected[stream]:
            more, less = Counter(found[stream]), Counter(expected[stream])
            wrong.append(f"{place}, {stream}: {(more - less).total()} too many, {(less - more).total()} missing")
    return wrong


def committed(project: Project) -> object:
    """Return all that a failed run must leave as it is: rows, loads, and states."""
    with contextlib.closing(duckdb.connect(str(project.directory / "drill.duckdb"), read_only=True)) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM raw.{table}").fetchone()
            for table in ("_dlt_loads", "_dlt_pipeline_state", *STREAMS)
        ]
    return tables(project, "drill.duckdb"), counts


def leftovers(project: Project) -> list[str]:
    """Return what a run has left a moment after its end: processes and temporary files."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        files = [*project.temporary.iterdir(), *project.directory.rglob("*.partial")]
        found = [f"process {each}" for each in processes(project)]
        found += [f"file {each.relative_to(project.directory)}" for each in files]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def processes(project: Project) -> list[int]:
    """Return the live processes that runs of a project have started (Linux)."""
    mark = f"DRILL={project.directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found
