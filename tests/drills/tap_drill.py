"""A tap whose source grows: a keyed stream, a stream without keys, and a full table; slow enough to be killed in.

Reads `rows` and `pid` (paths) from its config: how many rows there are, and where to leave its process id.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

STATE_EVERY = 7
PACE_S = 0.02
STREAMS = {
    "users": ({"id": "integer", "name": "string"}, ["id"], "id"),
    "logs": ({"at": "integer", "text": "string"}, [], "at"),
    "stock": ({"id": "integer", "amount": "integer"}, ["id"], None),
}


def rows(stream: str, count: int) -> list[dict[str, Any]]:
    """Return all rows of a stream once there are so many."""
    match stream:
        case "users":
            return [{"id": each, "name": f"user {each}"} for each in range(count)]
        case "logs":
            # Two equal rows at each moment, but for the last.
            return [{"at": each // 2, "text": f"at {each // 2}"} for each in range(count)]
        case _:
            return [{"id": each, "amount": count} for each in range(5)]


def sync(count: int, state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the tap says."""
    bookmarks: dict[str, Any] = state.setdefault("bookmarks", {})
    for stream, (properties, keys, _) in STREAMS.items():
        types = {name: {"type": [kind, "null"]} for name, kind in properties.items()}
        yield {
            "type": "SCHEMA",
            "stream": stream,
            "schema": {"type": "object", "properties": types},
            "key_properties": keys,
        }
    for row in rows("stock", count):
        yield {"type": "RECORD", "stream": "stock", "record": row}
    waiting = {
        stream: [row for row in rows(stream, count) if row[key] >= bookmarks.get(stream, {}).get("value", 0)]
        for stream, key in (("users", "id"), ("logs", "at"))
    }
    said = 0
    while any(waiting.values()):
        for stream, key in (("users", "id"), ("logs", "at")):
            if waiting[stream]:
                row = waiting[stream].pop(0)
                yield {"type": "RECORD", "stream": stream, "record": row}
                bookmarks[stream] = {"value": row[key]}
                said += 1
                if said % STATE_EVERY == 0:
                    yield {"type": "STATE", "value": state}
    yield {"type": "STATE", "value": state}


def catalog() -> dict[str, Any]:
    """Return the catalog."""
    streams = []
    for stream, (properties, keys, key) in STREAMS.items():
        method = {"replication-method": "INCREMENTAL", "replication-key": key} if key else {}
        root = {"table-key-properties": keys, "replication-method": "FULL_TABLE", **method}
        types = {name: {"type": [kind, "null"]} for name, kind in properties.items()}
        streams.append(
            {
                "tap_stream_id": stream,
                "stream": stream,
                "schema": {"type": "object", "properties": types},
                "metadata": [{"breadcrumb": [], "metadata": root}],
            }
        )
    return {"streams": streams}


def main() -> None:
    """Answer one call."""
    files = {
        option: json.loads(Path(path).read_text(encoding="utf-8"))
        for option, path in pairwise(sys.argv[1:])
        if option in {"--config", "--state"}
    }
    if "--discover" in sys.argv:
        sys.stdout.write(json.dumps(catalog()))
        return
    config = files["--config"]
    Path(config["pid"]).write_text(str(os.getpid()), encoding="utf-8")
    count = int(Path(config["rows"]).read_text(encoding="utf-8"))
    for number, message in enumerate(sync(count, files.get("--state", {}))):
        sys.stdout.write(json.dumps(message) + "\n")
        if number % 3 == 0:
            sys.stdout.flush()
            time.sleep(PACE_S)


if __name__ == "__main__":
    main()
