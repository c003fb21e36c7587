"""`_singer_runs`: what runs did as a table at the destination, one row for each, its streams in a child table.

In: summaries. Out: rows, appended by the pipeline itself, in a load and a schema of their own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import dlt
from dlt.common.schema.utils import new_table

from dlt_singer._types import JSON
from dlt_singer.summary import RunSummary, document
from dlt_singer.tap import warn

if TYPE_CHECKING:
    from dlt.common.schema.typing import TColumnSchema
    from dlt.pipeline.trace import PipelineTrace

TABLE = "_singer_runs"
_SCHEMA = "singer_runs"
_COLUMNS: dict[str, str] = {
    **dict.fromkeys(
        ("id", "tap", "environment", "origin", "pipeline", "load_id", "result", "reason", "log"), "text"
    ),
    **dict.fromkeys(("rows_read", "bytes_read", "stray_lines", "exit_code"), "bigint"),
    **dict.fromkeys(("seconds", "waiting_seconds"), "double"),
    "started_at": "timestamp",
    "summary": "json",
}
_STREAM_COLUMNS: dict[str, str] = {
    **dict.fromkeys(("stream", "table", "written_by", "rows_reason", "bookmark_from", "bookmark_to"), "text"),
    **dict.fromkeys(("rows_read", "rows_handed", "rows_known", "rows_loaded", "bytes_read"), "bigint"),
    **dict.fromkeys(("arrow_batches", "row_batches"), "bigint"),
    "complete": "bool",
}


def load_runs(pipeline: dlt.Pipeline, summaries: Sequence[RunSummary]) -> None:
    """Load summaries; what they speak of is loaded already, so a failure is only warned about.

    Args:
        pipeline: The pipeline they are about.
        summaries: The summaries.
    """
    # dlt would finish what is pending, and not load these.
    if not summaries or pipeline.has_pending_data:
        return
    try:
        # This load is nobody's business: whoever asks for the last one means theirs.
        with last_trace_kept(pipeline):
            pipeline.run(
                [row(each) for each in summaries],
                table_name=TABLE,
                write_disposition="append",
                schema=_schema(),
            )
    except Exception as err:  # noqa: BLE001 - whatever a destination raises
        warn(f"{pipeline.pipeline_name}: what the run did could not be loaded into {TABLE} ({type(err).__name__}).")


@contextlib.contextmanager
def last_trace_kept(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Put a pipeline's last trace back after a run that it is not about."""
    trace = pipeline.last_trace
    try:
        yield
    finally:
        pipeline._last_trace = cast("PipelineTrace", trace)  # noqa: SLF001 - no public way; dlt begins with None


def _schema() -> dlt.Schema:
    """Return a schema that knows all columns, also while all of their values are null."""
    schema = dlt.Schema(_SCHEMA)
    parent = None
    for path, columns in (((TABLE,), _COLUMNS), ((TABLE, "streams"), _STREAM_COLUMNS)):
        name = schema.naming.normalize_tables_path(schema.naming.make_path(*path))
        typed = [
            {"name": schema.naming.normalize_identifier(column), "data_type": kind, "nullable": True}
            for column, kind in columns.items()
        ]
        schema.update_table(new_table(name, cast("str", parent), columns=cast("list[TColumnSchema]", typed)))
        parent = name
    return schema


def row(summary: RunSummary) -> dict[str, JSON]:
    """Return the row of a summary, with those of its streams in it."""
    whole = document(summary)
    totals = cast("dict[str, JSON]", whole["totals"])
    loaded = summary.load.rows if summary.load is not None else {}
    ends = [process.exit_code for process in summary.processes]
    own = {key: value for key, value in {**whole, **totals}.items() if key in _COLUMNS}
    streams = [
        {
            **{key: each[key] for key in _STREAM_COLUMNS if key in each},
            "rows_loaded": loaded.get(str(each["table"])),
        }
        for each in cast("list[dict[str, JSON]]", whole["streams"])
    ]
    return {
        **own,
        "exit_code": next((code for code in ends if code), ends[0] if ends else None),
        "log": summary.processes[0].log if summary.processes else None,
        "summary": whole,
        "streams": streams,
    }
