"""A slow tap that notes what it was asked for: some rows, a STATE, a while of nothing, a hundred times over.

Reads from its config: `checkpoints`, how many; `pace_s`, how long each takes on the first call; `markers`, whether
its bookmarks say that they are not resumable; `notes`, a file that gets a JSON line per call and per checkpoint.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROWS = 5
STREAMS: dict[str, list[str]] = {"users": ["id"], "logs": []}
_INTEGER = {"type": ["integer", "null"]}
_SCHEMA = {"type": "object", "properties": {"at": _INTEGER, "id": _INTEGER}}


def rows(stream: str, checkpoint: int) -> list[dict[str, int]]:
    """Return the rows of a stream that come before a checkpoint; those without keys are equal."""
    return [{"at": checkpoint, "id": checkpoint * ROWS + each if STREAMS[stream] else 0} for each in range(ROWS)]


def sync(first: int, config: dict[str, Any], state: dict[str, Any]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield the messages up to each checkpoint, from one on, inclusive."""
    head: list[dict[str, Any]] = [
        {"type": "SCHEMA", "stream": stream, "schema": _SCHEMA, "key_properties": keys}
        for stream, keys in STREAMS.items()
    ]
    for checkpoint in range(first, config["checkpoints"] + 1):
        said = [
            {"type": "RECORD", "stream": stream, "record": row}
            for stream in STREAMS
            for row in rows(stream, checkpoint)
        ]
        reached: dict[str, Any] = {"value": checkpoint}
        if config["markers"] and checkpoint < config["checkpoints"]:
            reached = {"progress_markers": {"Note": "not resumable", **reached}}
        state["bookmarks"] = dict.fromkeys(STREAMS, reached)
        yield checkpoint, [*head, *said, {"type": "STATE", "value": state}]
        head = []


def catalog() -> dict[str, Any]:
    """Return the catalog."""
    method = {"replication-method": "INCREMENTAL", "replication-key": "at"}
    return {
        "streams": [
            {
                "tap_stream_id": stream,
                "stream": stream,
                "schema": _SCHEMA,
                "metadata": [{"breadcrumb": [], "metadata": {"table-key-properties": keys, **method}}],
            }
            for stream, keys in STREAMS.items()
        ]
    }


def main() -> None:
    """Answer one call."""
    if "--discover" in sys.argv:
        sys.stdout.write(json.dumps(catalog()))
        return
    files = {
        option: json.loads(Path(path).read_text(encoding="utf-8"))
        for option, path in pairwise(sys.argv[1:])
        if option in {"--config", "--state"}
    }
    config, state = files["--config"], files.get("--state", {})
    notes = Path(config["notes"])
    pace_s = 0 if notes.exists() else config["pace_s"]
    bookmark = state.get("bookmarks", {}).get("users", {"value": 0})
    reached = bookmark.get("progress_markers", bookmark)["value"]
    with notes.open("a", encoding="utf-8", buffering=1) as noted:
        noted.write(json.dumps({"asked": reached}) + "\n")
        for checkpoint, messages in sync(max(reached, 1), config, state):
            sys.stdout.writelines(json.dumps(message) + "\n" for message in messages)
            sys.stdout.flush()
            noted.write(json.dumps({"sent": checkpoint}) + "\n")
            time.sleep(pace_s)


if __name__ == "__main__":
    main()
