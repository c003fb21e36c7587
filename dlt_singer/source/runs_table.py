"""`_singer_runs`: what runs did as a table at the destination, one row for each, its streams in a child table.

In: summaries. Out: rows, appended by the pipeline itself, in a load and a schema of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import dlt

from dlt_singer._types import JSON
from dlt_singer.summary import RunSummary, document
from dlt_singer.tap import warn

if TYPE_CHECKING:
    from dlt.common.schema.typing import TTableSchemaColumns
    from dlt.pipeline.trace import PipelineTrace

TABLE = "_singer_runs"
_SCHEMA = "singer_runs"
_COLUMNS: dict[str, dict[str, object]] = {
    "id": {"data_type": "text", "nullable": False},
    "tap": {"data_type": "text"},
    "environment": {"data_type": "text"},
    "origin": {"data_type": "text"},
    "pipeline": {"data_type": "text"},
    "load_id": {"data_type": "text"},
    "started_at": {"data_type": "timestamp"},
    "seconds": {"data_type": "double"},
    "waiting_seconds": {"data_type": "double"},
    "result": {"data_type": "text"},
    "reason": {"data_type": "text"},
    "rows_read": {"data_type": "bigint"},
    "bytes_read": {"data_type": "bigint"},
    "stray_lines": {"data_type": "bigint"},
    "exit_code": {"data_type": "bigint"},
    "log": {"data_type": "text"},
    "summary": {"data_type": "json"},
}
_OF_A_STREAM = (
    "stream", "table", "written_by", "rows_read", "rows_handed", "rows_known", "bytes_read", "arrow_batches",
    "row_batches", "rows_reason", "bookmark_from", "bookmark_to", "complete",
)  # fmt: skip


def load_runs(pipeline: dlt.Pipeline, summaries: Sequence[RunSummary]) -> None:
    """Load summaries; what they speak of is loaded already, so a failure is only warned about.

    Args:
        pipeline: The pipeline they are about.
        summaries: The summaries.
    """
    # dlt would finish what is pending, and not load these.
    if not summaries or pipeline.has_pending_data:
        return
    # This load is nobody's business: whoever asks for the last one means theirs.
    trace = pipeline.last_trace
    try:
        pipeline.run(
            [row(each) for each in summaries],
            table_name=TABLE,
            write_disposition="append",
            columns=cast("TTableSchemaColumns", _COLUMNS),
            schema=dlt.Schema(_SCHEMA),
        )
    except Exception as err:  # noqa: BLE001 - whatever a destination raises
        warn(f"{pipeline.pipeline_name}: what the run did could not be loaded into {TABLE} ({type(err).__name__}).")
    finally:
        pipeline._last_trace = cast("PipelineTrace", trace)  # noqa: SLF001 - no public way; dlt begins with None


def row(summary: RunSummary) -> dict[str, JSON]:
    """Return the row of a summary, with those of its streams in it."""
    whole = document(summary)
    totals = cast("dict[str, JSON]", whole["totals"])
    loaded = summary.load.rows if summary.load is not None else {}
    ends = [process.exit_code for process in summary.processes]
    own = {key: value for key, value in {**whole, **totals}.items() if key in _COLUMNS}
    streams = [
        {**{key: each[key] for key in _OF_A_STREAM}, "rows_loaded": loaded.get(str(each["table"]))}
        for each in cast("list[dict[str, JSON]]", whole["streams"])
    ]
    return {
        **own,
        "exit_code": next((code for code in ends if code), ends[0] if ends else None),
        "log": summary.processes[0].log if summary.processes else None,
        "summary": whole,
        "streams": streams,
    }
