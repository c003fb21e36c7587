"""How eight equal streams of a real tap are read: by processes of the tap in one load, and by loads side by side.

    python benchmarks/scale.py [rows per stream] [times]

Needs singer-sdk. `parallel: N` is one `pipeline.run` with N processes of the tap; N workers are N processes with a
pipeline each, as an orchestrator starts them, into one directory of Parquet files. The time is from the first
call that does the work to the end of the last, imports left out; the smallest counts. Rows are counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.eight_streams_tap import STREAMS
from benchmarks.machine import commit, machine, today, versions

ROOT = Path(__file__).parents[1]
TAP = Path(__file__).with_name("eight_streams_tap.py")
WORK = """
import json, sys, time
import dlt, dlt.destinations.impl.filesystem.filesystem, pyarrow.parquet
import dlt_singer.source.factory, dlt_singer.source.load
name, streams = sys.argv[1], sys.argv[2].split(",")
begin = time.time()
pipeline = dlt.pipeline(name, destination=dlt.destinations.filesystem("lake"), dataset_name="raw")
dlt_singer.run(pipeline, dlt_singer.singer("tap-eight", streams=streams, name=name), summary=False)
counts = pipeline.last_trace.last_normalize_info.row_counts
print(json.dumps([begin, time.time(), sum(counts[stream] for stream in streams)]))
"""


def seconds(rows: int, parallel: int, workers: int) -> float:
    """Load everything into an empty directory, and return how long it took."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        tap = {
            "command": [sys.executable, str(TAP)],
            "capabilities": ["catalog", "discover", "state"],
            "config": {"rows": rows},
            "parallel": parallel,
        }
        (place / "alto.yaml").write_text(json.dumps({"default": {"data_dir": "dlt", "taps": {"tap-eight": tap}}}))
        python = [sys.executable, "-c"]
        quiet = {**os.environ, "RUNTIME__LOG_LEVEL": "ERROR"}
        subprocess.run([*python, "import dlt_singer; dlt_singer.discover('tap-eight')"], cwd=place, check=True)
        shares = [",".join(STREAMS[worker::workers]) for worker in range(workers)]
        started = [
            subprocess.Popen(
                [*python, WORK, f"worker_{number}", share], cwd=place, env=quiet, stdout=subprocess.PIPE
            )
            for number, share in enumerate(shares)
        ]
        said = [json.loads(process.communicate()[0]) for process in started]
    begins, ends, counts = zip(*said, strict=True)
    if sum(counts) != rows * len(STREAMS):
        sys.exit(f"{sum(counts)} rows were loaded of {rows * len(STREAMS)}.")
    return float(max(ends) - min(begins))


def main(rows: int = 100_000, times: int = 3) -> None:
    """Measure, and print the best."""
    print(f"{today()}, {machine()}; {versions()}; commit {commit(ROOT)}")
    print(f"8 streams of {rows:,} rows; the best of {times}\n")
    single = min(seconds(rows, 1, 1) for _ in range(times))
    print("| | seconds | rows/s | times as fast |\n|---|---|---|---|")
    for text, parallel, workers in (("one process", 1, 1), ("`parallel: 2`", 2, 1), ("2 workers", 1, 2)):
        best = single if text == "one process" else min(seconds(rows, parallel, workers) for _ in range(times))
        print(f"| {text} | {best:.1f} | {rows * len(STREAMS) / best:,.0f} | {single / best:.2f} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
