"""Whatever a tap says: Arrow holds what dlt makes of rows, or says that it would not.

The rows take dlt's own way: its typed JSON, its normaliser, its coercion and its parquet writer.
"""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, cast

import dlt
import msgspec
import pyarrow as pa
import pytest
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.json import json as dlt_json
from dlt.common.json import may_have_pua
from dlt.common.libs.pyarrow import columns_to_arrow, normalize_py_arrow_item
from dlt.common.normalizers.naming import NamingConvention
from dlt.common.schema import Schema as TableSchema
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.common.schema.utils import new_table, normalize_table_identifiers
from dlt.normalize.configuration import NormalizeConfiguration
from dlt.normalize.items_normalizers.jsonl import JsonLItemsNormalizer
from hypothesis import HealthCheck, assume, event, given, settings

from dlt_singer._types import JSONObject
from dlt_singer.decode import NotExact
from dlt_singer.decode.arrow import ArrowDecoder
from dlt_singer.errors import MessageError, SchemaError, TapProtocolError
from dlt_singer.hints import stream_hints
from dlt_singer.messages import Cutter, Record, Records, Schema, parse_line
from dlt_singer.session import Rows
from dlt_singer.session.stream_schema import StreamOptions, StreamSchema
from dlt_singer.source.arrow_items import ArrowItems
from dlt_singer.source.nested import child_name, put_into
from tests.unit.taps_say import KINDS, MISFITS, Said, says

LOAD_ID = "1700000000.0"
FUZZ = Path(__file__).with_name("fuzz_arrow.py")
ADDED = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id")
EXAMPLES = 2_000

thorough = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@thorough
@given(says())
def test_arrow_holds_what_rows_become_or_says_that_it_does_not(said: Said) -> None:
    shape, batch = _given(said)
    if shape is None or batch is None:
        return

    try:
        table = _from_arrow(shape, batch)
    except NotExact as verdict:
        event(f"not exact: {verdict.reason[:40]}")
        return

    event("exact")
    assert _shown(table) == _shown(_from_rows(shape, batch))


