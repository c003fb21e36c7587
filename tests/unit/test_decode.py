"""Raw records become rows: each value as its column holds it, or beside it in a variant column."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt_singer._types import JSON, JSONObject
from dlt_singer.decode import RowDecoder
from dlt_singer.errors import MessageError
from dlt_singer.hints import stream_hints


def decoder_of(properties: JSONObject) -> RowDecoder:
    return RowDecoder(stream_hints({"type": "object", "properties": properties}, []))


def decoded(schema: JSON, text: str | bytes) -> dict[str, object]:
    raw = text if isinstance(text, bytes) else text.encode()
    return decoder_of({"v": schema}).decode([b'{"v": ' + raw + b"}"])[0]


INTEGER: JSONObject = {"type": ["null", "integer"]}
NUMBER: JSONObject = {"type": ["null", "number"]}
MONEY: JSONObject = {"type": ["null", "number"], "multipleOf": 0.01}
BOOLEAN: JSONObject = {"type": ["null", "boolean"]}
STRING: JSONObject = {"type": ["null", "string"]}
MOMENT: JSONObject = {"type": ["null", "string"], "format": "date-time"}
ANYTHING: JSONObject = {}
LIST: JSONObject = {"type": "array", "items": {}}
OBJECT: JSONObject = {"type": ["null", "object"]}


@pytest.mark.parametrize(
    ("schema", "text", "row"),
    [
        pytest.param(INTEGER, "1.0", {"v": 1}, id="a whole float is an integer"),
        pytest.param(INTEGER, "1e3", {"v": 1000}, id="an exponent is an integer if it comes out even"),
        pytest.param(INTEGER, '"12"', {"v": 12}, id="a number in a string is a number"),
        pytest.param(INTEGER, '"007"', {"v__v_text": "007"}, id="leading zeros are kept as text"),
        pytest.param(INTEGER, "1.5", {"v__v_double": 1.5}, id="a fraction is not cut off"),
        pytest.param(INTEGER, "9223372036854775807", {"v": 2**63 - 1}, id="the last 64 bit integer"),
        pytest.param(INTEGER, "9223372036854775808", {"v__v_text": "9223372036854775808"}, id="the first beyond"),
        pytest.param(INTEGER, "1e999999999", {"v__v_text": "1e999999999"}, id="an absurd exponent costs nothing"),
        pytest.param(INTEGER, "9" * 5000, {"v__v_text": "9" * 5000}, id="more digits than int() reads"),
        pytest.param(INTEGER, "true", {"v__v_bool": True}, id="true is no integer"),
        pytest.param(NUMBER, "3", {"v": 3.0}, id="an integer in a number column is a double"),
        pytest.param(NUMBER, "9007199254740993", {"v__v_bigint": 2**53 + 1}, id="an integer no double holds"),
        pytest.param(NUMBER, "1e400", {"v__v_text": "1e400"}, id="beyond the largest double"),
        pytest.param(NUMBER, "1e-400", {"v__v_text": "1e-400"}, id="below the smallest double"),
        pytest.param(NUMBER, "NaN", {"v": "NaN"}, id="dlt makes a double of the word NaN"),
        pytest.param(NUMBER, '"nan"', {"v__v_text": "nan"}, id="but only of that spelling"),
        pytest.param(MONEY, "1.10", {"v": Decimal("1.10")}, id="a decimal from its text"),
        pytest.param(MONEY, '"1.10"', {"v": Decimal("1.10")}, id="a decimal from a string"),
        pytest.param(MONEY, "1.005", {"v__v_text": "1.005"}, id="a third digit is not rounded off"),
        pytest.param(MONEY, "NaN", {"v__v_text": "NaN"}, id="no decimal is NaN"),
        pytest.param(BOOLEAN, "1", {"v": True}, id="one is true"),
        pytest.param(BOOLEAN, "7", {"v__v_bigint": 7}, id="seven is not"),
        pytest.param(BOOLEAN, '"yes"', {"v__v_text": "yes"}, id="nor is yes"),
        pytest.param(STRING, "1.10", {"v": "1.10"}, id="a number in a text column keeps its digits"),
        pytest.param(STRING, '{"a": 1.10}', {"v": '{"a": 1.10}'}, id="an object in a text column is JSON"),
        pytest.param(STRING, r'"\ud800x"', {"v": r"\ud800x"}, id="half a surrogate pair stays visible"),
        pytest.param(STRING, r'"\\ud800"', {"v": r"\ud800"}, id="a backslash is no escape"),
        pytest.param(STRING, r'"\ud83d\ude00"', {"v": "\N{GRINNING FACE}"}, id="a whole pair is a character"),
        pytest.param(STRING, b'"\xff"', {"v": r"\xff"}, id="a byte that is not UTF-8 stays visible"),
        pytest.param(MOMENT, '"2024-01-01t10:00:00z"', {"v": "2024-01-01T10:00:00Z"}, id="lower case moments"),
        pytest.param(MOMENT, '"0000-00-00"', {"v__v_text": "0000-00-00"}, id="the day that never was"),
        pytest.param(MOMENT, "1700000000", {"v__v_bigint": 1700000000}, id="seconds are not guessed at"),
        pytest.param(ANYTHING, '[1, {"a": 2}]', {"v": r'"[1, {\"a\": 2}]"'}, id="undeclared values stay text"),
        pytest.param(ANYTHING, f"[1, {10**30}]", {"v": f'"[1, {10**30}]"'}, id="huge in a list"),
        pytest.param(LIST, f"[{10**30}]", {"v": [{"value__v_text": str(10**30)}]}, id="huge in a child table"),
        pytest.param(OBJECT, '{"a": [1.5]}', {"v": r'"{\"a\": [1.5]}"'}, id="an object in a json column"),
        pytest.param(OBJECT, '"a"', {"v": r'"\"a\""'}, id="a scalar in a json column is JSON twice over"),
    ],
)  # fmt: skip
def test_a_value_goes_to_its_column_or_beside_it(schema: JSON, text: str | bytes, row: JSONObject) -> None:
    assert decoded(schema, text) == row


LINE: JSONObject = {"type": "object", "properties": {"m": MONEY, "t": {"items": MOMENT}}}
TABLE: JSONObject = {"type": "array", "items": LINE}
LIST_OF_MONEY: JSONObject = {"type": "array", "items": MONEY}
HUGE = str(10**30)


@pytest.mark.parametrize(
    ("schema", "text", "row"),
    [
        pytest.param({"items": MONEY}, "[1.10, 1]", [Decimal("1.10"), Decimal("1.00")], id="decimals"),
        pytest.param({"items": STRING}, "[1.10, null]", ["1.10", None], id="texts keep their digits"),
        pytest.param({"items": INTEGER}, "[1.0, 1.5]", [1, {"value__v_double": 1.5}], id="misfits"),
        pytest.param(TABLE, '[{"m": 1.10, "x": 1}]', [{"m": Decimal("1.10"), "x": 1}], id="objects"),
        pytest.param(TABLE, '[{"m": 1.005}]', [{"m__v_text": "1.005"}], id="a misfit of an object"),
        pytest.param(TABLE, '[{"t": [1]}]', [{"t": [{"value__v_bigint": 1}]}], id="an array in an object"),
        pytest.param(TABLE, '[{"t": null}]', [{}], id="null for an array in an object"),
        pytest.param(TABLE, f"[{HUGE}, null]", [{"value__v_text": HUGE}, None], id="scalars among objects"),
        pytest.param(TABLE, f"[[{HUGE}]]", [[{"value__v_text": HUGE}]], id="arrays among objects"),
        pytest.param(TABLE, '{"m": 1}', {"m": 1}, id="an object where an array belongs"),
        pytest.param(
            {"items": LIST_OF_MONEY}, "[[1.10], null]", [[Decimal("1.10")], None], id="arrays in an array"
        ),
        pytest.param({"items": OBJECT}, '[{"a": 1.10}]', [{"a": 1.1}], id="objects of any form"),
        pytest.param(TABLE, "[]", [], id="nothing"),
    ],
)
def test_an_item_of_an_array_is_as_exact_as_a_value_of_the_root(schema: JSON, text: str, row: JSON) -> None:
    assert decoded(schema, text) == {"v": row}


def test_an_array_that_may_not_be_a_table_keeps_its_text() -> None:
    hints = stream_hints({"properties": {"v": {"items": {"items": MONEY}}}}, [], max_table_nesting=1)

    assert RowDecoder(hints).decode([b'{"v": [[1.10], null]}']) == [{"v": [{"list": '"[1.10]"'}, None]}]


def test_variants_of_child_tables_are_told_by_the_path_of_the_table() -> None:
    decoder = decoder_of({"o": {"type": "object", "properties": {"l": TABLE}}})

    decoder.decode([b'{"o": {"l": [{"m": "a", "t": [7]}]}}'])

    assert decoder.variants == {}
    assert {path: list(columns) for path, columns in decoder.child_variants.items()} == {
        ("o", "l"): ["m__v_text"],
        ("o", "l", "t"): ["value__v_bigint"],
    }


@pytest.mark.parametrize("schema", [INTEGER, NUMBER, MONEY, BOOLEAN, STRING, MOMENT, ANYTHING, OBJECT])
def test_null_is_null_in_every_column(schema: JSON) -> None:
    assert decoded(schema, "null") == {"v": None}


def test_values_of_flattened_objects_are_read_by_their_columns() -> None:
    schema: JSONObject = {"type": "object", "properties": {"price": MONEY, "n": INTEGER}}

    assert decoded(schema, '{"price": 1.10, "n": "x"}') == {"v": {"price": Decimal("1.10"), "n__v_text": "x"}}


def test_keys_without_a_column_are_kept() -> None:
    rows = decoder_of({"a": INTEGER}).decode([b'{"a": 1, "b": {"c": [1]}}'])

    assert rows == [{"a": 1, "b": {"c": [1]}}]


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    assert decoder_of({"a": INTEGER}).decode([b'{"a": 1, "a": 2}']) == [{"a": 2}]


def test_records_are_taken_as_the_envelope_left_them() -> None:
    assert decoder_of({"a": INTEGER}).decode([msgspec.Raw(b'{"a": 1}')]) == [{"a": 1}]


def test_the_variant_columns_that_were_needed_are_named_with_their_types() -> None:
    decoder = decoder_of({"n": INTEGER, "o": {"properties": {"at": MOMENT}}})

    decoder.decode([b'{"n": "x"}', b'{"o": {"at": 5}}'])

    assert decoder.variants == {
        "n__v_text": {"name": "n__v_text", "data_type": "text", "nullable": True, "variant": True},
        "o__at__v_bigint": {"name": "o__at__v_bigint", "data_type": "bigint", "nullable": True, "variant": True},
    }


@pytest.mark.parametrize("raw", [b"[1]", b"1", b"", b'{"a": }', b'{"a": secret}', b'{"a": "secret"', b"\xff"])
def test_what_is_no_object_is_an_error_that_quotes_nothing(raw: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        decoder_of({"a": INTEGER}).decode([raw])

    assert "secret" not in str(caught.value)


def test_endless_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(MessageError):
        decoder_of({}).decode([b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"])


WHOLE = st.integers(-(2**63), 2**63 - 1)
# a double column holds what a double holds; the rest is the table above
PLAIN: st.SearchStrategy[dict[str, JSON]] = st.fixed_dictionaries(
    {},
    optional={
        "i": st.one_of(st.none(), WHOLE),
        "n": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        "b": st.one_of(st.none(), st.booleans()),
        "s": st.one_of(st.none(), st.text()),
        "o": st.fixed_dictionaries({}, optional={"i": WHOLE, "s": st.text()}),
        "l": st.lists(st.one_of(WHOLE, st.text(), st.none())),
        "t": st.lists(
            st.fixed_dictionaries(
                {}, optional={"i": WHOLE, "x": st.text(), "g": st.lists(st.lists(st.one_of(st.none(), st.text())))}
            )
        ),
        "x": st.recursive(
            st.one_of(st.none(), st.booleans(), WHOLE, st.floats(allow_nan=False, allow_infinity=False), st.text()),
            lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
            max_leaves=5,
        ),
    },
)
PLAIN_SCHEMA: JSONObject = {
    "i": INTEGER,
    "n": NUMBER,
    "b": BOOLEAN,
    "s": STRING,
    "o": {"type": "object", "properties": {"i": INTEGER, "s": STRING}},
    "l": {"type": "array"},
    "t": {
        "type": "array",
        "items": {"type": "object", "properties": {"i": INTEGER, "g": {"items": {"items": STRING}}}},
    },
}


@given(records=st.lists(PLAIN, max_size=3), ascii_only=st.booleans())
@settings(max_examples=200, deadline=None)
def test_plain_records_come_out_as_they_went_in(records: list[dict[str, JSON]], *, ascii_only: bool) -> None:
    raws = [json.dumps(record, ensure_ascii=ascii_only).encode() for record in records]

    assert decoder_of(PLAIN_SCHEMA).decode(raws) == records


SCHEMAS = st.sampled_from([INTEGER, NUMBER, MONEY, BOOLEAN, STRING, MOMENT, ANYTHING, OBJECT])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.decimals().map(str),
    st.datetimes().map(str), st.lists(st.integers(), max_size=2),
)  # fmt: skip


@given(SCHEMAS, VALUES)
@settings(max_examples=500, deadline=None)
def test_no_value_is_ever_lost(schema: JSON, value: JSON) -> None:
    row = decoded(schema, json.dumps(value))

    assert len(row) == 1
    stays_null = value is None
    assert all((found is None) == stays_null for found in row.values())
    if isinstance(value, float) and math.isnan(value):
        assert "NaN" in str(next(iter(row.values())))
