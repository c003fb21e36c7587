"""Where the logs of runs are: beside each other under `.alto/logs/<env>`, and under the same keys in the store."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from datetime import datetime, timezone
from pathlib import Path

from dlt_singer._types import JSONObject
from dlt_singer.config import Project
from dlt_singer.errors import SingerError
from dlt_singer.tap.executable import LOCAL, store_of
from dlt_singer.tap.log import warn

_PATIENCE_S = 20.0


def new_id(tap: str) -> str:
    """Return a name for a run that begins now."""
    return f"{tap}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def log_path(project: Project, run: str) -> Path:
    """Return where the log of a run is kept."""
    return project.root / LOCAL / "logs" / project.env / f"{run}.log"


def keep(path: Path, project: Project) -> None:
    """Copy a file of a run that is over to the store; a run neither fails nor hangs for it."""
    failures: list[object] = [f"It took longer than {_PATIENCE_S:g} s."]

    def copy() -> None:
        key = path.relative_to(project.root / LOCAL).as_posix()
        try:
            store = store_of(project)
            if store.local_root is None or store.local_root / key != path:
                store.publish(path, key)
            failures.clear()
        except SingerError as err:
            failures[:] = [err]

    # In a thread that may be left behind: whoever is ended has little time.
    keeping = threading.Thread(target=copy, daemon=True)
    keeping.start()
    keeping.join(_PATIENCE_S)
    for failure in failures:
        warn(f"The log {path} could not be copied to the store. {failure}")


def keep_summary(project: Project, run: str, summary: JSONObject, *, in_store: bool = True) -> Path | None:
    """Write the summary of a run beside its log, here and in the store.

    Args:
        project: The project.
        run: The run's id.
        summary: The document; it takes the place of an earlier one.
        in_store: Whether the store gets it now.

    Returns:
        The file; None if it could not be written, which is warned about.
    """
    path = log_path(project, run).with_suffix(".json")
    text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as err:
        with contextlib.suppress(OSError):
            partial.unlink()
        warn(f"The summary of the run cannot be written: {err}.")
        return None
    if in_store:
        keep(path, project)
    return path
