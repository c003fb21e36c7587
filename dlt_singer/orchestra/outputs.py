"""What a run tells its scheduler: outputs for Orchestra, or a file for whoever started the script.

In: names and JSON values. Out: `set_output` calls if Orchestra's variables are there, a JSON file if
`DLT_SINGER_OUTPUTS` names one; nothing otherwise. Never fails a run: the rows are loaded by then.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dlt_singer._types import JSON
from dlt_singer.tap import warn

if TYPE_CHECKING:
    from dlt.common.pipeline import LoadInfo
    from dlt.pipeline.trace import PipelineTrace

FILE = "DLT_SINGER_OUTPUTS"
REASON = "reason"
ORCHESTRA = ("ORCHESTRA_TASK_RUN_ID", "ORCHESTRA_API_KEY")


def outputs_of(trace: PipelineTrace | None, info: LoadInfo) -> dict[str, JSON]:
    """Return what there is to say of a load.

    Args:
        trace: dlt's trace of the run that extracted and normalized.
        info: What loaded it.

    Returns:
        `load_id` (empty if nothing was loaded), `rows`, and `row_counts` by table, without dlt's own tables.
    """
    normalized = trace.last_normalize_info if trace else None
    counts: dict[str, JSON] = {
        table: rows
        for table, rows in (normalized.row_counts if normalized else {}).items()
        if not table.startswith("_dlt")
    }
    total = sum(rows for rows in counts.values() if isinstance(rows, int))
    return {"load_id": info.loads_ids[-1] if info.loads_ids else "", "rows": total, "row_counts": counts}


def publish(outputs: Mapping[str, JSON]) -> bool:
    """Tell the scheduler, if one listens.

    Orchestra takes them if the task says `set_outputs: true`; names may hold letters, `_` and `-`.

    Args:
        outputs: JSON values by name.

    Returns:
        Whether somebody was told everything.

    Raises:
        ValueError: A name that Orchestra would not take.

    Example:
        >>> publish({"rows": 12})
        False
    """
    for name in outputs:
        if not re.fullmatch(r"[A-Za-z_-]+", name):
            raise ValueError(f"Orchestra takes no output named '{name}': use letters, '_' and '-' only.")
    return _write(outputs) or (all(os.environ.get(variable) for variable in ORCHESTRA) and _tell_orchestra(outputs))


def explain(reason: str) -> None:
    """Tell whoever started this script why it failed; Orchestra reads that in the log.

    Args:
        reason: What is also the script's last word on stderr.
    """
    _write({REASON: reason})


def _write(outputs: Mapping[str, JSON]) -> bool:
    file = os.environ.get(FILE)
    if file:
        Path(file).write_text(json.dumps(outputs), encoding="utf-8")
    return bool(file)


def _tell_orchestra(outputs: Mapping[str, JSON]) -> bool:
    try:
        from orchestra_sdk.orchestra import OrchestraSDK
    except ImportError:
        warn("Orchestra is not told the outputs: `pip install 'dlt-singer[orchestra]'` brings what that takes.")
        return False
    # The SDK says False for whatever went wrong, after trying three times.
    told = OrchestraSDK(api_key=os.environ["ORCHESTRA_API_KEY"])
    for name, value in outputs.items():
        if not told.set_output(name, value):
            warn(f"Orchestra did not take the output '{name}'; the load itself is complete.")
            return False
    return True
