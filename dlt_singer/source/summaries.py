"""Summaries of runs: where they are found, and what the load adds to them.

In: what an extract has noted; dlt's trace and load info. Out: JSON files beside the logs, here and in the store,
and `last_summaries`. A pipeline that nobody keeps any more takes its summaries along.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from dlt.common.pipeline import LoadInfo, SupportsPipeline
from dlt.common.schema.utils import get_root_table
from dlt.common.storages.load_package import LoadPackageInfo
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.trace import PipelineTrace

from dlt_singer.config import Project
from dlt_singer.errors import reason_of
from dlt_singer.source.account import reason_words
from dlt_singer.summary import LoadSummary, RunSummary, document
from dlt_singer.tap.logs import keep_summary


@dataclass(slots=True)
class _Noted:
    """What was noted of a pipeline: for each tap its last run, and whether somebody will complete it."""

    runs: dict[tuple[str, str], tuple[Project, RunSummary]] = field(default_factory=dict)
    is_collected: bool = False


_noted: WeakKeyDictionary[SupportsPipeline, _Noted] = WeakKeyDictionary()
_noting = threading.Lock()


def last_summaries(pipeline: SupportsPipeline) -> tuple[RunSummary, ...]:
    """Return what the last run of each tap did that this pipeline loaded.

    Args:
        pipeline: The pipeline object that was run, with `dlt_singer.run` or by itself. `dlt_singer.run` forgets
            what earlier runs have left, and adds what was loaded.

    Returns:
        One for each tap, also for one that failed; none before the first run.

    Example:
        >>> run(pipeline, singer("tap-github"))  # doctest: +SKIP
        >>> [stream.rows_read for stream in last_summaries(pipeline)[0].streams]  # doctest: +SKIP
        [1204]
    """
    with _noting:
        noted = _noted.get(pipeline)
        return () if noted is None else tuple(summary for _, summary in noted.runs.values())


def note(pipeline: SupportsPipeline, project: Project, summary: RunSummary) -> None:
    """Note what an extract did, and write it down.

    Args:
        pipeline: The pipeline.
        project: The tap's project.
        summary: The summary.
    """
    with _noting:
        noted = _noted.setdefault(pipeline, _Noted())
        noted.runs[summary.tap, summary.origin] = (project, summary)
        in_store = not noted.is_collected
    keep_summary(project, summary.id, document(summary), in_store=in_store)


@contextlib.contextmanager
def collecting(pipeline: SupportsPipeline) -> Iterator[None]:
    """Forget earlier runs; those of the block are completed behind it, with `complete`."""
    with _noting:
        _noted[pipeline] = _Noted(is_collected=True)
    try:
        yield
    finally:
        _noted[pipeline].is_collected = False


def complete(
    pipeline: SupportsPipeline, loaded: Loaded | None = None, failure: BaseException | None = None
) -> tuple[RunSummary, ...]:
    """Add to the summaries of a pipeline what came behind the extract, and write them down once more.

    Args:
        pipeline: The pipeline.
        loaded: What was loaded.
        failure: What the run failed with.

    Returns:
        The summaries.
    """
    with _noting:
        noted = _noted[pipeline]
        runs = [*noted.runs.items()]
    for key, (project, summary) in runs:
        completed = completed_by(summary, loaded, failure)
        noted.runs[key] = (project, completed)
        keep_summary(project, completed.id, document(completed))
    return last_summaries(pipeline)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A load that is done.

    Attributes:
        trace: dlt's trace of the run.
        info: What dlt says of it.
        seconds: From the begin of the extract.
    """

    trace: PipelineTrace | None
    info: LoadInfo
    seconds: float


def completed_by(summary: RunSummary, loaded: Loaded | None, failure: BaseException | None) -> RunSummary:
    """Return a summary with what came behind its extract; of several reasons to fail the first one stays."""
    if failure is not None:
        return replace(summary, result="failed", reason=summary.reason or _words(failure))
    if loaded is None or summary.result == "failed":
        return summary
    package = next((each for each in loaded.info.load_packages if each.load_id == summary.load_id), None)
    if package is None:
        # There was nothing to load.
        return replace(summary, load=LoadSummary(loaded.seconds))
    own = {stream.table for stream in summary.streams}
    ours = {name for name in package.schema.tables if get_root_table(package.schema.tables, name)["name"] in own}
    new_tables, new_columns = _changes(package, ours)
    counts = sorted(_rows(loaded.trace, summary.load_id).items())
    rows = {table: count for table, count in counts if table in ours and count}
    return replace(summary, load=LoadSummary(loaded.seconds, rows, new_tables, new_columns))


def _rows(trace: PipelineTrace | None, load_id: str) -> dict[str, int]:
    info = trace.last_normalize_info if trace is not None else None
    metrics = info.metrics.get(load_id) if info is not None else None
    return {table: metric.items_count for table, metric in metrics[0]["table_metrics"].items()} if metrics else {}


def _changes(
    package: LoadPackageInfo, tables: Collection[str]
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Return the tables that are new, and the columns that are new in others."""
    new, added = [], {}
    for name, update in sorted(package.schema_update.items()):
        if name not in tables:
            continue
        columns = tuple(update["columns"])
        if {*package.schema.get_table_columns(name)} <= {*columns}:
            new.append(name)
        elif columns:
            added[name] = columns
    return tuple(new), added


def _words(failure: BaseException) -> str:
    """Return what failed; of dlt's errors only the kind, since they may quote a row."""
    if reason_of(failure) is None and isinstance(failure, PipelineStepFailed):
        cause = failure.__cause__ or failure.exception
        return f"{failure.step}: {type(cause if cause is not None else failure).__name__}"
    return reason_words(failure)
