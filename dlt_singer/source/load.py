"""`run`: a pipeline run with what belongs before and after it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.extract.source import DltSource

from dlt_singer.errors import TapError, reason_of
from dlt_singer.source.keeping import Lost, keeping
from dlt_singer.source.runs_table import last_trace_kept, load_runs
from dlt_singer.source.steps import definitions_of, resources_of
from dlt_singer.source.summaries import Loaded, collecting, complete
from dlt_singer.source.turns import turn_of
from dlt_singer.state import keep_committed_state
from dlt_singer.summary import RunSummary, text
from dlt_singer.tap import Tap, announce


def run(
    pipeline: dlt.Pipeline,
    source: DltSource,
    *,
    summary: bool = True,
    summary_table: bool | None = None,
    **run_kwargs: Any,  # noqa: ANN401 - dlt's own
) -> LoadInfo:
    """Load a source: like `pipeline.run`, but with nothing left pending before, and the state copied after.

    A package that an earlier run left behind is loaded first (`pipeline.run` alone would load it and leave the
    source unread). Runs of one pipeline on one machine take turns. After the load, the committed Singer state is
    copied to the project's store, and what the run did is written beside its log; `last_summaries` returns it.

    Args:
        pipeline: The pipeline.
        source: What `singer` returned, or any source that holds streams of it.
        summary: Whether what the run did is said at its end, in a few lines.
        summary_table: Whether it is also loaded into the table `_singer_runs`; by default as the tap's key
            `summary_table` says.
        **run_kwargs: Arguments of `pipeline.run`, such as `refresh` or `write_disposition`.

    Returns:
        What `pipeline.run` returns.

    Raises:
        PipelineStepFailed: As from `pipeline.run`; the tap's own error is its cause. Its `completed` names the
            streams that had ended and are loaded by now, because of `on_error: keep_completed`.

    Example:
        >>> pipeline = dlt.pipeline("github", destination="duckdb", dataset_name="raw")
        >>> print(run(pipeline, singer("tap-github", streams=["issues"])))  # doctest: +SKIP
    """
    # Single resources of one tap have a definition each.
    taps = [*{(each.tap.project.file, each.tap.name): each.tap for each in definitions_of(source)}.values()]
    in_table = {tap.name for tap in taps if (tap.plugin.summary_table if summary_table is None else summary_table)}
    told = _Told(pipeline, summary, frozenset(in_table))
    with turn_of(pipeline):
        return _load(source, taps, told, run_kwargs)


def _load(source: DltSource, taps: Sequence[Tap], told: _Told, run_kwargs: dict[str, Any]) -> LoadInfo:
    pipeline = told.pipeline
    if pipeline.has_pending_data:
        announce(f"{pipeline.pipeline_name}: first loading what an earlier run left pending")
        _forget_normalized(pipeline)
        pipeline.run()
        # The package has brought its state to the destination; whoever left it may have died before noting it here.
        if pipeline.config.restore_from_destination:
            pipeline.sync_destination()
    began = time.monotonic()
    with collecting(pipeline), keeping(pipeline) as kept:
        try:
            info = pipeline.run(source, **run_kwargs)
        except BaseException as failure:
            _tell(complete(pipeline, failure=failure), told)
            error = reason_of(failure)
            if isinstance(error, TapError):
                for lost in kept.lost():
                    with kept.read(lost), last_trace_kept(pipeline):
                        _load_ended(source, lost, told, run_kwargs)
                    error.complete(lost.streams)
            raise
        loaded = Loaded(pipeline.last_trace, info, time.monotonic() - began)
        for tap in taps:
            keep_committed_state(pipeline, tap)
        _tell(complete(pipeline, loaded), told)
    return info


def _forget_normalized(pipeline: dlt.Pipeline) -> None:
    """Remove extracted packages that are normalized: dlt does so last, and if killed before, fails for good."""
    extracted = pipeline._get_normalize_storage().extracted_packages  # noqa: SLF001 - no public way
    for load_id in {*pipeline.list_extracted_load_packages()}.intersection(
        pipeline.list_normalized_load_packages()
    ):
        extracted.delete_package(load_id)


def _load_ended(source: DltSource, lost: Lost, told: _Told, run_kwargs: Mapping[str, Any]) -> None:
    """Load the streams that had ended in a run that failed, and no other."""
    pipeline, began = told.pipeline, time.monotonic()
    # What belongs to the other streams stays.
    narrower = {"refresh": "drop_resources"} if run_kwargs.get("refresh") == "drop_sources" else {}
    ended = source.with_resources(*resources_of(source, lost.definition, lost.streams))
    info = pipeline.run(ended, **{**run_kwargs, **narrower})
    info.raise_on_failed_jobs()
    keep_committed_state(pipeline, lost.definition.tap)
    summaries = complete(pipeline, Loaded(pipeline.last_trace, info, time.monotonic() - began))
    _tell([summary for summary in summaries if summary.result == "ok"], told)


@dataclass(frozen=True, slots=True)
class _Told:
    """Who is told what was done: a person, and the pipeline's own destination for these taps."""

    pipeline: dlt.Pipeline
    person: bool
    taps: frozenset[str]


def _tell(summaries: Sequence[RunSummary], told: _Told) -> None:
    for each in summaries if told.person else ():
        announce(text(each))
    load_runs(told.pipeline, [each for each in summaries if each.tap in told.taps])
