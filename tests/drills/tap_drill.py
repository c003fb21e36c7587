"""A tap whose source grows: a keyed stream, a stream without keys, and a full table; slow enough to be killed in.

Reads `rows`, `pid` and `fault` (paths) from its config: how many rows there are, where to leave its process id, and
what goes wrong with it: a name in `FAULTS`, or no such file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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
    lines = [json.dumps(message).encode() + b"\n" for message in sync(count, files.get("--state", {}))]
    try:
        fault = FAULTS[Path(config["fault"]).read_text(encoding="utf-8")]
    except FileNotFoundError:
        say(lines)
    else:
        fault(lines)


def say(lines: list[bytes]) -> None:
    """Print lines at the tap's pace."""
    for number, line in enumerate(lines):
        sys.stdout.buffer.write(line)
        if number % 3 == 0:
            sys.stdout.flush()
            time.sleep(PACE_S)
    sys.stdout.flush()


def midway(*then: Callable[[], object]) -> Callable[[list[bytes]], None]:
    """Return a fault that strikes after half of the lines; the rest follows, if it lets it."""

    def fault(lines: list[bytes]) -> None:
        half = len(lines) // 2
        say(lines[:half])
        for each in then:
            each()
        say(lines[half:])

    return fault


def at_the_end(*then: Callable[[], object]) -> Callable[[list[bytes]], None]:
    """Return a fault that strikes after the last line."""

    def fault(lines: list[bytes]) -> None:
        say(lines)
        for each in then:
            each()

    return fault


def ends(code: int) -> Callable[[], None]:
    """Return what ends the tap at once."""
    return lambda: os._exit(code)


def end_well() -> None:
    """Say what waits to be said, and end as if that were all."""
    sys.stdout.flush()
    os._exit(0)


def killed_by(number: signal.Signals) -> Callable[[], None]:
    """Return what ends the tap by a signal."""
    return lambda: os.kill(os.getpid(), number)


def prints(text: bytes) -> Callable[[], object]:
    """Return what puts bytes between the lines."""
    return lambda: sys.stdout.buffer.write(text)


def hang() -> None:
    """Do nothing, for good."""
    sys.stdout.flush()
    while True:
        signal.pause()


def close_stdout() -> None:
    """Leave nobody who could say anything more."""
    sys.stdout.flush()
    os.close(1)


def start_child() -> None:
    """Start a process that outlives the tap, in a session of its own, and holds its stdout and stderr."""
    subprocess.Popen([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"], start_new_session=True)


def drip() -> None:
    """Say the same, for good."""
    while True:
        say([b'{"type": "STATE", "value": {"bookmarks": {}}}\n'])


def flood() -> None:
    """Log 200 MB, a fifth of it without a line end."""
    line = b"INFO " + b"x" * 94 + b"\n"
    for _ in range(160):
        sys.stderr.buffer.write(line * 10_000)
    for _ in range(40):
        sys.stderr.buffer.write(b"y" * 1_000_000)
    sys.stderr.flush()


def log_for_good() -> None:
    """Log and say nothing."""
    while True:
        sys.stderr.write("INFO waiting for the API\n")
        sys.stderr.flush()
        time.sleep(0.01)


def without_schemas(lines: list[bytes]) -> None:
    """Begin with records."""
    say([line for line in lines if b'"SCHEMA"' not in line])


def state_in_latin_1(lines: list[bytes]) -> None:
    """Print STATEs that are no UTF-8."""
    say([line.replace(b'"bookmarks"', b'"J\xf6rg": 1, "bookmarks"') for line in lines])


FAULTS: dict[str, Callable[[list[bytes]], None]] = {
    "exits with 1": midway(ends(1)),
    "exits with 137": midway(ends(137)),
    "dies by SIGSEGV": midway(killed_by(signal.SIGSEGV)),
    "exits with 1 after its last record": at_the_end(ends(1)),
    "exits with 1 before its SCHEMA": lambda _: os._exit(1),
    "sends records before their SCHEMA": without_schemas,
    "closes stdout and lives": midway(close_stdout, hang),
    "leaves a child that holds stdout": at_the_end(start_child),
    "leaves a child and exits with 1": midway(start_child, ends(1)),
    "hangs": midway(hang),
    "never ends": midway(drip),
    "floods stderr": midway(flood),
    "never stops logging": midway(log_for_good),
    "prints binary": midway(prints(bytes(range(256)) * 64)),
    "ends in half a line": midway(prints(b'{"type": "RECORD", "stream": "users", "rec'), end_well),
    "begins with a BOM": lambda lines: say([b"\xef\xbb\xbf" + lines[0], *lines[1:]]),
    "prints Latin-1": state_in_latin_1,
}


if __name__ == "__main__":
    main()
