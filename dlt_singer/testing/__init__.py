"""A scripted tap that is a real child process, for tests of pipelines: `FakeTap` and the messages it plays.

Nothing here is imported by the package itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import dlt
import yaml
from dlt.extract.source import DltSource

from dlt_singer._types import JSON
from dlt_singer.source import singer
from dlt_singer.state import committed_states

__all__ = [
    "CRASH", "CUT", "DEAF", "HANG", "NOISE", "ORPHAN", "SIGNAL", "STDERR", "WAIT", "FakeTap", "Step", "Table",
    "activate_version", "record", "repeat", "schema", "singer_state", "state",
]  # fmt: skip

_PLAYER = Path(__file__).with_name("player.py")

Step: TypeAlias = Mapping[str, JSON]
"""One thing a fake tap does: a message, or one of the troubles below."""

HANG: Step = {"hang": None}
"""Say nothing more and do not end."""
DEAF: Step = {"deaf": None}
"""Ignore SIGTERM from here on."""


def CRASH(code: int = 1) -> Step:  # noqa: N802 - it stands in scripts like HANG
    """End with this exit code, whatever else the script says."""
    return {"exit": code}


def SIGNAL(number: int) -> Step:  # noqa: N802 - as CRASH
    """End by this signal."""
    return {"signal": number}


def NOISE(line: str) -> Step:  # noqa: N802 - as CRASH
    """Print a line that is no Singer message."""
    return {"line": line}


def STDERR(line: str) -> Step:  # noqa: N802 - as CRASH
    """Write a line to stderr."""
    return {"stderr": line}


def WAIT(seconds: float) -> Step:  # noqa: N802 - as CRASH
    """Say nothing for a while."""
    return {"wait": seconds}


def CUT(text: str) -> Step:  # noqa: N802 - as CRASH
    """Print text without a line end; as the last step, the output ends in the middle of a line."""
    return {"cut": text}


def ORPHAN(*, own_session: bool = False) -> Step:  # noqa: N802 - as CRASH
    """Start a process that never ends and keeps stdout open."""
    return {"child": own_session}


def repeat(times: int, step: Step) -> Step:
    """Play a message many times; the text `$n` as a value in it becomes the number, from 0.

    Example:
        >>> repeat(1_000_000, record("users", id="$n"))["repeat"]["times"]
        1000000
    """
    return {"repeat": {"times": times, "line": step["line"]}}


def record(stream: str, /, *, version: int | None = None, **values: JSON) -> Step:
    """Return a RECORD.

    Example:
        >>> record("users", id=1)["line"]
        '{"type": "RECORD", "stream": "users", "record": {"id": 1}}'
    """
    message: dict[str, JSON] = {"type": "RECORD", "stream": stream, "record": values}
    return _line(message if version is None else {**message, "version": version})


def state(value: JSON) -> Step:
    """Return a STATE."""
    return _line({"type": "STATE", "value": value})


def activate_version(stream: str, version: int) -> Step:
    """Return an ACTIVATE_VERSION."""
    return _line({"type": "ACTIVATE_VERSION", "stream": stream, "version": version})


def schema(
    stream: str,
    properties: Mapping[str, JSON],
    keys: Sequence[str] = (),
    *,
    replication_method: str | None = None,
    replication_key: str | None = None,
) -> Step:
    """Return a SCHEMA; the replication method and key go into the tap's catalog.

    Args:
        stream: The stream.
        properties: JSON schemas by property; a plain string stands for a type.
        keys: The key properties.
        replication_method: FULL_TABLE, INCREMENTAL or LOG_BASED.
        replication_key: The bookmark property.
    """
    types = {name: {"type": [kind, "null"]} if isinstance(kind, str) else kind for name, kind in properties.items()}
    message: JSON = {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": types},
        "key_properties": list(keys),
    }
    return {
        **_line(message),
        "entry": _catalog_entry(stream, types, keys, replication_method, replication_key),
    }


@dataclass(frozen=True)
class Table:
    """A table that the tap syncs from the bookmark on, inclusive, as Singer taps do.

    Attributes:
        stream: Its name.
        rows: All its rows, in the order of the replication key.
        properties: JSON schemas by property; a plain string stands for a type.
        keys: The key properties.
        replication_key: The bookmark property; None for a full table.
        shape: Where the bookmark stands in STATE: under `bookmarks`, under the stream's name, or in a `cursor`.
        state_every: A STATE after so many rows, besides the one at the end.
    """

    stream: str
    rows: Sequence[Mapping[str, JSON]]
    properties: Mapping[str, JSON]
    keys: Sequence[str] = ()
    replication_key: str | None = None
    shape: Literal["bookmarks", "top", "opaque"] = "bookmarks"
    state_every: int = 1_000_000

    def step(self) -> Step:
        """Return the step that syncs it."""
        method = "INCREMENTAL" if self.replication_key else "FULL_TABLE"
        declared = schema(
            self.stream, self.properties, self.keys,
            replication_method=method, replication_key=self.replication_key,
        )  # fmt: skip
        return {
            "table": {
                "stream": self.stream,
                "schema": json.loads(str(declared["line"])),
                "rows": list(self.rows),
                "replication_key": self.replication_key,
                "shape": self.shape,
                "state_every": self.state_every,
            },
            "entry": declared["entry"],
        }


@dataclass
class FakeTap:
    """A tap of a project of its own, played from a script by a real process.

    Args:
        project_dir: Where its `alto.yaml` goes; several fake taps may share one.
        name: The tap's name.
        options: Further keys of the tap in `alto.yaml`, such as `select`.

    Example:
        >>> users = schema("users", {"id": "integer"}, keys=["id"])
        >>> tap = FakeTap(Path("project")).emits(users, record("users", id=1), CRASH(1))  # doctest: +SKIP
        >>> dlt.pipeline("p", destination="duckdb").run(tap.source())  # doctest: +SKIP
    """

    project_dir: Path
    name: str = "tap-fake"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._script = self.project_dir / f"{self.name}.script"
        self.emits()
        self.configure()

    def configure(self, **options: Any) -> FakeTap:  # noqa: ANN401 - any key of alto.yaml
        """Write the tap into the project's `alto.yaml`, with more keys."""
        self.options = {**self.options, **options}
        file = self.project_dir / "alto.yaml"
        project = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
        taps = project.setdefault("default", {}).setdefault("taps", {})
        taps[self.name] = {
            "command": [sys.executable, "-I", "-S", str(_PLAYER), str(self._script)],
            "capabilities": ["catalog", "discover", "state"],
            **self.options,
        }
        file.write_text(yaml.safe_dump(project), encoding="utf-8")
        return self

    def emits(self, *steps: Step | Table, extra_streams: Sequence[Step | Table] = ()) -> FakeTap:
        """Set what the tap does from now on.

        Args:
            *steps: Messages, tables and troubles, in order.
            extra_streams: SCHEMAs of streams that stand in the catalog and are not sent.
        """
        played = [_played(step) for step in steps]
        silent = [_played(step) for step in extra_streams]
        entries: dict[str, JSON] = {}
        for step in [*played, *silent]:
            entry = step.pop("entry", None)
            if isinstance(entry, Mapping):
                entries.setdefault(str(entry["tap_stream_id"]), entry)
        script = {"catalog": {"streams": list(entries.values())}, "steps": played}
        self._script.write_text(json.dumps(script), encoding="utf-8")
        return self

    def source(self, **arguments: Any) -> DltSource:  # noqa: ANN401 - the arguments of `singer`
        """Return `singer(...)` for this tap; the catalog is asked for again, as the script may have changed."""
        arguments.setdefault("refresh_catalog", True)
        return singer(self.name, project_dir=self.project_dir, **arguments)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call of the tap: `argv`, `pid` and the documents it was given (`config`, `catalog`, `state`)."""
        file = self._script.with_suffix(".calls")
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def syncs(self) -> list[dict[str, Any]]:
        """The calls that asked for rows; their `state` without a `currently_syncing` that is null."""
        syncs = [call for call in self.calls if "--discover" not in call["argv"]]
        for call in syncs:
            state = call.get("state")
            if isinstance(state, dict) and state.get("currently_syncing", "") is None:
                del state["currently_syncing"]
        return syncs


def singer_state(pipeline: dlt.Pipeline, tap: str = "tap-fake") -> JSON:
    """Return the Singer state of a tap as a pipeline has committed it, None if there is none."""
    return committed_states(pipeline.state).get(tap)


def _played(step: Step | Table) -> dict[str, JSON]:
    return dict(step.step() if isinstance(step, Table) else step)


def _line(message: JSON) -> Step:
    return {"line": json.dumps(message)}


def _catalog_entry(
    stream: str,
    properties: Mapping[str, JSON],
    keys: Sequence[str],
    replication_method: str | None,
    replication_key: str | None,
) -> JSON:
    root: dict[str, JSON] = {"table-key-properties": list(keys), "inclusion": "available"}
    if replication_method is not None:
        root["replication-method"] = replication_method
    if replication_key is not None:
        root["replication-key"] = replication_key
    return {
        "tap_stream_id": stream,
        "stream": stream,
        "schema": {"type": "object", "properties": dict(properties)},
        "metadata": [{"breadcrumb": [], "metadata": root}],
    }
