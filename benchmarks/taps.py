"""The taps of the benchmarks: how our side defines them, and the command that starts the same for the others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.columns import FIRST_ID
from benchmarks.datasets import BLOCK_ROWS
from benchmarks.job import Job
from dlt_singer._types import JSON, JSONObject

TAP = "tap-benchmark"
REQUIREMENT = "tap-jsonl==0.3.1"
_BUILT = ("plugins", "pex_root")
_IDLE = "BENCHMARK_TAP_IS_IDLE"
# The tap is called with options that `cat` would take for files: they become arguments of the shell.
_CAT = f'[ -n "${_IDLE}" ] || exec cat "$0"'


def prepare(job: Job) -> Job:
    """Write the project, build the tap if it is to be built, and return the job with the tap's command line."""
    job.project.mkdir(parents=True, exist_ok=True)
    (job.project / "alto.yaml").write_text(json.dumps({"default": {"taps": {TAP: _definition(job)}}}, indent=1))
    if job.load.tap == "tap-jsonl":
        argv, env = _built(job)
        return replace(job, tap=argv, tap_env=env)
    return replace(job, tap=_command(job), tap_env=((_IDLE, "1"),) if job.idle else ())


def forget(job: Job) -> None:
    """Remove what earlier runs have left in the project, but for what was built."""
    for left in (job.project / ".alto").glob("*"):
        if left.is_dir() and left.name not in _BUILT:
            shutil.rmtree(left)


def _definition(job: Job) -> JSONObject:
    method = {"replace": "FULL_TABLE", "merge": "INCREMENTAL"}[job.load.disposition]
    if job.load.tap == "tap-jsonl":
        return {
            "pip_url": REQUIREMENT,
            "executable": "tap-jsonl",
            "capabilities": ["catalog", "discover", "state"],
            "catalog": "catalog.json",
            "config": _config(job),
        }
    return {
        "command": _command(job),
        "capabilities": ["state"],
        "catalog": str(job.data_directory / "catalog.json"),
        "metadata": {"*": {"replication-method": method, "replication-key": "updated_at"}},
    }


def _command(job: Job) -> tuple[str, ...]:
    file = str(job.data_directory / "messages.jsonl")
    if job.load.tap == "cat":
        return ("/bin/sh", "-c", _CAT, file)
    program = Path(__file__).with_name("generator_tap.py")
    first = FIRST_ID // BLOCK_ROWS
    return (sys.executable, "-S", str(program), file, str(job.data.repetitions), str(first))


def _config(job: Job) -> dict[str, JSON]:
    records = job.data_directory / "records.jsonl"
    return {"path": str(records), "stream_name": job.data.name, "primary_keys": ["id"]}


def _built(job: Job) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Build the tap as our side does, ask it for the catalog that all use, and return its command line."""
    from dlt_singer import pex

    build = pex.PluginBuild(TAP, REQUIREMENT, executable="tap-jsonl", root=job.project)
    found = pex.executable(build, job.project / ".alto" / "plugins", None, on_progress=print)
    config, catalog = job.project / "config.json", job.project / "catalog.json"
    config.write_text(json.dumps(_config(job)))
    argv = (*found.argv, "--config", str(config))
    env = tuple(found.env.items())
    if not catalog.exists():
        done = subprocess.run(
            [*argv, "--discover"], env={**os.environ, **found.env}, stdout=subprocess.PIPE, check=True
        )
        catalog.write_bytes(done.stdout)
    return (*argv, "--catalog", str(catalog)), env
