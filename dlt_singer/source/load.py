"""`run`: a pipeline run with what belongs before and after it."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.extract.source import DltSource

from dlt_singer.source.extract import definitions_of
from dlt_singer.state import keep_committed_state
from dlt_singer.tap import announce


def run(pipeline: dlt.Pipeline, source: DltSource, **run_kwargs: Any) -> LoadInfo:  # noqa: ANN401 - dlt's own
    """Load a source: like `pipeline.run`, but with nothing left pending before and the state copied after.

    A package that an earlier run left behind is loaded first (`pipeline.run` alone would load it and leave the
    source unread). After the load, the committed Singer state is copied to the project's store.

    Args:
        pipeline: The pipeline.
        source: What `singer` returned, or any source that holds streams of it.
        **run_kwargs: Arguments of `pipeline.run`, such as `refresh` or `write_disposition`.

    Returns:
        What `pipeline.run` returns.

    Raises:
        PipelineStepFailed: As from `pipeline.run`; the tap's own error is its cause.

    Example:
        >>> pipeline = dlt.pipeline("github", destination="duckdb", dataset_name="raw")
        >>> print(run(pipeline, singer("tap-github", streams=["issues"])))  # doctest: +SKIP
    """
    if pipeline.has_pending_data:
        announce(f"{pipeline.pipeline_name}: first loading what an earlier run left pending")
        pipeline.run()
    info = pipeline.run(source, **run_kwargs)
    # Single resources of one tap have a definition each.
    for tap in {(each.tap.project.file, each.tap.name): each.tap for each in definitions_of(source)}.values():
        keep_committed_state(pipeline, tap)
    return info
