"""The process that is measured: imports, prepares, does the work, and writes down what it took.

python -m benchmarks.measured JOB RESULT
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.job import Job
from benchmarks.memory import peak_bytes


def main(job_file: str, result_file: str) -> None:
    """Measure one load."""
    job = Job.read(Path(job_file))
    from benchmarks.peers import PEERS

    peer = PEERS[job.peer]
    for module in peer.imports:
        import_module(module)
    import_module(peer.module)
    started = time.time() - job.spawned
    work = peer.prepare(job)
    begun_at, begun = time.time(), time.perf_counter()
    if job.profile:
        from benchmarks.sampling import profiled

        work = profiled(work, Path(job.directory) / "profile.txt")
    work()
    result: dict[str, object] = {
        "seconds": time.perf_counter() - begun,
        "begun_at": begun_at,
        "start_seconds": started,
        "peak_bytes": peak_bytes(),
    }
    if "dlt" in peer.imports:
        from benchmarks.peers.dlt_pipeline import extracted_rows, pipeline_of

        result["arrow_rows"], result["all_rows"] = extracted_rows(pipeline_of(job))
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
