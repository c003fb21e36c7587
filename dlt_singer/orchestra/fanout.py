"""Many invocations in processes of their own, so many at once, and what became of each.

In: jobs. Out: their outcomes, in the order of the jobs; their lines as they come, each under its job's name.
Whoever ends the run ends the jobs: SIGTERM and Ctrl-C are passed on and waited for.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from dlt_singer._types import JSON
from dlt_singer.orchestra.outputs import FILE, ORCHESTRA, REASON
from dlt_singer.session.signals import sigterm_as_interrupt


@dataclass(frozen=True, slots=True)
class Job:
    """One invocation to start.

    Attributes:
        name: What its lines and its row in the summary are called.
        argv: The command.
    """

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: The job.
        exit_code: As of the process; negative for a signal.
        seconds: How long it ran.
        outputs: What it published: `load_id`, `rows`, `row_counts`.
        reason: Why it failed, in one line: what the script said of it, else the last line it wrote.
    """

    job: Job
    exit_code: int
    seconds: float
    outputs: Mapping[str, JSON] = field(default_factory=dict)
    reason: str = ""


def run_jobs(jobs: Sequence[Job], parallel: int, say: Callable[[str], None] = print) -> list[Outcome]:
    """Run jobs, at most so many at once; one that fails stops no other.

    Args:
        jobs: The jobs.
        parallel: How many may run at once.
        say: What is called with each line of each job.

    Returns:
        The outcomes in the order of the jobs.
    """
    running = _Running()
    with tempfile.TemporaryDirectory(prefix="dlt_singer_jobs_") as directory, sigterm_as_interrupt():
        files = [Path(directory) / f"{number}.json" for number in range(len(jobs))]
        with ThreadPoolExecutor(max_workers=parallel) as pool:
            try:
                futures = [pool.submit(_run, *each, running, say) for each in zip(jobs, files, strict=True)]
                return [future.result() for future in futures]
            except BaseException:
                running.end()
                raise


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return a table of outcomes, and why the failed ones failed.

    Args:
        outcomes: What `run_jobs` returned.

    Example:
        >>> print(summary([Outcome(Job("bls", ()), 1, 2.5, reason="tap-bls is down.")]))
        job   result        seconds         rows
        bls   failed (1)        2.5              tap-bls is down.
    """
    width = max([3, *(len(each.job.name) for each in outcomes)])
    lines = [f"{'job':<{width}}   {'result':<12}{'seconds':>9}{'rows':>13}"]
    for each in outcomes:
        result = f"failed ({each.exit_code})" if each.exit_code else "loaded"
        rows = each.outputs.get("rows")
        shown = f"{rows:,}" if isinstance(rows, int) else ""
        line = f"{each.job.name:<{width}}   {result:<12}{each.seconds:>9.1f}{shown:>13} {each.reason}"
        lines.append(line.rstrip())
    return "\n".join(lines)


class _Running:
    """The processes that run now; after `end` none is started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._over = False

    def start(self, job: Job, env: Mapping[str, str]) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._over:
                return None
            process = subprocess.Popen(
                job.argv,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            self._processes.add(process)
            return process

    def done(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._processes.discard(process)

    def end(self) -> None:
        with self._lock:
            self._over = True
            for process in self._processes:
                process.terminate()


def _run(job: Job, outputs: Path, running: _Running, say: Callable[[str], None]) -> Outcome:
    # Outputs of jobs that share one task would overwrite each other; they come here and go out together.
    env = {name: value for name, value in os.environ.items() if name not in ORCHESTRA}
    env |= {FILE: str(outputs), "PYTHONUNBUFFERED": "1"}
    started = time.monotonic()
    process = running.start(job, env)
    if process is None:
        return Outcome(job, 1, 0.0, reason="not started")
    last = ""
    with process:
        for line in process.stdout or ():
            last = line.strip() or last
            say(f"[{job.name}] {line.rstrip()}")
    running.done(process)
    said = json.loads(outputs.read_text(encoding="utf-8")) if outputs.exists() else {}
    reason = " ".join(str(said.pop(REASON, last)).split()) if process.returncode else ""
    return Outcome(job, process.returncode, time.monotonic() - started, said, reason)