@pytest.mark.parametrize("nesting", [0, None], ids=["arrays as JSON", "arrays as tables"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_misfit_is_the_same_to_both_or_left_to_rows(kind: str, nesting: int | None) -> None:
    schema: JSONObject = {"properties": {"a": KINDS[kind][0], "b": {"type": "integer"}}}

    for value in (*KINDS[kind][1], *MISFITS):
        line = b'{"b": 0, "a": %s}' % value.encode("utf-8", "surrogateescape")
        shape, batch = _given(Said(schema, [line], bare=True, nesting=nesting, deselected=(), keys=()))
        assert shape is not None
        assert batch is not None
        try:
            table = _from_arrow(shape, batch)
        except NotExact:
            continue
        assert _shown(table) == _shown(_from_rows(shape, batch)), value[:80]


@settings(thorough, max_examples=EXAMPLES // 5)
@given(says(odd=False))
def test_what_taps_usually_say_is_never_left_to_rows(said: Said) -> None:
    shape, batch = _given(said)
    if shape is None or batch is None:
        return
    # What looks like a decimal may stand within a free-form value.
    assume(not {"decimal", "json"} <= {column.get("data_type") for column in shape.hints.columns.values()})

    table = _from_arrow(shape, batch)

    assert table["t"].num_rows == len(said.lines)


@pytest.mark.parametrize("name", ["type", "stream", "record", "time_extracted"])
def test_a_decimal_may_be_called_like_a_part_of_the_message_around_it(name: str) -> None:
    schema: JSONObject = {"properties": {name: {"type": "number", "multipleOf": 0.01}}}
    line = b'{"type": "RECORD", "stream": "s", "record": {"%s": 1.10}}' % name.encode()
    shape, batch = _given(Said(schema, [line], bare=False, nesting=0, deselected=(), keys=()))
    assert shape is not None
    assert batch is not None

    assert _from_arrow(shape, batch)["t"][name].to_pylist() == [Decimal("1.10")]


@pytest.mark.parametrize(
    ("schema", "deselected", "reason"),
    [
        (
            {"properties": {"id": {"type": "integer"}, "a": {"items": {"type": "number", "multipleOf": 0.01}}}}, (),
            "its array 'a' is one of decimals",
        ),
        ({"properties": {}}, (), "it has no column"),
        ({"properties": {"a": {"type": "integer"}}}, ("a",), "its property 'a' is deselected and has a schema"),
    ],
    ids=["an array of decimals", "no property", "a property that is not wanted"],
)  # fmt: skip
def test_why_no_batch_of_a_stream_becomes_arrow_is_told(
    schema: JSONObject, deselected: tuple[str, ...], reason: str
) -> None:
    decoder = ArrowDecoder(stream_hints(schema, []), deselected)

    with pytest.raises(NotExact, match=reason):
        decoder.decode([Records.bare("s", [b'{"a": 1}'])])


@pytest.mark.parametrize(
    "schema",
    [{"properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"type": "object"}}}],
    ids=["plain columns", "free-form values"],
)
def test_two_records_on_one_line_are_never_taken_for_one(schema: JSONObject) -> None:
    shape, batch = _given(Said(schema, [b'{"a": 1}{"a": 2}'], bare=True, nesting=0, deselected=(), keys=()))
    assert shape is not None
    assert batch is not None

    with pytest.raises(NotExact, match=r"a line holds more .* one record"):
        shape.table(batch)
    with pytest.raises(TapProtocolError, match="A record is no JSON object"):
        shape.rows(batch)


def test_no_bytes_crash_the_process(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(FUZZ), "1000"], cwd=tmp_path, capture_output=True, check=False)

    assert (done.returncode, done.stderr.decode()) == (0, "")


def _given(said: Said) -> tuple[StreamSchema | None, Rows | None]:
    """Return what a stream's batch would be; nothing if such a stream is refused anyway."""
    options = StreamOptions(
        "s", deselected=said.deselected, max_table_nesting=said.nesting, normalize=_naming().normalize_path
    )
    schema = Schema("s", _raw(said.schema), list(said.keys))
    try:
        shape = StreamSchema(schema, options, lambda _: {})
        pieces = [Records.bare("s", said.lines)] if said.bare else _cut(said.lines)
    except (SchemaError, MessageError):
        return None, None
    return shape, Rows(1, 0, schema, pieces, None, None, 0, sum(map(len, pieces))) if pieces else None


def _cut(lines: list[bytes]) -> list[Records]:
    pieces: list[Records] = []
    for piece in Cutter().cut(b"\n".join(lines)):
        message = parse_line(piece) if isinstance(piece, bytes) else piece
        if isinstance(message, Record):
            message = Records.of_line(message, cast("bytes", piece))
        if isinstance(message, Records) and message.stream == "s":
            pieces.append(message)
    return pieces


def _from_arrow(shape: StreamSchema, batch: Rows) -> dict[str, pa.Table]:
    items = ArrowItems(LOAD_ID, _capabilities(), adds_load_id=False, adds_id=False)
    name = _naming().normalize_identifier
    tables = shape.table(batch)
    done = [items.complete(tables.root, shape.hints.columns, name)]
    columns = cast("Any", shape.hints.columns | items.columns(name))
    found = {"t": normalize_py_arrow_item(done[0], columns, _naming(), _capabilities())}
    for child in tables.children:
        done.append(items.complete_child(child, done, shape.child_columns()[child.path], name).table)
        if len(done[-1]):
            found[child_name(_naming(), "t", child.path)] = done[-1]
    return found


def _from_rows(shape: StreamSchema, batch: Rows) -> dict[str, pa.Table] | str:
    try:
        rows = shape.rows(batch)
    except (TapProtocolError, MessageError) as err:
        return str(err)
    schema = _table(shape.columns(merges=False))
    put_into(schema, "t", "t", shape.child_columns())
    storage = _Storage()
    nothing = cast("Any", None)
    normalizer = JsonLItemsNormalizer(cast("Any", storage), nothing, nothing, schema, LOAD_ID, _configuration())
    line = dlt_json.typed_dumpb(rows)
    normalizer._normalize_chunk("t", dlt_json.loadb(line), may_have_pua(line), skip_write=False)
    return {name: _written(rows, schema.get_table_columns(name)) for name, rows in storage.rows.items()}


def _written(rows: list[dict[str, object]], columns: TTableSchemaColumns) -> pa.Table:
    for row in rows:
        for name in row:
            if columns[name]["data_type"] == "json" and not isinstance(row[name], str):
                row[name] = dlt_json.dumps(row[name])
    return pa.Table.from_pylist(rows, columns_to_arrow(columns, _capabilities(), "UTC"))


class _Storage:
    """Takes rows as dlt's writers do."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, object]]] = {"t": []}

    def write_data_item(
        self, _load_id: str, _schema: str, table: str, row: dict[str, object], _columns: object
    ) -> None:
        self.rows.setdefault(table, []).append(row)


def _shown(tables: dict[str, pa.Table] | str) -> object:
    """Return all there is in tables, told apart to the sign of a zero, and their types."""
    if isinstance(tables, str):
        return tables
    return {
        name: {
            column: (
                str(table.schema.field(column).type),
                table.schema.field(column).nullable,
                list(map(repr, table[column].to_pylist())),
            )
            for column in sorted(table.column_names)
            if column not in ADDED
        }
        for name, table in tables.items()
    }


def _table(columns: object) -> TableSchema:
    schema = dlt.Schema("s")
    table = new_table("t", columns=list(cast("dict[str, Any]", columns).values()), file_format="parquet")
    schema.update_table(normalize_table_identifiers(table, schema.naming))
    return schema


@cache
def _naming() -> NamingConvention:
    return dlt.Schema("s").naming


@cache
def _configuration() -> NormalizeConfiguration:
    configuration = NormalizeConfiguration()
    configuration.destination_capabilities = _capabilities()
    return configuration


@cache
def _capabilities() -> DestinationCapabilitiesContext:
    return dlt.destinations.duckdb("nowhere.duckdb").capabilities()


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
