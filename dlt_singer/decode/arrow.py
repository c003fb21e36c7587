"""Records of one stream in, an Arrow table out, decoded in C++: exactly what rows would become, or `NotExact`.

pyarrow's JSON reader is strict: a key without a column, a value of another type, a key given twice or half a
surrogate pair end the read. What it lets through though a row would hold something else is checked after it.
Pure, and most of it releases the GIL, so several batches can be decoded at a time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from dlt_singer.decode.decimals import MAX_DIGITS, Decimals
from dlt_singer.decode.json_columns import JsonColumns, unnameable
from dlt_singer.decode.not_exact import NotExact
from dlt_singer.decode.temporal import TEMPORAL
from dlt_singer.errors import MessageError
from dlt_singer.messages import Records

if TYPE_CHECKING:
    from dlt_singer.hints import ColumnHint, Path, StreamHints

_Tree: TypeAlias = "dict[str, pa.DataType | _Tree]"

_RECORD: Final = "record"
_PLAIN: Final = {
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    **dict.fromkeys(TEMPORAL, pa.string()),
}
_EXACT_INTEGERS: Final = 2.0**53
_TINY: Final = re.compile(rb":\s*-?(?:0\.0{200}|[0-9.]+[eE]-[0-9]{3})")
"""Finds every number that is zero to a double and not zero (and some that are not)."""
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
    >>> decoder.decode([Records.bare("users", [b'{"id": 1, "day": "2024-01-31"}'])]).to_pylist()
    [{'id': 1, 'day': datetime.date(2024, 1, 31)}]
    """

    def __init__(self, hints: StreamHints, unwanted: Collection[str] = ()) -> None:
        self._columns = {path: (name, hints.columns.get(name, {})) for path, name in hints.paths.items()}
        plain = {path: kind for path, (_, column) in self._columns.items() if (kind := _read_as(column))}
        texts = [path for path in self._columns if path not in plain]
        self.obstacle = next(_obstacles(hints, self._columns, plain, unwanted), None)
        self._json = JsonColumns(hints.paths, [] if self.obstacle else texts)
        self._json_and_unwanted = None
        if unwanted and not (self.obstacle or any(map(unnameable, [*hints.paths, tuple(unwanted)]))):
            self._json_and_unwanted = JsonColumns(hints.paths, texts, unwanted)
        self._decimals = Decimals([(path[-1], kind) for path, kind in plain.items() if pa.types.is_decimal(kind)])
        tree = _tree(plain)
        self._schema = pa.schema(_fields(tree))
        self._indices = {path: _indices(tree, path) for path in plain}
        self._knows_envelope = True

    def decode(self, pieces: Sequence[Records]) -> pa.Table:
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

    def _decoded(self, pieces: Sequence[Records]) -> pa.Table:
        texts = self._json.texts(pieces) if self._json else {}
        if not self._indices:
            return pa.table({name: texts[path] for path, (name, _) in self._columns.items()})
        record, text = self._read(pieces)
        self._decimals.check(text)
        columns = {
            name: texts[path] if path in texts else self._column(record, path, column, text)
            for path, (name, column) in self._columns.items()
        }
        return pa.table(columns)

    def _read(self, pieces: Sequence[Records]) -> tuple[pa.ChunkedArray, bytes]:
        """Return the records as one struct column, and the text they were read from."""
        rows = sum(map(len, pieces))
        text = _enveloped(pieces) if self._knows_envelope else None
        if text is not None:
            fields = [pa.field(_RECORD, pa.struct(list(self._schema))), pa.field("time_extracted", pa.string())]
            try:
                return self._parsed(text, rows, pa.schema(fields))[_RECORD], text
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

    def _column(
        self, record: pa.ChunkedArray, path: Path, hint: Mapping[str, object], text: bytes
    ) -> pa.ChunkedArray:
        column = pc.struct_field(record, self._indices[path])
        name = ".".join(path)
        kind = str(hint.get("data_type"))
        if kind in TEMPORAL:
            return TEMPORAL[kind](column, name)
        if kind == "double" and column.null_count < len(column):
            bounds = pc.min_max(column)
            if bounds["min"].as_py() <= -_EXACT_INTEGERS or bounds["max"].as_py() >= _EXACT_INTEGERS:
                raise NotExact("an integer may be more than a double holds", name)
            if pc.any(pc.equal(column, 0.0)).as_py() and _TINY.search(text):
                raise NotExact("a number may be less than a double holds", name)
        return column


def _obstacles(
    hints: StreamHints,
    columns: Mapping[Path, tuple[str, ColumnHint]],
    plain: Mapping[Path, pa.DataType],
    unwanted: Collection[str],
) -> Iterator[str]:
    if not columns:
        yield "it has no column"
    for path in hints.children:
        yield f"its property '{'.'.join(path)}' is an array that becomes a table of its own"
    nested = [column_name for path, (column_name, _) in columns.items() if len(path) > 1]
    for path, (column_name, column) in columns.items():
        name = ".".join(path)
        if path not in plain and column.get("data_type") != "json":
            yield f"its column '{name}' is of a type that only rows are read for"
        if len(plain) < len(columns) and unnameable(path):
            yield f"it has free-form values, and the name of its property {name!r} has quotes or control characters"
        if any(each.startswith(f"{column_name}__") for each in nested):
            yield f"its property '{name}' shares a column with an object"
        if path[0] in unwanted:
            yield f"its property '{name}' is deselected and has a schema nevertheless"


def _read_as(column: Mapping[str, object]) -> pa.DataType | None:
    """Return the type to read a column as; None if it is not read here."""
    if column.get("data_type") != "decimal":
        return _PLAIN.get(str(column.get("data_type")))
    precision, scale = column.get("precision"), column.get("scale")
    if isinstance(precision, int) and isinstance(scale, int) and precision <= MAX_DIGITS:
        return pa.decimal128(precision, scale)
    return None


def _enveloped(pieces: Sequence[Records]) -> bytes | None:
    """Return the lines with a short head, None if they do not all begin alike."""
    head = pieces[0].head
    if not head or any(piece.head != head for piece in pieces):
        return None
    # Behind a line end, because a record may hold what looks like a head.
    text = b"".join([part for piece in pieces for part in (b"\n", piece.text)])
    return text.replace(b"\n" + head, b'\n{"record":')


def _tree(plain: Mapping[Path, pa.DataType]) -> _Tree:
    tree: _Tree = {}
    for path, kind in plain.items():
        node = tree
        for part in path[:-1]:
            below = node.setdefault(part, {})
            # A property is a value or an object, never both: the hints have one column for each.
            node = below if isinstance(below, dict) else {}
        node[path[-1]] = kind
    return tree


def _fields(tree: _Tree) -> list[pa.Field]:
    return [
        pa.field(name, pa.struct(_fields(kind)) if isinstance(kind, dict) else kind) for name, kind in tree.items()
    ]


def _indices(tree: _Tree, path: Path) -> list[int]:
    indices = []
    node: pa.DataType | _Tree = tree
    for part in path:
        if isinstance(node, dict):
            indices.append(list(node).index(part))
            node = node[part]
    return indices
