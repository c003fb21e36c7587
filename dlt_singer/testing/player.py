"""The program a `FakeTap` runs: plays a script as a Singer tap would. Run as a file, standard library only.

argv: the script's path, then what any tap is called with. Every call is noted in `<script>.calls`.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def main(script: Path, arguments: list[str]) -> None:
    """Answer one call of the tap."""
    scenario = json.loads(script.read_text(encoding="utf-8"))
    given = _documents(arguments)
    with script.with_suffix(".calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps({"pid": os.getpid(), "argv": arguments, **given}) + "\n")
    if "--discover" in arguments:
        _say(json.dumps(scenario["catalog"]))
        return
    wanted = [stream["tap_stream_id"] for stream in given.get("catalog", scenario["catalog"])["streams"]]
    before = given.get("state") or {}
    state = copy.deepcopy(before)
    for step in scenario["steps"]:
        kind, value = next(iter(step.items()))
        if kind == "table":
            if value["stream"] in wanted:
                _say(*map(json.dumps, _table(value, before, state)))
        else:
            _STEPS[kind](value)


def _documents(arguments: list[str]) -> dict[str, Any]:
    return {
        option.removeprefix("--"): json.loads(Path(path).read_text(encoding="utf-8"))
        for option, path in itertools.pairwise(arguments)
        if option in {"--config", "--catalog", "--properties", "--state"}
    }


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _repeat(value: dict[str, Any]) -> None:
    """Print a line many times; `"$n"` in it stands for the number."""
    _say(*(value["line"].replace('"$n"', str(number)) for number in range(value["times"])))


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _exit(code: int) -> None:
    sys.stdout.flush()
    os._exit(code)


def _kill(number: int) -> None:
    sys.stdout.flush()
    os.kill(os.getpid(), number)


def _ignore_sigterm(_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _start_child(own_session: bool) -> None:  # noqa: FBT001 - a value from the script
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=own_session)


def _wait(seconds: float) -> None:
    sys.stdout.flush()
    time.sleep(seconds)


def _hang(_: object) -> None:
    sys.stdout.flush()
    while True:
        signal.pause()


_STEPS: dict[str, Callable[[Any], object]] = {
    "line": _say,
    "repeat": _repeat,
    "cut": sys.stdout.write,
    "stderr": _complain,
    "exit": _exit,
    "signal": _kill,
    "deaf": _ignore_sigterm,
    "child": _start_child,
    "hang": _hang,
    "wait": _wait,
}


def _table(table: dict[str, Any], before: dict[str, Any], state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Sync a table as taps do: rows from the bookmark on, inclusive, a STATE now and then and at the end."""
    stream, key = table["stream"], table["replication_key"]
    bookmark = _read_bookmark(table, before)
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
