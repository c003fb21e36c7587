"""What a load has brought, in a few words or as JSON."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.cli.screen import show, table

if TYPE_CHECKING:
    import dlt

    from dlt_singer.tap import Tap


def show_outcome(arguments: argparse.Namespace, tap: Tap, pipeline: dlt.Pipeline, seconds: float) -> None:
    """Show the rows of each table that a run brought, and where they went."""
    rows = _loaded_rows(pipeline)
    document: JSON = {
        "tap": tap.name,
        "ok": True,
        "pipeline": pipeline.pipeline_name,
        "destination": destination_name(pipeline),
        "dataset": pipeline.dataset_name,
        "seconds": round(seconds, 3),
        "rows": sum(rows.values()),
        "tables": cast("JSON", rows),
    }
    where = f"{destination_name(pipeline)}, dataset {pipeline.dataset_name}, pipeline {pipeline.pipeline_name}"
    head = f"{tap.name}: {sum(rows.values()):,} rows in {seconds:.1f} s into {where}"
    listed = table(("table", "rows"), [[name, count] for name, count in rows.items()]) if rows else "Nothing new."
    show(arguments, document, f"{head}\n\n{listed}")


def destination_name(pipeline: dlt.Pipeline) -> str | None:
    """Return the name of a pipeline's destination."""
    return pipeline.destination.destination_name if pipeline.destination else None


def _loaded_rows(pipeline: dlt.Pipeline) -> dict[str, int]:
    """Return how many rows of each table the last run brought, dlt's own tables left out."""
    trace = pipeline.last_trace
    info = trace.last_normalize_info if trace is not None else None
    counts = info.row_counts if info is not None else {}
    return {name: count for name, count in sorted(counts.items()) if not name.startswith("_dlt_")}
