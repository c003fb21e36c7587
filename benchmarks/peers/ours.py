"""Our side: a pipeline run of the tap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from benchmarks.job import Job
from benchmarks.peers.dlt_pipeline import pipeline_of
from benchmarks.taps import TAP
from dlt_singer import singer


def prepare(job: Job) -> Callable[[], object]:
    """Return what makes the source and runs it."""
    pipeline = pipeline_of(job)
    backend = cast('Literal["auto", "arrow", "rows"]', job.backend)

    def work() -> object:
        source = singer(
            TAP,
            streams=job.data.stream_names,
            project_dir=job.project,
            backend=backend,
            max_table_nesting=job.load.nesting,
        )
        return pipeline.extract(source) if job.load.extract_only else pipeline.run(source)

    return work
