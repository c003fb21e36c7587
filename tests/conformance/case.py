"""The words a case is written in: what a tap says, run by run, and what must be in the destination after it.

`$` in a message stands for the case's own stream, which has the case's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dlt_singer._types import JSON
from dlt_singer.errors import SingerError
from dlt_singer.testing import Step

Row: TypeAlias = tuple[object, ...]
Run: TypeAlias = Sequence[Step]

UNTOLD: Any = object()
"""A state about which a case says nothing."""


@dataclass(frozen=True)
class Case:
    """A Singer stream, and what must come of it.

    Attributes:
        name: Of the case, and of its stream.
        promise: What it is about, in words.
        runs: What the tap says in each run.
        tables: The rows of each table after the last run, as `table(column TYPE, ...)`: it has these columns of the
            tap's and none else. Without a table's name the stream's is meant; a child table is `table__child`, with
            `parent.id` for the id of the row it belongs to.
        options: Further keys of the tap in `alto.yaml`.
        files: Files that the tap has written beside its output.
        state: What the pipeline has committed as the tap's state.
        starts_from: The state that each run of the tap is given.
        error: What the last run is refused with.
        words: What the error says.
        alone: The case needs a tap of its own.
    """

    name: str
    promise: str
    runs: Sequence[Run]
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    state: JSON = UNTOLD
    starts_from: Sequence[JSON] | None = None
    error: type[SingerError] | None = None
    words: str = ""
    alone: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def has_own_tap(self) -> bool:
        """Whether it cannot share a run with others."""
        told = self.state is not UNTOLD or self.starts_from is not None
        return self.alone or told or self.error is not None

    def steps(self, number: int) -> list[Step]:
        """Return what the tap says in a run."""
        return [_named(step, self.name) for step in self.runs[number]] if number < len(self.runs) else []

    def streams(self, number: int) -> list[str]:
        """Return the streams that the catalog of a run has."""
        entries = [step["entry"] for step in self.steps(number) if "entry" in step]
        return list(dict.fromkeys(str(entry["stream"]) for entry in entries if isinstance(entry, Mapping)))

    @property
    def all_streams(self) -> set[str]:
        """Every stream of any run."""
        return {stream for number in range(len(self.runs)) for stream in self.streams(number)}


def shape(
    properties: Mapping[str, JSON] | None = None,
    keys: Sequence[str] | None = ("id",),
    method: str | None = None,
    by: str | None = None,
    *,
    stream: str = "$",
    around: Mapping[str, JSON] | None = None,
    message: Mapping[str, JSON] | None = None,
    metadata: Mapping[str, Mapping[str, JSON]] | None = None,
) -> Step:
    """Return a SCHEMA.

    Args:
        properties: JSON schemas by property; a plain string stands for a type or null.
        keys: The key properties.
        method: The replication method.
        by: The replication key.
        stream: The stream.
        around: Further keywords of the JSON schema.
        message: Further members of the message.
        metadata: Further metadata of properties in the catalog.
    """
    given = {"id": "integer"} if properties is None else properties
    types = {name: {"type": [kind, "null"]} if isinstance(kind, str) else kind for name, kind in given.items()}
    json_schema: dict[str, JSON] = {"type": "object", "properties": types, **(around or {})}
    root: dict[str, JSON] = {"table-key-properties": list(keys or ()), "inclusion": "available"}
    root.update({"replication-method": method} if method else {}, **({"replication-key": by} if by else {}))
    said: dict[str, JSON] = {"type": "SCHEMA", "stream": stream, "schema": json_schema}
    said.update({} if keys is None else {"key_properties": list(keys)}, **(message or {}))
    entry: JSON = {
        "tap_stream_id": stream,
        "stream": stream,
        "schema": json_schema,
        "metadata": [
            {"breadcrumb": [], "metadata": root},
            *({"breadcrumb": ["properties", name], "metadata": each} for name, each in (metadata or {}).items()),
        ],
    }
    return {"line": json.dumps(said), "entry": entry}


def row(stream: str = "$", /, version: int | None = None, **values: JSON) -> Step:
    """Return a RECORD."""
    return raw(json.dumps(values), stream, version)


def raw(text: str, stream: str = "$", version: int | None = None) -> Step:
    """Return a RECORD of a JSON text that stays as it is."""
    versioned = "" if version is None else f', "version": {version}'
    return {"line": f'{{"type": "RECORD", "stream": {json.dumps(stream)}, "record": {text}{versioned}}}'}


def line(text: str) -> Step:
    """Return a line as it is."""
    return {"line": text}


def said(**message: JSON) -> Step:
    """Return any message."""
    return {"line": json.dumps(message)}


def activate(version: int) -> Step:
    """Return an ACTIVATE_VERSION."""
    return said(type="ACTIVATE_VERSION", stream="$", version=version)


def batch(*files: str, **encoding: JSON) -> Step:
    """Return a BATCH of files."""
    return said(type="BATCH", stream="$", encoding=encoding, manifest=list(files))


def values(
    name: str, promise: str, json_schema: JSON, columns: str, *pairs: tuple[str, object], **around: JSON
) -> Case:
    """Return a case of one property `v`.

    Args:
        name: The case's.
        promise: The same.
        json_schema: Of the property.
        columns: What it becomes, `v TYPE`; several columns separated by a comma and a space.
        *pairs: Values as JSON text, each with what is loaded: a value, or a tuple for several columns.
        **around: Further keywords of the stream's JSON schema.
    """
    told = [raw(f'{{"id": {number}, "v": {text}}}') for number, (text, _) in enumerate(pairs, 1)]
    loaded = [
        (number, *(value if isinstance(value, tuple) else (value,))) for number, (_, value) in enumerate(pairs, 1)
    ]
    begin = shape({"id": "integer", "v": json_schema}, keys=(), method="FULL_TABLE", around=around)
    return Case(name, promise, [[begin, *told]], {f"(id BIGINT, {columns})": loaded})


def _named(step: Step, stream: str) -> Step:
    text = json.dumps(step)
    named: Step = json.loads(text.replace('\\"$\\"', f'\\"{stream}\\"').replace('"$"', f'"{stream}"'))
    return named
