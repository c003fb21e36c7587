"""A tap with very many streams."""

from __future__ import annotations

import dlt

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
