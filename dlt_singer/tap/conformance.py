"""What a tap does, held against the Singer specification: its output line by line, then a finding for each rule.

Takes lines and an exit code, starts nothing, and remembers no record: findings count, and name streams and
properties.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog import Catalog
from dlt_singer.errors import MessageError
from dlt_singer.messages import Batch, Record, Schema, State, parse_line
from dlt_singer.summary.words import count_words
from dlt_singer.tap.conformity import misfits

Level: TypeAlias = Literal["ok", "warning", "fault"]
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """How one rule is kept.

    Attributes:
        rule: The rule, as a name.
        level: `ok`; `warning` for what works, but not as well as it could; `fault` for what breaks or loses data.
        text: What was seen.
    """

    rule: str
    level: Level
    text: str


class Conformance:
    """Takes what a tap prints.

    Args:
        catalog: What it was asked to sync; None for a tap without catalog.
    """

    def __init__(self, catalog: Catalog | None) -> None:
        streams = catalog.streams if catalog is not None else ()
        # Messages say `stream`; the PipelineWise taps say `tap_stream_id` there.
        self._streams = {stream.id: stream for stream in streams} | {stream.name: stream for stream in streams}
        self._schemas: dict[str, tuple[JSONObject, tuple[str, ...]]] = {}
        self._bookmarked: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._unsorted: set[str] = set()
        self._last: dict[str, str] = {}
        self._faults: dict[str, Counter[str]] = {}
        self._states = 0
        self._state: JSON = None
        self._records_since_state = 0

    @property
    def records(self) -> int:
        """How many RECORDs there were."""
        return sum(self._counts.values())

    def take(self, line: bytes) -> None:
        """Look at one line of the tap's output."""
        if not line.strip():
            return
        try:
            message = parse_line(line)
        except MessageError as err:
            self._note("messages" if err.broken else "stdout", err.reason.rstrip("."))
            return
        match message:
            case Schema():
                self._take_schema(message)
            case Record():
                self._take_record(message)
            case State():
                self._states, self._records_since_state = self._states + 1, 0
                self._state = json.loads(bytes(message.value))
            case Batch():
                self._counts[message.stream] += 1

    def findings(self, exit_code: int | None) -> Iterator[Finding]:
        """Yield a finding for each rule.

        Args:
            exit_code: What the tap ended with; None if it was ended before.
        """
        streams, total = len(self._counts), self.records
        yield self._finding("stdout", "fault", "Only messages on stdout.", "Lines that are no messages")
        yield self._finding("messages", "fault", "Every message can be read.", "Broken messages")
        yield self._finding(
            "schema",
            "fault",
            f"SCHEMA comes before RECORD, in {count_words(streams, 'stream', 'streams')}.",
            "RECORD before SCHEMA",
        )
        yield self._finding("keys", "fault", "Every record has its key.", "Keys that are missing")
        yield self._finding(
            "values", "warning", f"All {total:,} records are as their SCHEMA says.", "Values not as declared"
        )
        yield self._finding(
            "properties", "warning", "Every property is in its SCHEMA.", "Properties that no SCHEMA has"
        )
        yield self._finding("asked", "warning", "Only streams that were asked for.", "Streams nobody asked for")
        yield from self._state_findings(ended=exit_code is not None)
        yield from self._order_findings()
        if exit_code is None:
            yield Finding("exit", "ok", f"Not judged: ended by us after {total:,} records.")
        elif exit_code == 0:
            yield Finding("exit", "ok", "It ended with exit code 0.")
        else:
            yield Finding("exit", "fault", f"It ended with exit code {exit_code}: a run would load nothing.")

    def _take_schema(self, message: Schema) -> None:
        schema = json.loads(bytes(message.schema))
        keys = tuple(message.key_properties or ())
        self._schemas[message.stream] = (schema, keys)
        properties = schema.get("properties") if isinstance(schema, dict) else None
        known = properties if isinstance(properties, dict) else {}
        for key in keys:
            if key not in known:
                self._note("keys", f"{message.stream}: key '{key}' is no property of its SCHEMA")
        stream = self._streams.get(message.stream)
        if self._streams and stream is None:
            self._note("asked", message.stream)
        bookmark = next(iter(message.bookmark_properties or ()), None) or (stream and stream.replication_key)
        if bookmark:
            self._bookmarked[message.stream] = bookmark
            if bookmark not in known:
                self._note("values", f"{message.stream}: replication key '{bookmark}' is no property of its SCHEMA")

    def _take_record(self, message: Record) -> None:
        name = message.stream
        self._counts[name] += 1
        self._records_since_state += 1
        if name not in self._schemas:
            self._note("schema", name)
            return
        record = json.loads(bytes(message.record))
        schema, keys = self._schemas[name]
        for key in keys:
            if record.get(key) is None:
                self._note("keys", f"{name}.{key}")
        for misfit in misfits(record, schema):
            self._note("values", f"{name}.{misfit}")
        properties = schema.get("properties")
        for prop in record.keys() - (properties if isinstance(properties, Mapping) else {}).keys():
            self._note("properties", f"{name}.{prop}")
        self._follow_order(name, record)

    def _follow_order(self, name: str, record: JSONObject) -> None:
        value = record.get(self._bookmarked.get(name, ""))
        if isinstance(value, str):
            if value < self._last.get(name, value):
                self._unsorted.add(name)
            self._last[name] = value

    def _state_findings(self, *, ended: bool) -> Iterator[Finding]:
        if not self._states:
            level: Level = "warning" if self._bookmarked else "ok"
            yield Finding("state", level, "No STATE: every run starts from the beginning.")
            return
        if not isinstance(self._state, Mapping):
            yield Finding("state", "fault", "A STATE that is no JSON object.")
            return
        if ended and self._records_since_state:
            yield Finding(
                "state",
                "warning",
                f"{self._records_since_state:,} records behind the last STATE come again next time.",
            )
        else:
            where = ", the last one behind all records" if ended else " so far"
            yield Finding("state", "ok", f"{count_words(self._states, 'STATE', 'STATEs')}{where}.")
        missing = [
            name for name in self._bookmarked if self._counts[name] and not _has_part(self._state, self._id(name))
        ]
        if missing and ended:
            yield Finding("bookmarks", "warning", f"No bookmark in the last STATE for {_named(missing)}.")
        elif ended:
            yield Finding("bookmarks", "ok", "Each incremental stream has a bookmark in the last STATE.")

    def _order_findings(self) -> Iterator[Finding]:
        if self._unsorted:
            names = _named(sorted(self._unsorted))
            yield Finding(
                "order",
                "warning",
                f"Not in the order of the replication key: {names}. A run that is cut off starts again.",
            )
        elif self._last:
            yield Finding("order", "ok", "Incremental streams come in the order of their replication key.")

    def _id(self, name: str) -> str:
        stream = self._streams.get(name)
        return stream.id if stream is not None else name

    def _note(self, rule: str, where: str) -> None:
        self._faults.setdefault(rule, Counter())[where] += 1

    def _finding(self, rule: str, level: Level, fine: str, wrong: str) -> Finding:
        noted = self._faults.get(rule)
        if not noted:
            return Finding(rule, "ok", fine)
        listed = "; ".join(f"{where} ({count:,}x)" for where, count in noted.most_common(_NAMED))
        more = f"; and {len(noted) - _NAMED} more" if len(noted) > _NAMED else ""
        return Finding(rule, level, f"{wrong}: {listed}{more}.")


