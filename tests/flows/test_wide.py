"""A tap with very many streams."""

from __future__ import annotations

import dlt
import pytest

from dlt_singer._types import JSON
from dlt_singer.source import wide_schema
from dlt_singer.testing import FakeTap, record, schema, singer_state, state

STREAMS = 1_100


def test_eleven_hundred_streams_are_extracted_without_exhausting_the_stack(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    names = [f"stream_{number:04}" for number in range(STREAMS)]
    bookmarks = dict.fromkeys(names, 1)
    steps = [step for name in names for step in (schema(name, {"id": "integer"}, ["id"]), record(name, id=1))]
    tap.emits(*steps, state({"bookmarks": bookmarks}))

    info = pipeline.extract(tap.source())

    counts = info.metrics[info.loads_ids[0]][0]["table_metrics"]
    assert sum(counts[name].items_count for name in names) == STREAMS
    assert singer_state(pipeline) == {"bookmarks": bookmarks}


def test_every_stream_of_many_keeps_the_disposition_of_its_table(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    names = [f"stream_{number:03}" for number in range(120)]
    steps = [
        step
        for name in names
        for step in (
            schema(name, {"id": "integer"}, ["id"], replication_method="FULL_TABLE"),
            record(name, id=1),
        )
    ]
    tap.emits(*steps)

    pipeline.extract(tap.source())

    dispositions = {name: pipeline.default_schema.tables[name]["write_disposition"] for name in names}
    assert dispositions == dict.fromkeys(names, "replace")


def test_streams_that_the_tap_skips_get_no_table_however_many_they_are(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    names = [f"stream_{number:03}" for number in range(120)]
    skipped = [schema(name, {"id": "integer"}, ["id"]) for name in names]
    tap.emits(schema("users", {"id": "integer"}, ["id"]), record("users", id=1), extra_streams=skipped)

    pipeline.extract(tap.source())

    assert [name for name in pipeline.default_schema.tables if not name.startswith("_dlt")] == ["users"]


def test_what_is_stored_of_many_streams_is_what_is_stored_of_few(
    tap: FakeTap, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested: dict[str, JSON] = {"id": "integer", "tags": {"type": "array", "items": {"type": "string"}}}
    tap.emits(
        schema("users", nested, ["id"]),
        record("users", id=1, tags=["a", "b"]),
        schema("orders", {"id": "integer"}, ["id"], replication_method="FULL_TABLE"),
        record("orders", id=1),
    )
    few = dlt.pipeline("few", destination="duckdb", dataset_name="raw")
    few.run(tap.source())
    few.run(tap.source())

    monkeypatch.setattr(wide_schema, "_MANY_STREAMS", 1)
    many = dlt.pipeline("many", destination="duckdb", dataset_name="raw")
    many.run(tap.source())
    dlt.pipeline("many", destination="duckdb", dataset_name="raw").run(tap.source())

    assert type(many.default_schema) is wide_schema.WideSchema
    assert many.default_schema.tables == few.default_schema.tables
    assert many.default_schema.version_hash == few.default_schema.version_hash
