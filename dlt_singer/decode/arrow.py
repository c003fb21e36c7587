"""Records of one stream in, Arrow tables out, decoded in C++: exactly what rows would become, or `NotExact`.

pyarrow's JSON reader is strict: a key without a column, a value of another type, a key given twice or half a
surrogate pair end the read. What it lets through though a row would hold something else is checked after it.
Pure, and most of it releases the GIL, so several batches can be decoded at a time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.json as pj

from dlt_singer.decode.arrow_table import ArrowTable, Tables
from dlt_singer.decode.decimals import Decimals
from dlt_singer.decode.json_columns import JsonColumns, unnameable
from dlt_singer.decode.not_exact import NotExact
from dlt_singer.errors import MessageError
from dlt_singer.messages import Records

if TYPE_CHECKING:
    from dlt_singer.hints import Path, TableHints

_RECORD: Final = "record"
_AROUND: Final = ("type", "stream", "time_extracted")
_MENTIONED: Final = re.compile(r"Column\(/(?:record/)?([^)]*)\)")


class ArrowDecoder:
    """Decodes batches of one stream; made once for each SCHEMA.

    Args:
        hints: The stream's hints; replace `columns` to decode for other types than the schema's.
        unwanted: Properties that are left out if the tap sends them.

    Attributes:
        obstacle: Why no batch of this stream can become Arrow; None if they can.

    >>> from dlt_singer.hints import stream_hints
    >>> schema = {"properties": {"id": {"type": "integer"}, "day": {"type": "string", "format": "date"}}}
    >>> decoder = ArrowDecoder(stream_hints(schema, []))
    >>> decoder.decode([Records.bare("users", [b'{"id": 1, "day": "2024-01-31"}'])]).root.to_pylist()
    [{'id': 1, 'day': datetime.date(2024, 1, 31)}]
    """

    def __init__(self, hints: TableHints, unwanted: Collection[str] = ()) -> None:
        self._table = ArrowTable(hints)
        texts = [path for path in self._table.columns if path not in self._table.plain]
        self.obstacle = next(_obstacles(self._table, unwanted), None)
        self._json = JsonColumns(hints, [] if self.obstacle else texts)
        self._json_and_unwanted = None
        if unwanted and not (self.obstacle or any(map(unnameable, [*_names(hints), tuple(unwanted)]))):
            self._json_and_unwanted = JsonColumns(hints, texts, unwanted)
        plain = [(path[-1], kind) for table in self._table.below() for path, kind in table.plain.items()]
        decimals = [(name, kind) for name, kind in plain if pa.types.is_decimal(kind)]
        self._decimals = Decimals(decimals)
        self._schema = pa.schema(self._table.fields)
        self._record = pa.schema([pa.field(_RECORD, pa.struct(self._table.fields))])
        self._line = pa.schema([*self._record, *(pa.field(name, pa.string()) for name in _AROUND)])
        # Decimals are looked for by name in the text, so nothing around a record may have the name of one.
        self._knows_envelope = not {_RECORD, *_AROUND}.intersection(name for name, _ in decimals)

    def decode(self, pieces: Sequence[Records]) -> Tables:
        """Return one row for each record, in order; the columns in the order of the hints.

        Raises:
            NotExact: Rows must be made of the batch.
        """
        if self.obstacle is not None:
            raise NotExact(self.obstacle)
        try:
            return self._decoded(pieces)
        except MessageError as err:
            raise NotExact(err.reason) from None
        except NotExact:
            if self._json_and_unwanted is None:
                raise
        # A tap that sends what nobody wants does so in every record.
        self._json, self._json_and_unwanted = self._json_and_unwanted, None
        return self.decode(pieces)

    def _decoded(self, pieces: Sequence[Records]) -> Tables:
        texts = self._json.texts(pieces) if self._json else {}
        columns = self._table.columns
        if not self._table.fields:
            return Tables(pa.table({name: texts[path] for path, (name, _) in columns.items()}))
        record, text = self._read(pieces)
        self._decimals.check(text)
        root = {
            name: texts[path] if path in texts else self._table.values(record, path, text)
            for path, (name, _) in columns.items()
        }
        return Tables(pa.table(root), tuple(self._table.children(record, text)))

    def _read(self, pieces: Sequence[Records]) -> tuple[pa.ChunkedArray, bytes]:
        """Return the records as one struct column, and the text they were read from."""
        rows = sum(map(len, pieces))
        if self._json and all(piece.head != b"" for piece in pieces):
            # What is around the records was looked at together with the json columns.
            text = b"\n".join([piece.text for piece in pieces])
            return self._parsed(text, rows, self._record)[_RECORD], text
        if self._knows_envelope and all(piece.head for piece in pieces):
            text = b"\n".join([piece.text for piece in pieces])
            try:
                return self._parsed(text, rows, self._line)[_RECORD], text
            except NotExact:
                # The records may be clean, and only what is around them unknown.
                record, bare = self._read_bare(pieces, rows)
                self._knows_envelope = False
                return record, bare
        return self._read_bare(pieces, rows)

    def _read_bare(self, pieces: Sequence[Records], rows: int) -> tuple[pa.ChunkedArray, bytes]:
        text = b"\n".join([raw for piece in pieces for raw in piece.raws])
        # pyarrow crashes on a lone null.
        if not text.startswith(b"{") or text.count(b"\n{") != rows - 1:
            raise NotExact("a record is no JSON object")
        batches = self._parsed(text, rows, self._schema).to_batches()
        return pa.chunked_array([batch.to_struct_array() for batch in batches]), text

    def _parsed(self, text: bytes, rows: int, schema: pa.Schema) -> pa.Table:
        try:
            table = pj.read_json(
                pa.BufferReader(text),
                # Blocks are for threads, and those are the caller's.
                pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
                # What stands in no column was looked for together with the json columns.
                pj.ParseOptions(
                    explicit_schema=schema, unexpected_field_behavior="ignore" if self._json else "error"
                ),
            )
            if self._decimals or not text.isascii():
                table.validate(full=True)
        except pa.ArrowInvalid as err:
            # Only the property: the parser's words may quote a value.
            mentioned = _MENTIONED.search(str(err))
            reason = "a value does not fit its column, or has none"
            raise NotExact(reason, mentioned[1] if mentioned else None) from None
        if table.num_rows != rows or (schema is not self._schema and table[_RECORD].null_count):
            raise NotExact("a line holds more or less than one record")
        return table


def _obstacles(table: ArrowTable, unwanted: Collection[str]) -> Iterator[str]:
    if not table.columns:
        yield "it has no column"
    yield from table.obstacles(has_texts=len(table.plain) < len(table.columns))
    for path in table.columns:
        if path[0] in unwanted:
            yield f"its property '{'.'.join(path)}' is deselected and has a schema nevertheless"


def _names(hints: TableHints) -> Iterator[Path]:
    for table in (hints, *(child for _, child in hints.descendants())):
        yield from (*table.paths, *table.children)
