"""How long `pipeline.extract` takes for a tap with very many streams, beside plain dlt resources of the same rows.

    python benchmarks/wide_catalog.py [streams]

Each measurement is a process of its own; the time is that of the call, processor seconds beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def ours(streams: int, directory: Path) -> object:
    """Return a source of a fake tap that sends one row and a bookmark for each of its streams."""
    from dlt_singer.testing import FakeTap, record, schema, state

    names = [f"stream_{number}" for number in range(streams)]
    steps = [
        step
        for name in names
        for step in (
            schema(name, {"id": "integer", "name": "string"}, ["id"], replication_method="INCREMENTAL"),
            record(name, id=1, name="one"),
        )
    ]
    tap = FakeTap(directory).emits(*steps, state({"bookmarks": {name: {"at": 1} for name in names}}))
    return tap.source()


def plain(streams: int, _: Path) -> object:
    """Return a dlt source with the same rows and hints, without a tap."""
    import dlt
    from dlt.extract.hints import make_hints

    def resource(name: str) -> object:
        def read() -> object:
            hints = make_hints(
                table_name=name,
                write_disposition="merge",
                primary_key="id",
                columns={
                    "id": {"data_type": "bigint", "nullable": False},
                    "name": {"data_type": "text"},
                    "_sdc_sequence": {"data_type": "bigint", "dedup_sort": "desc"},
                },
                file_format="parquet",
            )
            rows = [{"id": 1, "name": "one", "_sdc_sequence": 1}]
            yield dlt.mark.with_hints(rows, hints, create_table_variant=True)

        return dlt.resource(read, name=name)

    # Without this dlt overflows its stack after about a thousand resources that stop in a row.
    sys.setrecursionlimit(1_000_000)
    return dlt.source(lambda: [resource(f"stream_{number}") for number in range(streams)], name="plain")()


SOURCES: dict[str, Callable[[int, Path], object]] = {"ours": ours, "plain dlt": plain}


def measure(name: str, streams: int) -> None:
    """Extract once and print wall and processor seconds."""
    directory = Path(tempfile.mkdtemp())
    os.chdir(directory)
    os.environ["DLT_DATA_DIR"] = str(directory / "dlt")
    import dlt

    source = SOURCES[name](streams, directory)
    pipeline = dlt.pipeline("wide", destination="duckdb", dataset_name="raw")
    wall, processor = time.perf_counter(), time.process_time()
    pipeline.extract(source)
    print(f"{time.perf_counter() - wall:.1f} {time.process_time() - processor:.1f}")


def main() -> None:
    """Measure all in turn and print a table."""
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    print(f"{streams} streams, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    for name in SOURCES:
        command = [sys.executable, __file__, str(streams), name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        wall, processor = done.stdout.split()[-2:]
        print(f"{name:10} {wall:>7} s   {processor:>7} s of processor")


if __name__ == "__main__":
    if len(sys.argv) > 2:  # noqa: PLR2004 - a measurement: streams and name
        measure(sys.argv[2], int(sys.argv[1]))
    else:
        main()
