"""Our side: a pipeline run of the tap, with or without a mirror, or of what was mirrored before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import dlt

from benchmarks.job import DATASET, Job
from benchmarks.peers.dlt_pipeline import pipeline_of
from benchmarks.taps import TAP
from dlt_singer import reservoir, singer


def prepare(job: Job) -> Callable[[], object]:
    """Return what makes the source and runs it."""
    if job.load.replays:
        return _filled(job) if job.first else _replayed(job)
    return _loaded(job, pipeline_of(job), mirror=False)


def mirrored(job: Job) -> Callable[[], object]:
    """Return the same, with the mirror on."""
    return _loaded(job, pipeline_of(job), mirror=True)


def _filled(job: Job) -> Callable[[], object]:
    pipeline = dlt.pipeline(
        "mirrored",
        destination=dlt.destinations.duckdb(f"{job.directory}/mirrored.duckdb"),
        dataset_name=DATASET,
        pipelines_dir=f"{job.directory}/pipelines",
    )
    return _loaded(job, pipeline, mirror=True)


def _replayed(job: Job) -> Callable[[], object]:
    pipeline = pipeline_of(job)

    def work() -> object:
        source = reservoir(TAP, job.data.stream_names, project_dir=job.project, max_table_nesting=job.load.nesting)
        return pipeline.run(source)

    return work


def _loaded(job: Job, pipeline: dlt.Pipeline, *, mirror: bool) -> Callable[[], object]:
    backend = cast('Literal["auto", "arrow", "rows"]', job.backend)

    def work() -> object:
        source = singer(
            TAP,
            streams=job.data.stream_names,
            project_dir=job.project,
            backend=backend,
            reservoir=mirror or None,
            max_table_nesting=job.load.nesting,
        )
        return pipeline.extract(source) if job.load.extract_only else pipeline.run(source)

    return work
