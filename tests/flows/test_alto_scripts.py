"""A script written for alto runs when its import line changes, and nothing else."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dlt_singer.testing import FakeTap, Table

SCRIPT = """
import dlt

from {package} import singer

if __name__ == "__main__":
    pipeline = dlt.pipeline(pipeline_name="stories", destination="{destination}", dataset_name="raw")
    streams = {streams}
    load_info = pipeline.run(
        singer(source="{tap}", streams=streams{options}).with_resources(*streams)
    )
    print(load_info)
"""
REPLACE_OTHERS = """,
            resource_options={
                "tasks": {"write_disposition": "replace"},
                "stories": {"write_disposition": "replace"},
            }"""


@pytest.mark.parametrize(
    ("tap", "streams", "destination", "options"),
    [
        ("tap-carbon-intensity", ["region", "entry", "generationmix"], "duckdb", ""),
        ("tap-bls", ["JTU000000000000000JOR", "JTU000000000000000TSL"], "bigquery", ""),
        ("tap-asana", ["users", "projects"], "bigquery", REPLACE_OTHERS),
    ],
    ids=["carbon intensity", "labour statistics", "asana, with options of streams it does not load"],
)
def test_a_script_for_alto_runs_with_our_import_line(
    tmp_path: Path,
    tap: str,
    streams: list[str],
    destination: str,
    options: str,
) -> None:
    source = [Table(stream, [{"id": 1}, {"id": 2}], {"id": "integer"}, ["id"]) for stream in [*streams, "other"]]
    FakeTap(tmp_path, tap).emits(*source)
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT.format(package="dlt_singer", destination=destination, streams=streams, tap=tap, options=options)
    )

    # The scripts for BigQuery stay as they are: dlt lets a destination of that name be another.
    env = {**os.environ, "DESTINATION__BIGQUERY__DESTINATION_TYPE": "duckdb"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=env, text=True, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "contains no failed jobs" in done.stdout
    (file,) = tmp_path.glob("*.duckdb")
    with contextlib.closing(duckdb.connect(str(file))) as connection:
        tables = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    assert len([name for (name,) in tables if not name.startswith("_dlt")]) == len(streams)
