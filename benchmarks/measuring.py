"""Runs the measurements: one process each, rounds interleaved, and every load checked for what it loaded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import checksums, taps
from benchmarks.figures import Figure, Measurement
from benchmarks.goals import OURS
from benchmarks.job import Job
from benchmarks.memory import held_bytes
from benchmarks.peers import PEERS
from benchmarks.peers.targets import NotInstalledError
from benchmarks.workloads import Workload

ROOT = Path(__file__).parents[1]
_SAMPLE_S = 0.1
_ERROR = re.compile(r"[\w.]+(?:Error|Exception|Failed|Exit)\b")
_SETTINGS = ("ALTO_", "SOURCES__", "DESTINATION__", "DLT_", "LOAD__", "NORMALIZE__", "EXTRACT__", "DATA_WRITER__")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure.

    Attributes:
        cache: Where data, environments and runs are kept.
        rounds: How often each peer is measured.
        share: Which part of a workload's rows.
        backend: Our `backend` argument.
        peers: The peers to measure; None for all of a workload.
        profile: Whether to note where our time goes.
    """

    cache: Path
    rounds: int = 5
    share: float = 1.0
    backend: str = "auto"
    peers: tuple[str, ...] | None = None
    profile: bool = False

    def peers_of(self, workload: Workload) -> tuple[str, ...]:
        """Return who is measured at a workload."""
        return tuple(peer for peer in workload.peers if self.peers is None or peer in self.peers)


def measure(workload: Workload, plan: Plan) -> dict[str, Figure]:
    """Measure all peers at a workload, in turn, each round beginning with another one."""
    peers = plan.peers_of(workload)
    data = workload.data.scaled(plan.share)
    figures = {peer: Figure(peer, data.rows * data.streams) for peer in peers}
    for number in range(plan.rounds):
        first = number % max(1, len(peers))
        for peer in (*peers[first:], *peers[:first]):
            if figures[peer].valid or number == 0:
                found = _measure_once(workload, peer, plan)
                figures[peer].measurements.append(found)
                _say(workload, peer, number, found)
    return figures


def _measure_once(workload: Workload, peer: str, plan: Plan) -> Measurement:
    directory = plan.cache / "runs" / workload.key / peer.replace(" ", "_").replace("/", "").replace(">", "")
    job = Job(workload.key, peer, plan.share, plan.backend, str(plan.cache), str(directory))
    try:
        python = PEERS[peer].python(plan.cache) or Path(sys.executable)
    except NotInstalledError as err:
        return Measurement(problem=str(err))
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    taps.forget(job)
    try:
        if workload.warm:
            warmed = _spawn(taps.prepare(replace(job, first=True)), python)
            if warmed.problem:
                return warmed
        found = _spawn(taps.prepare(replace(job, profile=plan.profile and peer == OURS)), python)
        if found.problem is None:
            found = replace(found, problem=_unread(job, found) or checksums.difference(job, PEERS[peer].store))
        if plan.profile and peer == OURS:
            _keep_profile(directory, plan.cache / "profiles" / f"{workload.key}.txt")
        return found
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _unread(job: Job, found: Measurement) -> str | None:
    """Say that dlt was not given the rows, which a table that had them before would not show; else None."""
    expected = 0 if job.idle else job.data.rows * job.data.streams
    if found.all_rows is None or found.all_rows == expected or found.all_rows > expected > 0:
        return None
    return f"dlt extracted {found.all_rows:,} rows instead of {expected:,}"


def _spawn(job: Job, python: Path) -> Measurement:
    """Run one process to its end and return what it says of itself, with its memory as seen from here."""
    directory = Path(job.directory)
    job_file, result_file, log = directory / "job.json", directory / "result.json", directory / "log.txt"
    result_file.unlink(missing_ok=True)
    program = "target_program" if PEERS[job.peer].environment else "measured"
    replace(job, spawned=time.time()).write(job_file)
    command = [str(python), "-m", f"benchmarks.{program}", str(job_file), str(result_file)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=directory, env=_environment(job, directory), stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        memory = list(_watch(process))
    if process.returncode != 0 or not result_file.exists():
        return Measurement(problem=f"failed with exit code {process.returncode}: {_last_words(log)}")
    result = json.loads(result_file.read_text(encoding="utf-8"))
    begun_at = result.pop("begun_at", 0.0)
    during = tuple((moment - begun_at, held) for moment, held in memory if moment >= begun_at)
    return Measurement(**result, memory=during)


def _watch(process: subprocess.Popen[bytes]) -> Iterator[tuple[float, int]]:
    while process.poll() is None:
        yield time.time(), held_bytes(process.pid)
        time.sleep(_SAMPLE_S)


def _environment(job: Job, directory: Path) -> Mapping[str, str]:
    """Return variables without anybody's settings for dlt, with what the tap is to see."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    own = {"PYTHONPATH": str(ROOT), "DLT_DATA_DIR": str(directory / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    return {**kept, **own, **dict(job.tap_env if job.idle else ())}


def _last_words(log: Path) -> str:
    """Return the line that names the last error, else the last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or ["it said nothing"])[-1][:300]


def _keep_profile(directory: Path, place: Path) -> None:
    profile = directory / "profile.txt"
    if profile.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(profile, place)
        print(f"profile: {place}")


def _say(workload: Workload, peer: str, number: int, found: Measurement) -> None:
    line = f"{workload.key:9} round {number + 1}  {peer:26}"
    if found.problem:
        print(f"{line} INVALID: {found.problem}", file=sys.stderr, flush=True)
    else:
        print(f"{line} {found.seconds:8.2f} s  {found.peak_bytes / 1e6:6.0f} MB", flush=True)