def catalog_findings(catalog: Catalog) -> Iterator[Finding]:
    """Yield how a discovered catalog keeps the rules for catalogs."""
    streams = catalog.streams
    yield (
        Finding("discovery", "ok", f"It discovers {count_words(len(streams), 'stream', 'streams')}.")
        if streams
        else Finding("discovery", "fault", "It discovers no stream.")
    )
    rules = {
        "stream ids": [s.id for s in streams if catalog.stream_ids.count(s.id) > 1],
        "stream schemas": [s.id for s in streams if not s.schema.get("properties")],
        "stream keys": [f"{s.id}.{key}" for s in streams for key in s.key_properties if not _has(s.schema, key)],
        "replication keys": [
            f"{s.id}.{s.replication_key}"
            for s in streams
            if s.replication_key and not _has(s.schema, s.replication_key)
        ],
    }
    said = {
        "stream ids": ("Each stream has an id of its own.", "Ids that several streams have"),
        "stream schemas": ("Each stream has a schema with properties.", "Streams without properties"),
        "stream keys": ("Keys are properties of their streams.", "Keys that are no property"),
        "replication keys": (
            "Replication keys are properties of their streams.",
            "Replication keys that are no property",
        ),
    }
    for rule, wrong in rules.items():
        fine, bad = said[rule]
        yield Finding(rule, "warning", f"{bad}: {_named(wrong)}.") if wrong else Finding(rule, "ok", fine)


def _has(schema: JSONObject, name: str) -> bool:
    properties = schema.get("properties")
    return isinstance(properties, Mapping) and name in properties


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _has_part(state: JSONObject, stream: str) -> bool:
    bookmarks = state.get("bookmarks")
    return stream in state or (isinstance(bookmarks, Mapping) and stream in bookmarks)
