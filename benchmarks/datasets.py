"""What the taps of the benchmarks send: files of Singer messages, generated once from a fixed seed and kept.

A data set is a directory with `messages.jsonl`, or `records.jsonl` for a tap that reads files, and `catalog.json`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks import columns as of
from benchmarks.columns import Kind
from dlt_singer._types import JSONObject

BLOCK_ROWS = 10_000
_SEED = 20_240_607
_EXTRACTED_AT = "2024-06-07T08:09:10.111213+00:00"


@dataclass(frozen=True, slots=True)
class DataSet:
    """Rows of one or more streams with the same columns.

    Attributes:
        name: Its directory's; streams are named after it, too.
        rows: Rows of each stream.
        columns: The columns, `id` first.
        streams: How many streams, their records in turn.
        repeated: The file is one block of `BLOCK_ROWS` that the tap sends often enough, each time with other ids.
        bare: The file holds records instead of messages.
    """

    name: str
    rows: int
    columns: Mapping[str, Kind] = field(hash=False)
    streams: int = 1
    repeated: bool = False
    bare: bool = False

    @property
    def stream_names(self) -> tuple[str, ...]:
        """The streams."""
        return (self.name,) if self.streams == 1 else tuple(f"{self.name}_{n:04}" for n in range(self.streams))

    @property
    def schema(self) -> JSONObject:
        """The JSON schema of a stream."""
        return {"type": "object", "properties": {name: kind.schema for name, kind in self.columns.items()}}

    @property
    def file_rows(self) -> int:
        """Rows of each stream that are in the file."""
        return min(self.rows, BLOCK_ROWS) if self.repeated else self.rows

    @property
    def repetitions(self) -> int:
        """How often the tap sends the file's rows."""
        return self.rows // self.file_rows

    def scaled(self, share: float) -> DataSet:
        """Return a smaller one: of several streams fewer, of one stream fewer rows."""
        if share == 1:
            return self
        rows, streams = self.rows, self.streams
        if streams > 1:
            streams = max(2, round(streams * share))
        else:
            rows = max(1, round(rows * share))
        if self.repeated and rows > BLOCK_ROWS:
            rows -= rows % BLOCK_ROWS
        return DataSet(self.name, rows, self.columns, streams, self.repeated, self.bare)

    def directory(self, cache: Path) -> Path:
        """Return where its files are, made now if they are not there."""
        place = cache / "data" / f"{self.name}-{self.streams}x{self.rows}"
        if not place.exists():
            print(f"generating {place}")
            unfinished = place.with_name(f"{place.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            self._write(unfinished)
            unfinished.rename(place)
        return place

    def _write(self, place: Path) -> None:
        name = "records.jsonl" if self.bare else "messages.jsonl"
        with (place / name).open("w", encoding="utf-8", buffering=1 << 20) as file:
            file.writelines(self._records() if self.bare else self._messages())
        (place / "catalog.json").write_text(json.dumps(self.catalog()), encoding="utf-8")

    def _messages(self) -> Iterator[str]:
        for stream in self.stream_names:
            message = {"type": "SCHEMA", "stream": stream, "schema": self.schema, "key_properties": ["id"]}
            yield f"{json.dumps(message)}\n"
        streams = len(self.stream_names)
        for number, record in enumerate(self._records()):
            stream = self.stream_names[number % streams]
            yield (
                f'{{"type": "RECORD", "stream": "{stream}", "record": {record[:-1]}, '
                f'"time_extracted": "{_EXTRACTED_AT}"}}\n'
            )
        yield f"{json.dumps({'type': 'STATE', 'value': {'bookmarks': {name: {} for name in self.stream_names}}})}\n"

    def _records(self) -> Iterator[str]:
        random = Random(_SEED)
        writers = [(f'"{name}": ', kind.write) for name, kind in self.columns.items()]
        for row in range(self.file_rows * self.streams):
            yield "{" + ", ".join([name + write(random, row) for name, write in writers]) + "}\n"

    def catalog(self) -> JSONObject:
        """Return the catalog of a tap that sends these streams, all selected."""
        metadata: JSONObject = {"selected": True, "inclusion": "available", "table-key-properties": ["id"]}
        return {
            "streams": [
                {
                    "tap_stream_id": stream,
                    "stream": stream,
                    "schema": self.schema,
                    "key_properties": ["id"],
                    "metadata": [{"breadcrumb": [], "metadata": metadata}],
                }
                for stream in self.stream_names
            ]
        }


_FLAT = {
    "id": of.ID,
    "account": of.INTEGER,
    "quantity": of.COUNT.optional(),
    "price": of.NUMBER,
    "ratio": of.RATIO.optional(),
    "name": of.NAME,
    "email": of.EMAIL,
    "note": of.NOTE.optional(),
    "country": of.COUNTRY,
    "active": of.FLAG,
    "day": of.DATE,
    "updated_at": of.TIMESTAMP,
}
_NESTED = {
    "id": of.ID,
    "name": of.NAME,
    "total": of.NUMBER,
    "updated_at": of.TIMESTAMP,
    "address": of.nested(street=of.NAME, city=of.NAME, number=of.COUNT),
    "customer": of.nested(email=of.EMAIL, since=of.DATE, active=of.FLAG),
    "attributes": of.free_form(),
    "items": of.several(of.nested(sku=of.NAME, quantity=of.COUNT, price=of.NUMBER), 4),
    "tags": of.several(of.NAME, 3),
}
_SOME = ("account", "price", "name", "country", "active", "day", "updated_at")
_CYCLE = ("account", "quantity", "price", "ratio", "name", "country", "active", "day", "updated_at", "quantity")

FLAT = DataSet("flat", 1_000_000, _FLAT)
NESTED = DataSet("nested", 200_000, _NESTED)
FILE = DataSet("file", 200_000, _FLAT, bare=True)
IDLE = DataSet("idle", 1_000, _FLAT)
LARGE = DataSet("large", 20_000_000, _FLAT, repeated=True)
MANY = DataSet("many", 100, {"id": of.ID} | {name: _FLAT[name] for name in _SOME}, streams=1_000)
WIDE = DataSet("wide", 100_000, {"id": of.ID} | {f"c{n:03}": _FLAT[_CYCLE[n % 10]] for n in range(299)})
