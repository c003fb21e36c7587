"""What a load has brought, in a few words or as JSON."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.cli.screen import show, width, wrapped

if TYPE_CHECKING:
    import dlt

    from dlt_singer.tap import Tap


def show_outcome(arguments: argparse.Namespace, tap: Tap, pipeline: dlt.Pipeline, seconds: float) -> None:
    """Show what a run did, stream by stream, and where the rows went."""
    from dlt_singer.source import last_summaries
    from dlt_singer.summary import document as as_document
    from dlt_singer.summary import text

    rows, runs = _loaded_rows(pipeline), last_summaries(pipeline)
    document: JSON = {
        "tap": tap.name,
        "ok": True,
        "pipeline": pipeline.pipeline_name,
        "destination": destination_name(pipeline),
        "dataset": pipeline.dataset_name,
        "seconds": round(seconds, 3),
        "rows": sum(rows.values()),
        "tables": cast("JSON", rows),
        "runs": [as_document(each) for each in runs],
    }
    where = f"{destination_name(pipeline)}, dataset {pipeline.dataset_name}, pipeline {pipeline.pipeline_name}"
    said = [text(each, width()) for each in runs] or [f"{tap.name}: nothing new"]
    show(arguments, document, "\n".join([*said, *wrapped(f"  loaded into {where}")]))


def destination_name(pipeline: dlt.Pipeline) -> str | None:
    """Return the name of a pipeline's destination."""
    return pipeline.destination.destination_name if pipeline.destination else None


def _loaded_rows(pipeline: dlt.Pipeline) -> dict[str, int]:
    """Return how many rows of each table the last run brought, dlt's own tables left out."""
    trace = pipeline.last_trace
    info = trace.last_normalize_info if trace is not None else None
    counts = info.row_counts if info is not None else {}
    return {name: count for name, count in sorted(counts.items()) if not name.startswith("_dlt_")}
