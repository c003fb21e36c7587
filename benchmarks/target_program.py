"""One measured run of a Singer target, in the target's own environment: knows the standard library alone.

    python -m benchmarks.target_program JOB RESULT

In: a job file. Out: a result file, as from `measured`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.memory import peak_bytes


def main(job_file: str, result_file: str) -> None:
    """Import the target, start the tap, and run the target on what it prints."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    module = job["peer"].replace("-", "_")
    directory = Path(job["directory"])
    config = directory / "config.json"
    config.write_text(json.dumps(_config(module, directory)))
    target = import_module(module)
    started = time.time() - job["spawned"]
    sys.argv = [job["peer"], "--config", str(config)]
    begun = time.perf_counter()
    env = {**os.environ, **dict(job["tap_env"])}
    with subprocess.Popen(job["tap"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tap:
        assert tap.stdout is not None  # noqa: S101 - a pipe was asked for
        os.dup2(tap.stdout.fileno(), 0)
        tap.stdout.close()
        target.main()
    seconds = time.perf_counter() - begun
    peak = peak_bytes()
    if tap.returncode:
        raise SystemExit(f"The tap ended with exit code {tap.returncode}.")
    result = {"seconds": seconds, "start_seconds": started, "peak_bytes": peak}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


def _config(module: str, directory: Path) -> dict[str, object]:
    if module == "target_duckdb":
        return {"path": str(directory / "loaded.duckdb"), "default_target_schema": "raw"}
    return {"destination_path": str(directory), "do_timestamp_file": False}


if __name__ == "__main__":
    main(*sys.argv[1:])
