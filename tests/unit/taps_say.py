"""What taps say, made up: schemas of every kind, and RECORD lines in which most values fit and some do not.

Everything is text, since how a value is written decides what becomes of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from dlt_singer._types import JSON, JSONObject

KINDS: dict[str, tuple[JSON, tuple[str, ...]]] = {
    "integer": ({"type": ["null", "integer"]}, ("0", "-1", "42", "9223372036854775807", "-9223372036854775808")),
    "number": ({"type": "number"}, ("0.1", "-2.5e3", "1E5", "9007199254740991", "0.0", "1e-300", "3")),
    "boolean": ({"type": ["boolean", "null"]}, ("true", "false")),
    "string": ({"type": "string"}, ('""', '"a"', '"ü€\\u00e9\\ud83d\\ude00😀"', r'"\"\\\/\b\f\n\r\t"', '"null"')),
    "null": ({"type": "null"}, ("null",)),
    "string or integer": ({"type": ["string", "integer"]}, ('"5"', "5")),
    "string or object": ({"type": ["string", "object"]}, ('"5"', '{"k": 1}')),
    "anything": ({}, ("1", '"a"', "[1, 2.0]", '{"k" : {"l": [null]}}', "true", "1e400", '"ü"', "{}", "[]")),
    "free": ({"type": ["null", "object"]}, ("{}", '{"k":1.10,"l":[{}]}', '{"k": 1, "k": 2}')),
    "list": ({"type": "array", "items": {"type": "integer"}}, ("[]", "[1, 2]", "[[1]]")),
    "texts": ({"type": "array", "items": {"type": ["string", "null"]}}, ('["a", null, "ü"]', "[]", '[""]')),
    "moments": ({"type": "array", "items": {"format": "date-time"}}, ('["2024-01-31T10:11:12Z"]', "[]")),
    "numbers": ({"type": "array", "items": {"type": "number"}}, ("[0.1, 1]", "[9007199254740991]", "[null]")),
    "grid": ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}, ("[[1, 2], []]", "[]")),
    "lines": (
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "a": {"type": "number", "multipleOf": 0.01},
                    "b": {"type": "object", "properties": {"c": {"type": "array", "items": {"type": "string"}}}},
                },
            },
        },
        ('[{"a": 1.10, "b": {"c": ["x", "y"]}}, {}]', "[]", '[{"a": null, "b": null}]', '[{"b": {"c": []}}]'),
    ),
    "timestamp": (
        {"type": ["null", "string"], "format": "date-time"},
        (
            '"2024-01-31T10:11:12Z"', '"2024-01-31T10:11:12.123456Z"', '"2024-01-31T10:11:12.123000000+00:00"',
            '"2024-01-01T00:00:00+05:30"', '"2024-01-31"', '"2024-01-31 10:11:12"',
            '"1969-12-31T23:59:59.999999-0100"',
            '"2024-02-29T10:11Z"',
        ),
    ),
    "date": ({"type": "string", "format": "date"}, ('"2024-01-31"', '"2024-01-31T00:00:00Z"', '"1900-02-28"')),
    "time": ({"type": "string", "format": "time"}, ('"10:11:12"', '"00:00"', '"23:59:59.999999"', '"10:11:12Z"')),
    "money": ({"type": ["null", "number"], "multipleOf": 0.01}, ("1.10", "-0.01", "0", "12345678901.5", "1e2")),
    "decimal in text": (
        {"type": ["null", "string"], "format": "singer.decimal", "precision": 12, "scale": 4},
        ('"1.10"', '"-12345678.1234"', "3", '"0"', '"1E-4"'),
    ),
    "narrow": ({"type": "string", "format": "singer.decimal", "precision": 3, "scale": 3}, ('"0.125"', "-0.001")),
    "wide": ({"type": "string", "format": "singer.decimal", "precision": 38, "scale": 0}, ('"99"', "1" * 38, "-5")),
    "uint64": ({"type": "integer", "minimum": 0, "maximum": 2**64 - 1}, ("0", "18446744073709551615")),
}  # fmt: skip
"""Name -> JSON schema, values that fit."""
RARE = ("1e-300", "1e400", "1e2", '"1E-4"', "5", '"2024-01-31"', '"2024-01-31 10:11:12"', '"10:11:12Z"')
"""Fitting values that are written in a way only rows are read for: exponents, numbers for texts, a mix of forms."""
NUMBERS = (
    "1.0", "1.5", "-0", "-0.0", "1e3", "1E+3", "0.1e1", "9007199254740992", "9007199254740993", "-9007199254740993",
    "9223372036854775808", "-9223372036854775809", "1180591620717411303424", "1e20", "1e22", "1e38", "1e308",
    "1e309", "1e400",
    "-1e400", "1e-320", "1e-400", "0e-400", "0.000001", "4.9e-324", "0." + "0" * 330 + "1", "NaN", "Infinity",
    "-Infinity",
    "0.1234567890123456789", "99999999.99999", "999.5", "1" * 39, "1" * 400, "01", "+1", ".5", "5.", "0x10",
    "1_000", "1e",
    "0E0", "-", "123456789012345678901234567890.12",
)  # fmt: skip
"""As JSON, or what some take for it; also in strings."""
TIMES = (
    "0000-00-00", "0000-00-00 00:00:00", "0000-01-01", "0001-01-01", "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+05:00",
    "0001-01-01T00:00:00-05:00", "0002-01-01T00:00:00+01:00", "9999-12-31", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59+05:00", "9998-12-31T23:59:59Z", "9998-12-31T23:59:59-01:00",
    "10000-01-01", "-0001-01-01", "2024-01-01T00:00:00+05:30", "2024-01-01T00:00:00+0530", "2024-01-01T00:00:00+05",
    "2024-01-01T00:00:00-00:00", "2024-01-01T00:00:00+00", "2024-01-01T10", "2024-01-01T10Z",
    "2024-01-01t10:00:00z",
    "2024-01-01T10:00:00z", "2024-01-01T10:00:00 Z", "2024-01-01T10:00:00.1234567Z", "2024-01-01T10:00:00.1234560Z",
    "2024-01-01T10:00:00.123456789", "2024-01-01T10:00:00.123456000", "2024-01-01T10:00:00.",
    "2024-01-01T10:00:00,5",
    "2024-01-01T24:00:00Z", "2024-06-30T23:59:60Z", "2024-01-01T25:00:00", "2023-02-29", "2024-02-30T00:00:00",
    "2024-1-1",
    "20240101", "20240101T101112Z", "2024-W01-1", "2024-001", "2024", "2024-01", "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+23:59", "2024-01-01T00:00:00+05:60", "2024-01-01 00:00:00 UTC",
    "2024-01-01T00:00:00+05:30[Asia]",
    "24:00", "24:00:00", "23:59:60", "10", "10:11", "1:2:3", "10:11:12.1234567", "10:11:12.1234560",
    "10:11:12+02:00",
    "10:11:12-00", "10:11:12z", "10:11:12 ", " 10:11:12", "2024-01-01\n", "2024-01-01T00:00:00Z\n", "٢٠٢٤-٠١-٠١",
    "10:11:12Z\u0000",
    "1700000000", "tomorrow", "", "１０:１１",
)  # fmt: skip
ARRAYS = (
    "[null]", "[1.5]", "[9007199254740993]", "[1e-400]", "[ 1e400]", '[1, "a"]', "[[]]", "[[null]]", "[null, [1]]",
    "[[1.5]]", "[[[1]]]",
    '["2024-01-31", "soon"]', '["2024-01-31T00:00:00Z", "2024-01-31"]', "[true]", "[{}, null]", '[{"a": 1.005}]',
    '[{"a": "1.10"}]', '[{"a": 1, "a": 2}]', '[{"x": 1}]', '[{"a": 1}, 2]', '[{"b": 5}]', '[{"b": {"c": 5}}]',
    '[{"b": {"c": [1]}}]',
    '[{"b": {"c": [null]}}]', '[{"b": {"x": []}}]', '["\\ud800"]', "[1,]", "[", '{"0": 1}', '[{"_dlt_id": "x"}]',
)  # fmt: skip
"""Arrays, and what nearly is one."""
STRANGE = (
    "null", "true", "false", '"true"', '"False"', '"yes"', '"abc"', '"NaN"', '"nan"', '"Infinity"', '"-Infinity"',
    '"inf"',
    "[]", "{}", "[1]", '{"a": 1}', '{"record": 1}', "[{}]", '[{"a": [1]}]', r'"\ud800"', r'"\udc00\ud800"',
    r'"a\u0000b"', '"a\u0000b"',
    r'"\u0041"', r'"\x41"', '"\t"', '"a\rb"', '"\u2028"', '"\ufeff"', '"\uf029x"', '"\uf0101"', '"\uffff"',
    '"' + "x" * 70_000 + '"',
    "[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, "[" * 2000 + "]" * 2000, "nul", "TRUE", "'a'", "",
    "undefined", '"\udcff"', '"\udcc3("', "\udcff", '"a" "b"', "1 2",
    '"{\\"type\\": \\"RECORD\\", \\"stream\\": \\"s\\", \\"record\\": {"',
    '{"type": "RECORD", "stream": "s", "record": {}}',
    '{"type":"RECORD","stream":"s","record":{}}', '"version"', "1, 2", "1}, {", "{}}", "{", "/**/1", "-Infinity1",
    "1e5.5",
)  # fmt: skip
MISFITS = (
    *NUMBERS,
    *(f'"{number}"' for number in NUMBERS),
    *(json.dumps(time, ensure_ascii=False) for time in TIMES),
    *ARRAYS,
    *STRANGE,
)
NAMES = (
    "a", "b", "id", "A b", "ü", "é€", "😀", "a.b", "a/b", 'a"b', "a\\b", "a\nb", "", " ", "a__b", "_a", "record",
    "type", "stream",
    "version", "time_extracted", "$1", "a*", "x" * 80, "<a>&", "\x7f", "1a", "a\u2028b", "value", "_dlt_id",
    "_sdc_deleted_at",
)  # fmt: skip
UNLOADABLE = ('a"b', "a\\b", "a\nb", "_dlt_id", "time_extracted", "record")
"""Names that only rows are made of, with free-form values beside them or always."""


@dataclass(frozen=True)
class Said:
    """A schema, and lines that came under it.

    Attributes:
        schema: The JSON schema.
        lines: RECORD lines, or records without a message around them.
        bare: Whether they are the latter.
        nesting: dlt's limit for nested tables.
        deselected: Properties that are not wanted.
        keys: The key properties.
    """

    schema: JSONObject
    lines: list[bytes]
    bare: bool
    nesting: int | None
    deselected: tuple[str, ...]
    keys: tuple[str, ...]


Properties = dict[str, tuple[JSON, tuple[str, ...], "Properties | None"]]

HEADS = [
    ('{"type": "RECORD", "stream": "s", "record": ', "}"),
    ('{"type":"RECORD","stream":"s","record":', ',"time_extracted":"2024-01-01T00:00:00.000000Z"}'),
]
ODD_HEADS = [
    *HEADS,
    ('{"type":"RECORD","stream":"s","record":', ',"time_extracted":1700000000}'),
    ('{"type":"RECORD","stream":"s","record":', ',"time_extracted":null}'),
    ('{"type":"RECORD","stream":"s","record":', ',"namespace":null,"more":{"record":{"a":1}}}'),
    ('{"type":"RECORD","stream":"s","record":', ',"stream":"s"}'),
    ('{"type":"RECORD","stream":"s","record":', ',"stream":"other"}'),
    ('{"type":"RECORD","stream":"s","record":', ',"type":"STATE","value":{}}'),
    ('{"type":"RECORD","stream":"s","record":', ',"record":{"a":1}}'),
    ('{"type":"RECORD","stream":"s","record":', ',"record":null}'),
    ('{"type":"RECORD","stream":"s","record":', ',"version":1}'),
    ('{"type":"RECORD","stream":"s","record":', ',"vers\\u0069on":2}'),
    ('{"type":"RECORD","stream":"s","record":', ',"str\\u0065am":"t"}'),
    ('{"type":"RECORD","stream":"s","record":{"a":1},"record":', "}"),
    ('{"type":"RECORD","stream":"s","record":', "} "),
    ('{"type":"RECORD","stream":"s","record":', '}{"type":"STATE","value":{}}'),
    ('{"stream":"s","type":"RECORD","version":3,"record":', "}"),
    (' { "type" : "RECORD" , "stream" : "s" , "record" : ', " } "),
]
"""What stands around a record."""


_LEAVES: Final = [(*KINDS[kind], None) for kind in (*KINDS, "number", "number", "money", "integer", "timestamp")]
_CLEAN_LEAVES: Final = [
    (schema, tuple(v for v in fitting if v not in RARE), None) for schema, fitting in KINDS.values()
]
_names = st.one_of(
    st.sampled_from(NAMES[:3]),
    st.sampled_from(NAMES),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
_coins = st.integers(0, 99)
_misfits = st.sampled_from(MISFITS)
_numbers, _times = (
    st.sampled_from(NUMBERS),
    st.sampled_from([json.dumps(time, ensure_ascii=False) for time in TIMES]),
)
_near = {
    **{KINDS[kind][1]: _numbers for kind in ("integer", "number", "uint64")},
    **{
        KINDS[kind][1]: st.one_of(_numbers, _numbers.map('"{}"'.format))
        for kind in ("money", "decimal in text", "wide")
    },
    **{KINDS[kind][1]: _times for kind in ("timestamp", "date", "time")},
    **{
        KINDS[kind][1]: st.sampled_from(ARRAYS) for kind in ("list", "texts", "moments", "numbers", "grid", "lines")
    },
}
"""Misfits that come close."""
_nestings = st.sampled_from([0, 0, None, 1])
_fitting = {values: st.sampled_from(values) for _, values, _ in (*_LEAVES, *_CLEAN_LEAVES)}
_heads, _odd_heads = st.sampled_from(HEADS), st.sampled_from(ODD_HEADS)
_ends = st.sampled_from(["", "", "\r", " "])
_rows = st.integers(1, 3)


def _properties(
    names: st.SearchStrategy[str],
    inner_names: st.SearchStrategy[str],
    leaves: Sequence[tuple[JSON, tuple[str, ...], None]],
) -> st.SearchStrategy[Properties]:
    leaf = st.sampled_from(leaves)
    inner = st.dictionaries(inner_names, leaf, min_size=1, max_size=2)
    nested = inner.map(
        lambda inner: ({"type": "object", "properties": {n: s for n, (s, *_) in inner.items()}}, ("null",), inner)
    )
    return st.dictionaries(names, st.one_of(leaf, leaf, leaf, nested), min_size=1, max_size=3)


_some_properties = _properties(_names, _names, _LEAVES)
_clean_names = st.sampled_from([name for name in NAMES if name not in UNLOADABLE])
_clean_properties = _properties(_clean_names, _clean_names.map("in {}".format), _CLEAN_LEAVES)


@st.composite
def says(draw: st.DrawFn, *, odd: bool = True) -> Said:
    """Return what a tap says.

    Args:
        draw: Hypothesis' own.
        odd: Whether some of it may be wrong, or written as nobody writes.
    """
    declared = draw(_some_properties if odd else _clean_properties)
    coin = draw(_coins)
    wrong, strange = odd and coin % 3 != 0, odd and coin % 7 == 0
    records = [_record(draw, declared, wrong=wrong) for _ in range(draw(_rows))]
    bare = coin % 5 == 0
    head, tail = ("", "") if bare else draw(_odd_heads if strange else _heads)
    end = draw(_ends) if wrong and not bare and coin % 4 == 0 else ""
    top = list(declared)
    return Said(
        {"type": "object", "properties": {name: schema for name, (schema, *_) in declared.items()}},
        [f"{head}{record}{tail}{end}".encode("utf-8", "surrogateescape") for record in records],
        bare,
        draw(_nestings) if odd else 0,
        (top[-1],) if odd and len(top) > 1 and coin % 11 == 0 else (),
        (top[0],) if odd and coin % 13 == 0 and declared[top[0]][2] is None else (),
    )


def _record(draw: st.DrawFn, declared: Properties, *, wrong: bool) -> str:
    members: list[str] = []
    for name, (_, fitting, inner) in declared.items():
        coin = draw(_coins)
        if coin == 0:
            continue
        if wrong and coin == 1:
            members.append(f"{_quoted(name, coin)}:{draw(_misfits)}")
        if wrong and coin < 4:
            value = draw(_misfits)
        elif wrong and coin < 24:
            value = draw(_near.get(fitting, _misfits))
        elif inner is not None and coin < 96:
            value = _record(draw, inner, wrong=wrong)
        else:
            value = "null" if coin > 95 and inner is None else draw(_fitting.get(fitting, _nulls))
        members.append(f"{_quoted(name, coin if wrong else 50)}{_COLONS[coin % 7] if wrong else ': '}{value}")
    coin = draw(_coins) if wrong else 50
    if coin < 4:
        members.append(f'"{"moreaA"[coin]}": {draw(_misfits)}')
    return draw(_misfits) if coin == 99 else "{" + ", ".join(members) + "}"


_nulls = st.just("null")
_COLONS: Final = (": ", ":", ":", " :\t", ": ", ":", ": ")


def _quoted(name: str, coin: int) -> str:
    if coin % 20 == 7:
        return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 65536 else json.dumps(c)[1:-1] for c in name) + '"'
    return json.dumps(name, ensure_ascii=coin % 2 == 0)
