"""A tap of numbered rows; once, in the middle of one stream, it takes the worker that runs it along.

Standard library only: it is built into an executable of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}


def main() -> None:
    """Answer one call."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--discover", action="store_true")
    for name in ("--config", "--catalog", "--state"):
        parser.add_argument(name)
    options = parser.parse_args()
    config = document(options.config)
    if options.discover:
        say(streams=[entry(f"s{number}") for number in range(config["streams"])])
        return
    marks = document(options.state).get("bookmarks", {})
    for selected in document(options.catalog)["streams"]:
        sync(config, selected["tap_stream_id"], marks)


def entry(stream: str) -> dict[str, Any]:
    """Return what the catalog says of a stream."""
    metadata = {"replication-method": "INCREMENTAL", "replication-key": "id"}
    named = {"tap_stream_id": stream, "stream": stream, "schema": SCHEMA, "key_properties": ["id"]}
    return {**named, "metadata": [{"breadcrumb": [], "metadata": metadata}]}


def sync(config: dict[str, Any], stream: str, marks: dict[str, Any]) -> None:
    """Say the rows behind the bookmark."""
    say(type="SCHEMA", stream=stream, schema=SCHEMA, key_properties=["id"])
    for number in range(marks.get(stream, {}).get("id", 0) + 1, config["rows"] + 1):
        say(type="RECORD", stream=stream, record={"id": number, "text": f"{stream} {number}"})
        if number == config["rows"] // 2:
            marks[stream] = {"id": number}
            say(type="STATE", value={"bookmarks": marks})
            end_worker(Path(config["kill"]) / stream)
    marks[stream] = {"id": config["rows"]}
    say(type="STATE", value={"bookmarks": marks})


def end_worker(order: Path) -> None:
    """Kill the process that reads us, if that was ordered; an order is carried out once."""
    with contextlib.suppress(FileNotFoundError):
        order.unlink()
        guard = os.getppid()
        worker = subprocess.check_output(["ps", "-o", "ppid=", "-p", str(guard)], text=True)
        os.kill(int(worker), signal.SIGKILL)


def document(path: str | None) -> dict[str, Any]:
    """Return a JSON document, an empty one for no path."""
    found: dict[str, Any] = json.loads(Path(path).read_text()) if path else {}
    return found


def say(**message: object) -> None:
    """Print a message."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
