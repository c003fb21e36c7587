"""How eight equal streams of a real tap are read: by processes of the tap in one load, and by loads side by side.

    python -m benchmarks.scale [rows per stream] [times]

One tap makes its rows up, and does nothing but work (needs singer-sdk); the other, `tap-rest-api-msdk` as a PEX,
waits for an API as most taps do (needs the package registry; a tenth of the rows). `parallel: N` is one
`pipeline.run` with N processes of the tap; N workers are N processes with a pipeline each, as an orchestrator
starts them, into one directory of Parquet files. The time is from the first call that does the work to the end of
the last, imports and builds left out; the smallest counts. Rows are counted.
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
from benchmarks.slow_api import PAGE_ROWS, PAUSE_S, slow_api
from dlt_singer._types import JSONObject

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


def working_tap(rows: int) -> JSONObject:
    """Return the entry of a tap that makes its rows up."""
    return {
        "command": [sys.executable, str(TAP)],
        "capabilities": ["catalog", "discover", "state"],
        "config": {"rows": rows},
    }


def waiting_tap(url: str) -> JSONObject:
    """Return the entry of a tap that asks an API."""
    properties = {"id": "integer", "name": "string", "amount": "number"}
    schema: JSONObject = {
        "type": "object",
        "properties": {
            **{name: {"type": kind} for name, kind in properties.items()},
            "updated_at": {"type": "string", "format": "date-time"},
        },
    }
    return {
        "pip_url": "tap-rest-api-msdk==1.4.2",
        "executable": "tap-rest-api-msdk",
        "config": {
            "api_url": url,
            "next_page_token_path": "$.next",
            "streams": [
                {
                    "name": name,
                    "path": f"/{name}",
                    "records_path": "$.rows[*]",
                    "primary_keys": ["id"],
                    "schema": schema,
                }
                for name in STREAMS
            ],
        },
    }


def seconds(tap: JSONObject, store: Path, parallel: int, workers: int) -> tuple[float, int]:
    """Load everything into an empty directory; return how long it took, and how many rows came."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        taps: JSONObject = {"tap-eight": {**tap, "parallel": parallel}}
        project: JSONObject = {"data_dir": "dlt", "storage_url": str(store), "taps": taps}
        (place / "alto.yaml").write_text(json.dumps({"default": project}))
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
    return float(max(ends) - min(begins)), sum(counts)


def compare(tap: JSONObject, store: Path, rows: int, times: int) -> None:
    """Print a table of the ways to read a tap."""

    def best(parallel: int, workers: int) -> float:
        took = [seconds(tap, store, parallel, workers) for _ in range(times)]
        for _, count in took:
            if count != rows * len(STREAMS):
                sys.exit(f"{count} rows were loaded of {rows * len(STREAMS)}.")
        return min(took)[0]

    single = best(1, 1)
    print("| | seconds | rows/s | times as fast |\n|---|---|---|---|")
    for text, took in (("one process", single), ("`parallel: 2`", best(2, 1)), ("2 workers", best(1, 2))):
        print(f"| {text} | {took:.1f} | {rows * len(STREAMS) / took:,.0f} | {single / took:.2f} |", flush=True)


def main(rows: int = 100_000, times: int = 3) -> None:
    """Measure, and print the best."""
    print(f"{today()}, {machine()}; {versions()}; commit {commit(ROOT)}; the best of {times}\n")
    few = rows // 10
    with tempfile.TemporaryDirectory() as stores, slow_api(few) as url:
        print(f"A tap that works: 8 streams of {rows:,} rows\n")
        compare(working_tap(rows), Path(stores, "working"), rows, times)
        print(f"\nA tap that waits {PAUSE_S} s for each page of {PAGE_ROWS:,}: 8 streams of {few:,} rows\n")
        compare(waiting_tap(url), Path(stores, "waiting"), few, times)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
