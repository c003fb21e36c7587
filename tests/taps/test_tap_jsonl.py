"""`tap-jsonl`, built from the registry: files become rows, and changed files become merges.

The tap of this version sends every file again, once for each file in its state: it writes bookmarks that it does
not read. So a second load is full of repeated keys, and must end with each of them once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.extract.source import DltSource

from dlt_singer import singer
from dlt_singer.testing import singer_state

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]

UTC = timezone.utc
NewProject = Callable[[Mapping[str, object]], Path]

ANN: dict[str, Any] = {
    "id": 1,
    "name": "Ann 🎉",
    "score": 1.5,
    "active": True,
    "born": "1990-02-28",
    "seen_at": "2024-01-01T12:00:00+02:00",
    "tags": ["a", "b,c"],
    "address": {"city": "Zürich", "lines": [1, 2]},
}
BOB: dict[str, Any] = {**ANN, "id": 2, "name": "Bob", "seen_at": None, "tags": []}
EVE: dict[str, Any] = {**ANN, "id": 3, "name": "Eve", "address": None, "active": False}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A directory of two files, written on two days."""
    directory = tmp_path / "people"
    directory.mkdir()
    write(directory / "one.jsonl", [ANN, BOB], day=1)
    write(directory / "two.jsonl", [EVE], day=2)
    return directory


@pytest.fixture
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    destination = dlt.destinations.duckdb(str(tmp_path / "loaded.duckdb"))
    return dlt.pipeline(
        "people", destination=destination, dataset_name="raw", pipelines_dir=str(tmp_path / "pipelines")
    )


@pytest.fixture
def sql(tmp_path: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    def rows(query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(tmp_path / "loaded.duckdb")) as database:
            return database.execute(f"SET schema = 'raw'; {query}").fetchall()

    return rows


Sql = Callable[[str], list[tuple[Any, ...]]]


def write(file: Path, records: Sequence[Mapping[str, object]], *, day: int) -> None:
    file.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    written = datetime(2024, 1, day, tzinfo=UTC).timestamp()
    os.utime(file, (written, written))


def tap_source(new_project: NewProject, people: Path, keys: Sequence[str]) -> DltSource:
    config = {"path": f"{people}/*.jsonl", "stream_name": "people", "primary_keys": list(keys)}
    root = new_project({"tap-jsonl": {"pip_url": "tap-jsonl==0.3.*", "config": config}})
    return singer("tap-jsonl", project_dir=root)


def test_a_full_load_brings_every_value(
    people: Path, new_project: NewProject, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    pipeline.run(tap_source(new_project, people, ["id"]))

    found = sql(
        "SELECT people.id, name, score, active, born::VARCHAR, seen_at AT TIME ZONE 'UTC', address::VARCHAR, "
        "list(value ORDER BY _dlt_list_idx) FILTER (value IS NOT NULL) "
        "FROM people LEFT JOIN people__tags ON _dlt_parent_id = people._dlt_id GROUP BY ALL ORDER BY 1"
    )
    assert [(*row[:6], row[6] and json.loads(row[6]), row[7] or []) for row in found] == [
        tuple({**record, "seen_at": utc(record["seen_at"])}[name] for name in COLUMNS) for record in (ANN, BOB, EVE)
    ]


COLUMNS = ["id", "name", "score", "active", "born", "seen_at", "address", "tags"]


def utc(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) if text else None


def test_a_changed_and_a_new_file_are_merged(
    people: Path, new_project: NewProject, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    source = tap_source(new_project, people, ["id"])
    pipeline.run(source)
    write(people / "two.jsonl", [{**EVE, "name": "Eva"}], day=3)
    write(people / "three.jsonl", [{**ANN, "id": 4, "name": "Dan"}], day=4)

    pipeline.run(source)

    assert sql("SELECT id, name FROM people ORDER BY id") == [(1, "Ann 🎉"), (2, "Bob"), (3, "Eva"), (4, "Dan")]
    assert files_in_state(pipeline) == {"one.jsonl", "two.jsonl", "three.jsonl"}


def test_a_row_that_is_gone_from_its_file_stays(
    people: Path, new_project: NewProject, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    source = tap_source(new_project, people, ["id"])
    pipeline.run(source)
    write(people / "one.jsonl", [BOB], day=3)

    pipeline.run(source)

    assert sql("SELECT id FROM people ORDER BY id") == [(1,), (2,), (3,)]
    assert sql("SELECT count(*) FROM people__tags") == [(4,)]


def files_in_state(pipeline: dlt.Pipeline) -> set[str]:
    state: Any = singer_state(pipeline, "tap-jsonl")
    return {Path(part["context"]["_sdc_filename"]).name for part in state["bookmarks"]["people"]["partitions"]}
