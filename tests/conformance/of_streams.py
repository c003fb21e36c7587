# ruff: noqa: E501 - a case stands on a line
"""Cases of whole streams: SCHEMAs and RECORDs in any order, keys, replication methods, versions, deletes, BATCH, names."""

from __future__ import annotations

import gzip
import io
from datetime import datetime, timezone
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from tests.conformance.case import Case, activate, batch, line, raw, row, said, shape

UTC = timezone.utc
DELETED = datetime(2024, 1, 31, tzinfo=UTC)
DELETED_TEXT = "2024-01-31T00:00:00Z"
PAIR = {"id": "integer", "v": "string"}
PAIRS = "(id BIGINT, v VARCHAR)"
LOG = shape(PAIR, method="LOG_BASED")
LOGGED = "(id BIGINT, v VARCHAR, _sdc_deleted_at TIMESTAMP WITH TIME ZONE)"
ONE_ROW = b'{"id": 1}\n'


def parquet(*rows: dict[str, object]) -> bytes:
    """Return a Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


# fmt: off
OF_SCHEMAS = [
    Case("schema_before_every_record", "A SCHEMA before every RECORD changes nothing.", [[shape(), row(id=1), shape(), row(id=2), shape(), row(id=3)]], {"(id BIGINT)": [(1,), (2,), (3,)]}),
    Case("schema_behind_records", "One behind the last RECORD, too.", [[shape(), row(id=1), shape()]], {"(id BIGINT)": [(1,)]}),
    Case("schema_grows", "A property that a later SCHEMA adds is null before.", [[shape(), row(id=1), shape(PAIR), row(id=2, v="x")]], {PAIRS: [(1, None), (2, "x")]}),
    Case("schema_shrinks", "One that it leaves out is null from then on.", [[shape(PAIR), row(id=1, v="x"), shape(), row(id=2)]], {PAIRS: [(1, "x"), (2, None)]}),
    Case("schema_grows_between_runs", "The same from one run to the next.", [[shape(), row(id=1)], [shape(PAIR), row(id=2, v="x")]], {PAIRS: [(1, None), (2, "x")]}),
    Case("type_changes", "A column keeps its type; what it does not hold stands beside it.", [[shape({"id": "integer", "v": "integer"}), row(id=1, v=1)], [shape(PAIR), row(id=2, v="x"), row(id=3, v="3")]], {"(id BIGINT, v BIGINT, v__v_text VARCHAR)": [(1, 1, None), (2, None, "x"), (3, 3, None)]}),
    Case("type_widens", "A number in a column of integers.", [[shape({"id": "integer", "v": "integer"}), row(id=1, v=1)], [shape({"id": "integer", "v": "number"}), row(id=2, v=1.5)]], {"(id BIGINT, v BIGINT, v__v_double DOUBLE)": [(1, 1, None), (2, None, 1.5)]}),
    Case("schema_without_properties", "A SCHEMA without properties allows records of any form.", [[shape({}, keys=()), raw('{"a": 1, "b": "x"}')]], {"(a BIGINT, b VARCHAR)": [(1, "x")]}),
    Case("empty", "A stream without records is an empty table of all its columns.", [[shape({"id": "integer", "at": {"type": "string", "format": "date-time"}}, method="FULL_TABLE")]], {"(id BIGINT, at TIMESTAMP WITH TIME ZONE)": []}),
    Case("empty_incremental", "Also one that is merged.", [[shape(PAIR, method="INCREMENTAL", by="id")]], {PAIRS: []}),
    Case("interleaved", "Streams may take turns, record by record.", [[shape(), shape(stream="interleaved_2"), *(row(stream, id=number) for number in range(3) for stream in ("$", "interleaved_2"))]], {"(id BIGINT)": [(0,), (1,), (2,)], "interleaved_2(id BIGINT)": [(0,), (1,), (2,)]}),
]
OF_KEYS = [
    Case("merged", "Of a key the last record counts.", [[shape(PAIR), row(id=1, v="a"), row(id=2, v="x"), row(id=1, v="b"), row(id=1, v="c")]], {PAIRS: [(1, "c"), (2, "x")]}),
    Case("merged_later", "A later run's, too; other rows stay.", [[shape(PAIR), row(id=1, v="a"), row(id=2, v="x")], [shape(PAIR), row(id=1, v="b"), row(id=3, v="y")]], {PAIRS: [(1, "b"), (2, "x"), (3, "y")]}),
    Case("merged_to_null", "A value that is gone is null.", [[shape(PAIR), row(id=1, v="a")], [shape(PAIR), row(id=1)]], {PAIRS: [(1, None)]}),
    Case("key_of_two", "A key of two properties.", [[shape({"a": "integer", "b": "string", "v": "integer"}, ["a", "b"]), row(a=1, b="x", v=1), row(a=1, b="y", v=2), row(a=1, b="x", v=3)]], {"(a BIGINT, b VARCHAR, v BIGINT)": [(1, "x", 3), (1, "y", 2)]}),
    Case("key_of_text", "A text as key, also an empty one.", [[shape({"k": "string", "v": "integer"}, ["k"]), row(k="", v=1), row(k="a", v=2), row(k="", v=3)]], {"(k VARCHAR, v BIGINT)": [("", 3), ("a", 2)]}),
    Case("key_of_numbers_as_text", "A key that is declared as text and sent as a number.", [[shape({"k": "string", "v": "integer"}, ["k"]), raw('{"k": 1, "v": 1}'), raw('{"k": "1", "v": 2}')]], {"(k VARCHAR, v BIGINT)": [("1", 2)]}),
    Case("key_of_decimal", "A decimal as key.", [[shape({"k": {"type": "number", "multipleOf": 0.01}, "v": "integer"}, ["k"]), raw('{"k": 1.10, "v": 1}'), raw('{"k": 1.1, "v": 2}')]], {"(k DECIMAL(38,2), v BIGINT)": [(Decimal("1.10"), 2)]}),
    Case("key_in_camel_case", "A key whose column has another name.", [[shape({"userId": "integer", "v": "string"}, ["userId"]), raw('{"userId": 1, "v": "a"}'), raw('{"userId": 1, "v": "b"}')]], {"(user_id BIGINT, v VARCHAR)": [(1, "b")]}),
    Case("key_changes", "Rows are merged by the key of their run.", [[shape({"id": "integer", "k": "integer", "v": "string"}), row(id=1, k=1, v="a"), row(id=2, k=2, v="b")], [shape({"id": "integer", "k": "integer", "v": "string"}, ["k"]), row(id=9, k=1, v="c")]], {"(id BIGINT, k BIGINT, v VARCHAR)": [(2, 2, "b"), (9, 1, "c")]}),
    Case("no_key", "Without a key rows stand side by side, also equal ones.", [[shape(PAIR, ()), row(id=1, v="a"), row(id=1, v="a")], [shape(PAIR, ()), row(id=1, v="a")]], {PAIRS: [(1, "a"), (1, "a"), (1, "a")]}),
    Case("null_keys_in_schema", "`key_properties` may be missing.", [[shape(PAIR, None), row(id=1, v="a")]], {PAIRS: [(1, "a")]}),
    Case("key_comes_later", "A stream that has a key from some run on.", [[shape(PAIR, ()), row(id=1, v="a")], [shape(PAIR), row(id=1, v="b"), row(id=2, v="c")]], {PAIRS: [(1, "b"), (2, "c")]}),
]
OF_METHODS = [
    Case("full_table", "A full table is what the last run sent.", [[shape(PAIR, method="FULL_TABLE"), row(id=1, v="a"), row(id=2, v="b")], [shape(PAIR, method="FULL_TABLE"), row(id=2, v="c")]], {PAIRS: [(2, "c")]}),
    Case("full_table_without_key", "Also without a key.", [[shape(PAIR, (), "FULL_TABLE"), row(id=1, v="a")], [shape(PAIR, (), "FULL_TABLE"), row(id=2, v="b"), row(id=2, v="b")]], {PAIRS: [(2, "b"), (2, "b")]}),
    Case("full_table_emptied", "One that is empty now is emptied.", [[shape(PAIR, method="FULL_TABLE"), row(id=1, v="a")], [shape(PAIR, method="FULL_TABLE")]], {PAIRS: []}),
    Case("full_table_skipped", "One that the tap skips keeps its rows.", [[shape(PAIR, method="FULL_TABLE"), row(id=1, v="a")], [{"entry": shape(PAIR, method="FULL_TABLE")["entry"], **line("")}]], {PAIRS: [(1, "a")]}),
    Case("incremental_to_full", "A stream that becomes a full table is one from then on.", [[shape(PAIR, method="INCREMENTAL", by="id"), row(id=1, v="a")], [shape(PAIR, method="FULL_TABLE"), row(id=2, v="b")]], {PAIRS: [(2, "b")]}),
    Case("full_to_incremental", "A full table that becomes incremental is merged into.", [[shape(PAIR, method="FULL_TABLE"), row(id=1, v="a"), row(id=2, v="b")], [shape(PAIR, method="INCREMENTAL", by="id"), row(id=2, v="c"), row(id=3, v="d")]], {PAIRS: [(1, "a"), (2, "c"), (3, "d")]}),
    Case("incremental_to_log", "An incremental one that is read from the log has the column of deletes.", [[shape(PAIR, method="INCREMENTAL", by="id"), row(id=1, v="a")], [LOG, row(id=1, v="b")]], {LOGGED: [(1, "b", None)]}),
    Case("method_in_small_letters", "A method is one in any letters.", [[shape(PAIR, method="full_table"), row(id=1, v="a")], [shape(PAIR, method="full_table"), row(id=2, v="b")]], {PAIRS: [(2, "b")]}),
]
OF_DELETES = [
    Case("soft_deletes", "A deleted row is marked.", [[LOG, row(id=1, v="a"), row(id=2, v="b")], [LOG, row(id=1, v="a", _sdc_deleted_at=DELETED_TEXT)]], {LOGGED: [(1, "a", DELETED), (2, "b", None)]}),
    Case("soft_delete_of_a_key", "A delete that is but a key keeps none of the row's values.", [[LOG, row(id=1, v="a")], [LOG, row(id=1, _sdc_deleted_at=DELETED_TEXT)]], {LOGGED: [(1, None, DELETED)]}),
    Case("deleted_and_back", "A row that comes again is no deleted one.", [[LOG, row(id=1, v="a"), row(id=1, _sdc_deleted_at=DELETED_TEXT), row(id=1, v="b", _sdc_deleted_at=None)]], {LOGGED: [(1, "b", None)]}),
    Case("hard_deletes", "Or it is removed.", [[LOG, row(id=1, v="a"), row(id=2, v="b")], [LOG, row(id=1, v="a", _sdc_deleted_at=DELETED_TEXT)]], {LOGGED: [(2, "b", None)]}, {"deletes": "hard"}),
    Case("hard_delete_of_a_key", "Also by a delete that is but a key, of a row that was never there, too.", [[LOG, row(id=1, v="a"), row(id=2, v="b")], [LOG, row(id=1, _sdc_deleted_at=DELETED_TEXT), row(id=7, _sdc_deleted_at=DELETED_TEXT)]], {LOGGED: [(2, "b", None)]}, {"deletes": "hard"}),
    Case("deletes_off", "Or the column is one like any other.", [[LOG, row(id=1, v="a")]], {PAIRS: [(1, "a")]}, {"deletes": "off"}),
]
OF_VERSIONS = [
    Case("one_version", "A version that stays keeps the rows.", [[shape(PAIR), row(version=1, id=1, v="a"), activate(1)], [shape(PAIR), row(version=1, id=2, v="b"), activate(1)]], {PAIRS: [(1, "a"), (2, "b")]}),
    Case("new_version", "A new one replaces them.", [[shape(PAIR), row(version=1, id=1, v="a"), activate(1)], [shape(PAIR), row(version=2, id=2, v="b"), row(version=2, id=3, v="c"), activate(2)]], {PAIRS: [(2, "b"), (3, "c")]}),
    Case("version_ahead", "Wherever it is activated.", [[shape(PAIR), activate(1), row(version=1, id=1, v="a")], [shape(PAIR), activate(2), row(version=2, id=2, v="b"), activate(2)]], {PAIRS: [(2, "b")]}),
    Case("version_without_rows", "One without rows empties the table.", [[shape(PAIR), activate(1), row(version=1, id=1, v="a")], [shape(PAIR), activate(2)]], {PAIRS: []}),
    Case("version_without_key", "Also without a key.", [[shape(PAIR, ()), row(version=1, id=1, v="a"), activate(1)], [shape(PAIR, ()), row(version=2, id=2, v="b"), activate(2)]], {PAIRS: [(2, "b")]}),
    Case("version_column", "With a column for it, versions stand side by side.", [[shape(PAIR, ()), row(version=1, id=1, v="a"), row(version=2, id=1, v="b"), activate(2)]], {"(id BIGINT, v VARCHAR, _sdc_table_version BIGINT)": [(1, "a", 1), (1, "b", 2)]}, {"version_column": True}),
]
OF_BATCHES = [
    Case("batch_jsonl", "BATCH: the rows of its files, in order.", [[shape(PAIR), batch("a1.jsonl", "a2.jsonl", format="jsonl")]], {PAIRS: [(1, "b"), (2, "x")]}, files={"a1.jsonl": b'{"id": 1, "v": "a"}\n{"id": 2, "v": "x"}\n', "a2.jsonl": b'{"id": 1, "v": "b"}'}),
    Case("batch_gzip", "Compressed.", [[shape(), batch("b.jsonl.gz", format="jsonl", compression="gzip")]], {"(id BIGINT)": [(1,)]}, files={"b.jsonl.gz": gzip.compress(ONE_ROW)}),
    Case("batch_gzip_of_parts", "In several members of gzip, as they are joined by `cat`.", [[shape(), batch("c.jsonl.gz", format="jsonl", compression="gzip")]], {"(id BIGINT)": [(1,), (2,)]}, files={"c.jsonl.gz": gzip.compress(ONE_ROW) + gzip.compress(b'{"id": 2}\n')}),
    Case("batch_parquet", "Parquet.", [[shape(PAIR), batch("d.parquet", format="parquet")]], {PAIRS: [(1, "a"), (2, None)]}, files={"d.parquet": parquet({"id": 1, "v": "a"}, {"id": 2, "v": None})}),
    Case("batch_without_files", "A manifest without files is nothing.", [[shape(), batch(format="jsonl"), row(id=1)]], {"(id BIGINT)": [(1,)]}),
    Case("batch_of_an_empty_file", "Nor is a file without rows.", [[shape(), batch("e.jsonl", format="jsonl"), row(id=1)]], {"(id BIGINT)": [(1,)]}, files={"e.jsonl": b"\n\n"}),
    Case("batch_between_records", "A BATCH stands in its place between RECORDs.", [[shape(PAIR), row(id=1, v="a"), row(id=2, v="a"), batch("f.jsonl", format="jsonl"), row(id=2, v="c")]], {PAIRS: [(1, "b"), (2, "c")]}, files={"f.jsonl": b'{"id": 1, "v": "b"}\n{"id": 2, "v": "b"}\n'}),
]
OF_LINES = [
    Case("time_extracted", "`time_extracted`, and whatever else a tap says of a record.", [[shape(), said(type="RECORD", stream="$", record={"id": 1}, time_extracted=DELETED_TEXT), said(type="RECORD", stream="$", record={"id": 2}, more={"a": [1]})]], {"(id BIGINT)": [(1,), (2,)]}),
    Case("members_in_any_order", "A message's members in any order, with blanks between.", [[shape(), line('{"record":{"id":1},"stream":"$","type":"RECORD"}'.replace('"$"', '"members_in_any_order"')), line('  { "stream" : "members_in_any_order" , "record" : { "id" : 2 } , "type" : "RECORD" }  ')]], {"(id BIGINT)": [(1,), (2,)]}),
    Case("windows_line_ends", "Lines that end as on Windows.", [[shape(), {"line": row(id=1)["line"] + "\r"}, {"line": row(id=2)["line"] + "\r"}]], {"(id BIGINT)": [(1,), (2,)]}),  # type: ignore[operator]  # a step's line is a text
    Case("blank_lines", "Blank lines between.", [[line(""), shape(), line(""), row(id=1), line("   "), row(id=2), line("")]], {"(id BIGINT)": [(1,), (2,)]}),
    Case("bookmark_property_as_text", "Old taps say a single bookmark property without brackets.", [[shape(message={"bookmark_properties": "id"}), row(id=1)]], {"(id BIGINT)": [(1,)]}),
    Case("message_of_own_kind", "A message that is none of Singer's is a stray line.", [[shape(), said(type="METRIC", value=1), row(id=1)]], {"(id BIGINT)": [(1,)]}, alone=True),
    Case("log_lines", "So is what a library prints.", [[line("Connecting ..."), shape(), row(id=1), line("[1, 2]")]], {"(id BIGINT)": [(1,)]}, alone=True),
    Case("stream_nobody_asked_for", "A stream that was not asked for is left.", [[shape(), {"line": shape(stream="other")["line"]}, row("other", id=5), row(id=1)]], {"(id BIGINT)": [(1,)]}),
    Case("state_in_any_place", "STATE before, between and behind.", [[said(type="STATE", value={}), shape(), said(type="STATE", value={}), row(id=1), said(type="STATE", value={})]], {"(id BIGINT)": [(1,)]}),
]
OF_NAMES = [
    Case("names_of_properties", "Properties may have any name.", [[shape({"id": "integer", "a b": "string", "camelCase": "string", "1st": "string", "order": "string", "x.y/z": "string"}), raw('{"id": 1, "a b": "a", "camelCase": "b", "1st": "c", "order": "d", "x.y/z": "e"}')]], {"(id BIGINT, a_b VARCHAR, camel_case VARCHAR, _1st VARCHAR, order VARCHAR, x_y_z VARCHAR)": [(1, "a", "b", "c", "d", "e")]}),
    Case("name_with_path", "A name that looks like a path stays in its place.", [[shape(stream="../../name of a path"), row("../../name of a path", id=1)]], {"_name_of_a_path(id BIGINT)": [(1,)]}),
    Case("name_in_camel_case", "Names are put into the destination's convention.", [[shape(stream="NameInCamel.Case-of"), row("NameInCamel.Case-of", id=1)]], {"name_in_camel_case_of(id BIGINT)": [(1,)]}),
    Case("name_of_a_word_of_sql", "A word of SQL is a name.", [[shape(stream="select"), row("select", id=1)]], {"select(id BIGINT)": [(1,)]}),
]
# fmt: on

CASES: list[Case] = [
    *OF_SCHEMAS, *OF_KEYS, *OF_METHODS, *OF_DELETES, *OF_VERSIONS, *OF_BATCHES, *OF_LINES, *OF_NAMES,
]  # fmt: skip
