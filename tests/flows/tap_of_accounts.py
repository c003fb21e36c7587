"""A tap whose settings say what it finds: streams by name, each with a `method`, `ids`, maybe a `version`.

Run as a file, standard library only. Notes in the file `notes` when it begins and when it ends; with `waits_for` it
does not go on before that account has begun, too, or `waits_s` seconds have passed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

TYPES = {
    "id": {"type": "integer"},
    "account": {"type": "string"},
    "tags": {"type": "array", "items": {"type": "string"}},
}
DECLARED = {"schema": {"type": "object", "properties": TYPES}, "key_properties": ["id"]}


def main(options: argparse.Namespace) -> None:
    """Answer one call."""
    config = document(options.config)
    if options.discover:
        say(streams=[entry(stream, plan) for stream, plan in config["streams"].items()])
        return
    note(config, "begins")
    deadline = time.monotonic() + config.get("waits_s", 60)
    while "waits_for" in config and [config["waits_for"], "begins"] not in noted(config):
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    marks = document(options.state).get("bookmarks", {})
    for selected in document(options.catalog)["streams"]:
        stream = selected["tap_stream_id"]
        plan = config["streams"][stream]
        if not plan.get("silent"):
            sync(config, stream, plan, marks)
    note(config, "ends")


def entry(stream: str, plan: dict[str, Any]) -> dict[str, Any]:
    """Return what the catalog says of a stream."""
    metadata = {"replication-method": plan["method"], "replication-key": "id"}
    named = {"tap_stream_id": stream, "stream": stream}
    return {**named, **DECLARED, "metadata": [{"breadcrumb": [], "metadata": metadata}]}


def sync(config: dict[str, Any], stream: str, plan: dict[str, Any], marks: dict[str, Any]) -> None:
    """Say all rows from the bookmark on, inclusive."""
    incremental = plan["method"] == "INCREMENTAL"
    version = {"version": plan["version"]} if "version" in plan else {}
    since = marks.get(stream, {}).get("id", 0) if incremental else 0
    say(type="SCHEMA", stream=stream, **DECLARED)
    for number in plan["ids"]:
        if number >= since:
            row = {"id": number, "account": config["account"], "tags": [str(number)]}
            say(type="RECORD", stream=stream, record=row, **version)
    if version:
        say(type="ACTIVATE_VERSION", stream=stream, **version)
    if plan["ids"] and incremental:
        marks[stream] = {"id": max(plan["ids"])}
    say(type="STATE", value={"bookmarks": marks})


def document(path: str | None) -> dict[str, Any]:
    """Return a JSON document, an empty one for no path."""
    found: dict[str, Any] = json.loads(Path(path).read_text()) if path else {}
    return found


def say(**message: object) -> None:
    """Print a message."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def noted(config: dict[str, Any]) -> list[list[str]]:
    """Return what was written down so far."""
    return [json.loads(line) for line in Path(config["notes"]).read_text().splitlines()]


def note(config: dict[str, Any], what: str) -> None:
    """Write down whose rows are read."""
    with Path(config["notes"]).open("a") as notes:
        notes.write(json.dumps([config["account"], what]) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--discover", action="store_true")
    for name in ("--config", "--catalog", "--state"):
        parser.add_argument(name)
    main(parser.parse_args())
