"""How long assets take to be defined, beyond the import of Dagster itself.

    python benchmarks/dagster_definitions.py [streams] [times]

Needs `dlt-singer[dagster]`. A project of one tap with so many streams and a kept catalog; each measurement is a
process of its own, and the smallest counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MEASURE = """
import json, sys, time
begin = time.perf_counter()
import dagster
imported = time.perf_counter()
from dlt_singer.dagster import singer_definitions
made = singer_definitions(destination="duckdb")
defined = time.perf_counter()
print(json.dumps([imported - begin, defined - imported, len(made.assets[0].keys), "dlt" in sys.modules]))
"""


def project(directory: Path, streams: int) -> Path:
    """Write a project whose tap's catalog is kept; the tap is not there at all."""
    properties = {f"property_{number}": {"type": ["string", "null"]} for number in range(20)}
    schema = {"type": "object", "properties": {"id": {"type": "integer"}, **properties}}
    entries = [
        {
            "tap_stream_id": f"stream_{number}",
            "stream": f"stream_{number}",
            "schema": schema,
            "key_properties": ["id"],
        }
        for number in range(streams)
    ]
    (directory / "catalog.json").write_text(json.dumps({"streams": entries}))
    (directory / "alto.yaml").write_text("default: {taps: {tap-x: {command: [tap-x], catalog: catalog.json}}}")
    return directory


def main(streams: int = 20, times: int = 5) -> None:
    """Measure, and print the best."""
    with tempfile.TemporaryDirectory() as directory:
        place = project(Path(directory), streams)
        command = [sys.executable, "-c", MEASURE]
        runs = [json.loads(subprocess.check_output(command, cwd=place, text=True)) for _ in range(times)]
    assets, imported_dlt = runs[0][2:]
    print(f"import dagster       {min(run[0] for run in runs):6.2f} s")
    print(f"define {assets:5} assets  {min(run[1] for run in runs):6.2f} s  (dlt imported: {imported_dlt})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
