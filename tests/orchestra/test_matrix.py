"""One invocation per table, all at once, on workers that lose their disks: no row and no bookmark is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
import pytest

from dlt_singer.testing import FakeTap, Table

if TYPE_CHECKING:
    from tests.orchestra.worker import Worker

STREAMS = ("region", "entry", "mix")
ROUNDS = int(os.environ.get("MATRIX_ROUNDS", "3"))

pytestmark = pytest.mark.timeout(60 + 15 * ROUNDS)

Rows = Callable[[str], list[int]]


def test_concurrent_jobs_lose_no_bookmark_and_no_row(tap: FakeTap, worker: Worker, rows: Rows) -> None:
    for last in range(1, ROUNDS + 1):
        # `mix` has no keys: a row that is read twice would be there twice.
        tap.emits(*(
            Table(stream, [{"id": n} for n in range(1, last + 1)], {"id": "integer"},
                  () if stream == "mix" else ("id",), "id")
            for stream in STREAMS
        ))  # fmt: skip
        before = len(tap.syncs)

        jobs = [worker.start("--streams", stream, DLT_DATA_DIR=str(worker.disk / stream)) for stream in STREAMS]
        done = [job.ended() for job in jobs]

        assert [each.returncode for each in done] == [0, 0, 0], "\n".join(each.stderr for each in done)
        starts = {_only_stream(sync["catalog"]): sync.get("state") for sync in tap.syncs[before:]}
        bookmark = {"value": last - 1}
        expected = {name: {"bookmarks": {name: bookmark}} if last > 1 else None for name in STREAMS}
        assert {name: state or None for name, state in starts.items()} == expected
        assert {name: rows(name) for name in STREAMS} == {name: list(range(1, last + 1)) for name in STREAMS}
        shutil.rmtree(worker.disk)


def _only_stream(catalog: dict[str, list[dict[str, str]]]) -> str:
    (stream,) = catalog["streams"]
    return stream["tap_stream_id"]


@pytest.fixture(params=["duckdb", "postgres"])
def rows(request: pytest.FixtureRequest, worker: Worker) -> Rows:
    """Return a function that reads the ids of a table in the destination the worker is set to."""
    if request.param == "duckdb":
        return lambda table: [int(str(row[0])) for row in worker.ask(f"SELECT id FROM raw.{table} ORDER BY id")]
    url = request.getfixturevalue("postgres")
    worker.env |= {"DESTINATION_TYPE": "postgres", "DESTINATION__POSTGRES__CREDENTIALS": url}

    def read(table: str) -> list[int]:
        with psycopg.connect(url) as connection:
            return [row[0] for row in connection.execute(f'SELECT id FROM raw."{table}" ORDER BY id')]

    return read
