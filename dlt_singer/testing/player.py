"""The program a `FakeTap` runs: plays a script as a Singer tap would. Run as a file, standard library only.

argv: the script's path, then what any tap is called with. Every call is noted in `<script>.calls`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(script: Path, arguments: list[str]) -> None:
    """Answer one call of the tap."""
    scenario = json.loads(script.read_text(encoding="utf-8"))
    given = _documents(arguments)
    with script.with_suffix(".calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps({"pid": os.getpid(), "argv": arguments, **given}) + "\n")
    if "--discover" in arguments:
        print(json.dumps(scenario["catalog"]))
        return
    wanted = [stream["tap_stream_id"] for stream in given.get("catalog", scenario["catalog"])["streams"]]
    for step in scenario["steps"]:
        _play(step, wanted, given.get("state") or {})


def _documents(arguments: list[str]) -> dict[str, Any]:
    pairs = zip(arguments, arguments[1:], strict=False)
    return {
        option.removeprefix("--"): json.loads(Path(path).read_text(encoding="utf-8"))
        for option, path in pairs
        if option in {"--config", "--catalog", "--properties", "--state"}
    }


def _play(step: dict[str, Any], wanted: list[str], state: dict[str, Any]) -> None:
    kind, value = next(iter(step.items()))
    if kind == "line":
        print(value)
    elif kind == "table" and value["stream"] in wanted:
        for message in _table(value, state):
            print(json.dumps(message))
    elif kind == "repeat":
        for number in range(value["times"]):
            print(value["line"].replace('"$n"', str(number)))
    elif kind == "cut":
        sys.stdout.write(value)
    elif kind == "stderr":
        print(value, file=sys.stderr, flush=True)
    elif kind == "exit":
        sys.stdout.flush()
        os._exit(value)
    elif kind == "signal":
        sys.stdout.flush()
        os.kill(os.getpid(), value)
    elif kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif kind == "child":
        subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=value)
    elif kind == "hang":
        sys.stdout.flush()
        while True:
            signal.pause()


def _table(table: dict[str, Any], state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Sync a table as taps do: rows from the bookmark on, inclusive, a STATE now and then and at the end."""
    stream, key = table["stream"], table["replication_key"]
    bookmark = _read_bookmark(table, state)
    yield table["schema"]
    for number, row in enumerate(table["rows"], 1):
        if key is not None and bookmark is not None and row[key] < bookmark:
            continue
        yield {"type": "RECORD", "stream": stream, "record": row}
        if key is not None and number % table["state_every"] == 0:
            yield _state(table, row[key], state)
    yield _state(table, max((row[key] for row in table["rows"]), default=bookmark) if key else None, state)


def _read_bookmark(table: dict[str, Any], state: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    where = state.get("bookmarks", {}) if table["shape"] == "bookmarks" else state
    name = "cursor" if table["shape"] == "opaque" else table["stream"]
    found = where.get(name)
    return found.get("value") if isinstance(found, dict) else found


def _state(table: dict[str, Any], value: Any, state: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    if table["shape"] == "bookmarks":
        state.setdefault("bookmarks", {})[table["stream"]] = {"value": value}
    elif table["shape"] == "top":
        state[table["stream"]] = value
    else:
        state["cursor"] = value
    return {"type": "STATE", "value": state}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
