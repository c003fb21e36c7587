"""A tap with very many streams."""

from __future__ import annotations

import dlt

from dlt_singer.testing import FakeTap, record, schema, singer_state, state

STREAMS = 1_500


def test_fifteen_hundred_streams_are_extracted_without_exhausting_the_stack(
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
