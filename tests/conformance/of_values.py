# ruff: noqa: E501, FBT003 - a case stands on a line; `true` is a schema
"""Cases of a single property: what its JSON schema makes of the column, and what becomes of its values."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from decimal import Decimal

from tests.conformance.case import Case, raw, row, shape, values

UTC = timezone.utc
TEXT_BESIDE = "v__v_text VARCHAR"
LONG = "9" * 30
DEEP = "[" * 300 + "]" * 300
NOTHING = (None, None)

# fmt: off
OF_TYPES = [
    values("an_integer", "An integer is a BIGINT.", {"type": "integer"}, "v BIGINT", ("1", 1), ("-9223372036854775808", -2**63)),
    values("a_number", "A number is a DOUBLE.", {"type": "number"}, "v DOUBLE", ("1", 1.0), ("0.1", 0.1), ("1e10", 1e10)),
    values("a_string", "A string is a VARCHAR, an empty one no null.", {"type": "string"}, "v VARCHAR", ('"a"', "a"), ('""', "")),
    values("a_boolean", "A boolean is a BOOLEAN.", {"type": "boolean"}, "v BOOLEAN", ("true", True), ("false", False)),
    values("a_null", "A property that is never but null is text.", {"type": "null"}, "v VARCHAR", ("null", None)),
    values("null_before_type", "`null` may stand first in a type list.", {"type": ["null", "integer"]}, "v BIGINT", ("1", 1), ("null", None)),
    values("null_behind_type", "Or last.", {"type": ["integer", "null"]}, "v BIGINT", ("1", 1), ("null", None)),
    values("null_in_any_of", "Or in `anyOf`.", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, "v BIGINT", ("1", 1), ("null", None)),
    values("null_last_in_any_of", "In any order.", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "v BIGINT", ("1", 1), ("null", None)),
    values("null_in_one_of", "Or in `oneOf`.", {"oneOf": [{"type": "null"}, {"type": "boolean"}]}, "v BOOLEAN", ("true", True), ("null", None)),
    values("never_null", "A property that does not allow null may be null all the same.", {"type": "integer"}, "v BIGINT", ("null", None)),
    values("all_of", "`allOf` is its parts together.", {"allOf": [{"type": ["null", "string"]}, {"format": "date"}]}, "v DATE", ('"2024-01-31"', date(2024, 1, 31))),
    values("reference", "`$ref` is what it points to.", {"$ref": "#/definitions/money"}, "v DECIMAL(38,2)", ("1.10", Decimal("1.10")), definitions={"money": {"type": "number", "multipleOf": 0.01}}),
    values("reference_to_reference", "Also over several steps, into `$defs`, beside null.", {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}, "v TIMESTAMP WITH TIME ZONE", ('"2024-01-31T00:00:00Z"', datetime(2024, 1, 31, tzinfo=UTC)), **{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "string", "format": "date-time"}}}),
    values("recursive_reference", "A `$ref` to itself is json.", {"$ref": "#/definitions/node"}, "v__next JSON, v__n BIGINT", ('{"n": 1, "next": {"n": 2}}', ('{"n": 2}', 1)), definitions={"node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}, "n": {"type": "integer"}}}}),
    values("dangling_reference", "A `$ref` to nowhere is json.", {"$ref": "#/definitions/none"}, "v JSON", ('{"a": 1}', '{"a": 1}')),
    values("no_type", "A property without a type is json.", {}, "v JSON", ("1", "1"), ('"a"', '"a"'), ('{"a": 1.0}', '{"a": 1.0}'), ("null", None)),
    values("schema_true", "So is one whose schema is `true`.", True, "v JSON", ("[1]", "[1]")),
    values("unknown_type", "And one of a type that is none.", {"type": "money"}, "v JSON", ("1.10", "1.10")),
    values("object_without_properties", "An object of any form is json.", {"type": "object"}, "v JSON", ('{"a": {"b": 1}}', '{"a": {"b": 1}}')),
    values("additional_properties", "Also if it says what its values are.", {"type": "object", "additionalProperties": {"type": "integer"}}, "v JSON", ('{"a": 1}', '{"a": 1}')),
    values("pattern_properties", "Or what its keys look like.", {"type": "object", "patternProperties": {"^a": {"type": "integer"}}}, "v JSON", ('{"ab": 1}', '{"ab": 1}')),
    values("string_or_integer", "What may be a string or a number is text of every digit.", {"type": ["string", "integer", "null"]}, "v VARCHAR", ('"a"', "a"), ("1", "1"), (LONG, LONG)),
    values("string_or_number", "The same for fractions.", {"anyOf": [{"type": "string"}, {"type": "number"}]}, "v VARCHAR", ("1.10", "1.10"), ('"x"', "x")),
    values("integer_or_number", "Integer or number is a number.", {"type": ["integer", "number"]}, "v DOUBLE", ("1", 1.0), ("1.5", 1.5)),
    values("boolean_or_string", "Boolean or string is text.", {"type": ["boolean", "string"]}, "v VARCHAR", ("true", "true"), ('"yes"', "yes")),
    values("object_or_string", "Object or string is json.", {"type": ["object", "string"]}, "v JSON", ('{"a": 1}', '{"a": 1}'), ('"5"', '"5"')),
    values("array_or_string", "Array or string is json.", {"type": ["array", "string"]}, "v JSON", ("[1]", "[1]"), ('"5"', '"5"')),
    values("array_or_object", "Array or object is json.", {"anyOf": [{"type": "array", "items": {}}, {"type": "object", "properties": {"a": {}}}]}, "v JSON", ("[1]", "[1]"), ('{"a": 1}', '{"a": 1}')),
    values("moment_or_string", "singer-io's “a date-time if it is one”: what is none stands beside it.", {"anyOf": [{"type": "string", "format": "date-time"}, {"type": ["string", "null"]}]}, f"v TIMESTAMP WITH TIME ZONE, {TEXT_BESIDE}", ('"2024-01-31T00:00:00Z"', (datetime(2024, 1, 31, tzinfo=UTC), None)), ('"soon"', (None, "soon"))),
    values("enum_of_strings", "`enum` says the type.", {"enum": ["a", "b", None]}, "v VARCHAR", ('"a"', "a")),
    values("const", "So does `const`.", {"const": 5}, "v BIGINT", ("5", 5)),
    values("sql_type", "`x-sql-datatype` says it better.", {"type": "string", "x-sql-datatype": "decimal(10,2)"}, "v DECIMAL(10,2)", ('"1.10"', Decimal("1.10"))),
    values("format_of_text", "A format that databases have no type for is text.", {"type": "string", "format": "uuid"}, "v VARCHAR", ('"not a uuid"', "not a uuid")),
    values("unsigned", "Integers that may be more than 64 bits are decimals.", {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}, "v DECIMAL(20,0)", ("18446744073709551615", Decimal(2**64 - 1))),
    values("described", "Whatever a schema says besides is no trouble.", {"type": "string", "title": "T", "default": 1, "examples": [1], "maxLength": 1, "pattern": "["}, "v VARCHAR", ('"abc"', "abc")),
]
OF_NUMBERS = [
    values("integer_beyond_64_bits", "An integer that no BIGINT holds stands beside it, whole.", {"type": "integer"}, f"v BIGINT, {TEXT_BESIDE}", ("1", (1, None)), ("9223372036854775808", (None, "9223372036854775808"))),
    values("whole_float", "1.0 is an integer.", {"type": "integer"}, "v BIGINT", ("1.0", 1), ("1e3", 1000)),
    values("fraction_of_integer", "1.5 is none, and not rounded.", {"type": "integer"}, "v BIGINT, v__v_double DOUBLE", ("1.5", (None, 1.5)), ("2", (2, None))),
    values("integer_in_string", "A number in a string is that number.", {"type": "integer"}, "v BIGINT", ('"5"', 5)),
    values("word_for_integer", "A word is not.", {"type": "integer"}, f"v BIGINT, {TEXT_BESIDE}", ('"abc"', (None, "abc")), ('""', (None, ""))),
    values("boolean_for_integer", "True is not 1.", {"type": "integer"}, "v BIGINT, v__v_bool BOOLEAN", ("true", (None, True)), ("1", (1, None))),
    values("integer_beyond_double", "An integer that no double holds stands beside it.", {"type": "number"}, "v DOUBLE, v__v_bigint BIGINT", ("9007199254740993", (None, 9007199254740993)), ("2", (2.0, None))),
    values("number_beyond_double", "So does a number.", {"type": "number"}, f"v DOUBLE, {TEXT_BESIDE}", ("1e400", (None, "1e400")), ("1e-400", (None, "1e-400"))),
    values("decimal_by_multiple", "`multipleOf` is a decimal, exact.", {"type": "number", "multipleOf": 0.01}, "v DECIMAL(38,2)", ("12345678901234567890.12", Decimal("12345678901234567890.12")), ("3", Decimal("3.00")), ('"1.1"', Decimal("1.10"))),
    values("decimal_by_small_multiple", "Also with many digits.", {"type": "number", "multipleOf": 1e-9}, "v DECIMAL(38,9)", ("0.123456789", Decimal("0.123456789"))),
    values("singer_decimal", "`singer.decimal` is a decimal, from its string.", {"type": ["string", "null"], "format": "singer.decimal"}, "v DECIMAL(38,9)", ('"1.10"', Decimal("1.100000000")), ('"-1E-5"', Decimal("-0.000010000")), ("null", None)),
    values("x_singer_decimal", "`x-singer.decimal` with its precision, too.", {"type": "string", "format": "x-singer.decimal", "precision": 10, "scale": 2}, "v DECIMAL(10,2)", ('"1.10"', Decimal("1.10"))),
    values("decimal_with_more_digits", "Digits that a decimal has no place for stand beside it.", {"type": "number", "multipleOf": 0.01}, f"v DECIMAL(38,2), {TEXT_BESIDE}", ("1.005", (None, "1.005")), ("1.5", (Decimal("1.50"), None))),
    values("not_a_number", "NaN and the infinities, as Python writes them.", {"type": "number"}, "v DOUBLE", ("NaN", float("nan")), ("Infinity", float("inf")), ("-Infinity", float("-inf")), ("1", 1.0)),
    values("not_a_number_in_integer", "In an integer they stand beside it.", {"type": "integer"}, f"v BIGINT, {TEXT_BESIDE}", ("NaN", (None, "NaN"))),
    values("not_a_number_in_decimal", "In a decimal, too.", {"type": "number", "multipleOf": 0.1}, f"v DECIMAL(38,1), {TEXT_BESIDE}", ("Infinity", (None, "Infinity"))),
    values("not_a_number_in_json", "In json they are words.", {}, "v JSON", ('{"a": NaN}', '{"a": "NaN"}')),
    values("number_for_string", "A number in a text column keeps its digits.", {"type": "string"}, "v VARCHAR", ("1.10", "1.10"), (LONG, LONG), ("true", "true")),
    values("boolean_in_words", '0, 1, "true" are booleans; other words are not.', {"type": "boolean"}, f"v BOOLEAN, {TEXT_BESIDE}", ("0", (False, None)), ("1", (True, None)), ('"True"', (True, None)), ('"yes"', (None, "yes"))),
]
OF_TIMES = [
    values("moment", "A date-time is UTC.", {"type": "string", "format": "date-time"}, "v TIMESTAMP WITH TIME ZONE", ('"2024-01-31T10:00:00Z"', datetime(2024, 1, 31, 10, tzinfo=UTC)), ('"2024-01-31T10:00:00.123456Z"', datetime(2024, 1, 31, 10, 0, 0, 123456, tzinfo=UTC))),
    values("moment_with_offset", "An offset is taken into account.", {"type": "string", "format": "date-time"}, "v TIMESTAMP WITH TIME ZONE", ('"2024-01-31T00:00:00+05:30"', datetime(2024, 1, 30, 18, 30, tzinfo=UTC))),
    values("moment_without_offset", "None is UTC, also beside moments that have one.", {"type": "string", "format": "date-time"}, "v TIMESTAMP WITH TIME ZONE", ('"2024-01-31T00:00:00"', datetime(2024, 1, 31, tzinfo=UTC)), ('"2024-01-31T00:00:00+01:00"', datetime(2024, 1, 30, 23, tzinfo=UTC))),
    values("moment_with_blank", "A blank for the T.", {"type": "string", "format": "date-time"}, "v TIMESTAMP WITH TIME ZONE", ('"2024-01-31 10:00:00"', datetime(2024, 1, 31, 10, tzinfo=UTC))),
    values("moment_of_nanoseconds", "What is finer than a microsecond stands beside it.", {"type": "string", "format": "date-time"}, f"v TIMESTAMP WITH TIME ZONE, {TEXT_BESIDE}", ('"2024-01-31T00:00:00.123456789Z"', (None, "2024-01-31T00:00:00.123456789Z"))),
    values("moment_that_is_none", "So do the moments that no calendar has.", {"type": "string", "format": "date-time"}, f"v TIMESTAMP WITH TIME ZONE, {TEXT_BESIDE}", ('"0000-00-00"', (None, "0000-00-00")), ('"0000-00-00 00:00:00"', (None, "0000-00-00 00:00:00")), ('"2023-02-29T00:00:00Z"', (None, "2023-02-29T00:00:00Z")), ('""', (None, "")), ('"10000-01-01T00:00:00Z"', (None, "10000-01-01T00:00:00Z")), ('"2024-01-31T00:00:00Z"', (datetime(2024, 1, 31, tzinfo=UTC), None))),
    values("moment_at_the_end_of_time", "The last moment is one.", {"type": "string", "format": "date-time"}, "v TIMESTAMP WITH TIME ZONE", ('"9999-12-31T23:59:59Z"', datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))),
    values("moment_beyond_the_end_of_time", "One that is beyond it in UTC stands beside it.", {"type": "string", "format": "date-time"}, f"v TIMESTAMP WITH TIME ZONE, {TEXT_BESIDE}", ('"9999-12-31T23:59:59-05:00"', (None, "9999-12-31T23:59:59-05:00"))),
    values("moment_as_number", "Seconds are no moment.", {"type": "string", "format": "date-time"}, "v TIMESTAMP WITH TIME ZONE, v__v_bigint BIGINT", ("1700000000", (None, 1700000000))),
    values("day", "A date is a DATE.", {"type": "string", "format": "date"}, "v DATE", ('"2024-02-29"', date(2024, 2, 29)), ("null", None)),
    values("day_at_midnight", "Also one with a midnight behind it.", {"type": "string", "format": "date"}, "v DATE", ('"2024-02-29T00:00:00Z"', date(2024, 2, 29))),
    values("day_with_time", "Any other time is not cut off.", {"type": "string", "format": "date"}, f"v DATE, {TEXT_BESIDE}", ('"2024-02-29T10:00:00Z"', (None, "2024-02-29T10:00:00Z")), ('"2024-02-29"', (date(2024, 2, 29), None))),
    values("day_that_is_none", "The day that MySQL has for none.", {"type": "string", "format": "date"}, f"v DATE, {TEXT_BESIDE}", ('"0000-00-00"', (None, "0000-00-00"))),
    values("clock", "A time is a TIME.", {"type": "string", "format": "time"}, "v TIME", ('"10:00:00"', time(10)), ('"10:00:00.5"', time(10, 0, 0, 500000))),
    values("clock_with_offset", "An offset has no place in it.", {"type": "string", "format": "time"}, f"v TIME, {TEXT_BESIDE}", ('"10:00:00+02:00"', (None, "10:00:00+02:00")), ('"24:00"', (None, "24:00"))),
]
OF_TEXTS = [
    values("text_of_the_world", "Every script and sign.", {"type": "string"}, "v VARCHAR", ('"απλή 简单 שלום 👩‍👩‍👧 \\u00e9"', "απλή 简单 שלום 👩‍👩‍👧 é"), (r'"\ud83d\ude00"', "😀")),
    values("text_with_nul", "NUL and line ends.", {"type": "string"}, "v VARCHAR", (r'"a\u0000b"', "a\0b"), (r'"a\r\nb\tc"', "a\r\nb\tc"), ('"a\u2028b"', "a\u2028b")),
    values("half_a_pair", "Half a surrogate pair, which is no character, stays readable.", {"type": "string"}, "v VARCHAR", (r'"\ud800"', "\\ud800"), ('"a"', "a")),
    values("text_of_quotes", "Quotes and what looks like SQL.", {"type": "string"}, "v VARCHAR", (r'"a\"b\\c"', 'a"b\\c'), ("\"'; DROP TABLE x; --\"", "'; DROP TABLE x; --")),
    values("text_like_a_message", "A text that looks like a message.", {"type": "string"}, "v VARCHAR", (r'"{\"type\": \"STATE\", \"value\": {}}"', '{"type": "STATE", "value": {}}')),
    values("long_text", "A text of a megabyte.", {"type": "string"}, "v VARCHAR", (f'"{"x" * 1_000_000}"', "x" * 1_000_000)),
    values("text_null", "The words null and NaN are words.", {"type": "string"}, "v VARCHAR", ('"null"', "null"), ('"NaN"', "NaN"), ("null", None)),
]
OF_STRUCTURES = [
    values("nested_object", "An object is flattened.", {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "object", "properties": {"c": {"type": "string"}}}}}, "v__a BIGINT, v__b__c VARCHAR", ('{"a": 1, "b": {"c": "x"}}', (1, "x")), ('{"a": 2}', (2, None)), ('{"b": null}', NOTHING), ("null", NOTHING), ("{}", NOTHING)),
    values("nullable_object", "Also one that may be null by `anyOf`.", {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"type": "integer"}}}]}, "v__a BIGINT", ('{"a": 1}', 1), ("null", None)),
    values("merged_objects", "Objects of several forms become one.", {"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "number"}}}]}, "v__a DOUBLE, v__b VARCHAR", ('{"a": 1}', (1.0, None)), ('{"b": "x"}', (None, "x"))),
    values("extra_in_object", "A key that the schema does not have is loaded.", {"type": "object", "properties": {"a": {"type": "integer"}}}, "v__a BIGINT, v__b BIGINT", ('{"a": 1, "b": 2}', (1, 2))),
    values("deep_json", "Json may be deep.", {}, "v JSON", (DEEP, DEEP)),
    values("key_twice", "Of a key that comes twice the last counts.", {"type": "integer"}, "v BIGINT", ('1, "v": 2', 2)),
    Case("list_of_values", "An array is a child table in its order.", [[shape({"id": "integer", "v": {"type": "array", "items": {"type": "integer"}}}), row(id=1, v=[3, 1]), row(id=2, v=[]), row(id=3, v=None), row(id=4)]], {"(id BIGINT)": [(1,), (2,), (3,), (4,)], "list_of_values__v(parent.id BIGINT, value BIGINT)": [(1, 3), (1, 1)]}),
    Case("list_of_objects", "Objects in it are its rows.", [[shape({"id": "integer", "v": {"type": ["null", "array"], "items": {"type": "object", "properties": {"a": {"type": "string"}}}}}), row(id=1, v=[{"a": "x"}, {"a": "y"}])]], {"(id BIGINT)": [(1,)], "list_of_objects__v(parent.id BIGINT, a VARCHAR)": [(1, "x"), (1, "y")]}),
    Case("list_without_items", "An array of anything, too.", [[shape({"id": "integer", "v": {"type": "array"}}), row(id=1, v=["x"])]], {"(id BIGINT)": [(1,)], "list_without_items__v(parent.id BIGINT, value VARCHAR)": [(1, "x")]}),
    Case("list_of_lists", "An array in it is a table below.", [[shape({"id": "integer", "v": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}}), row(id=1, v=[[1, 2], [3]])]], {"(id BIGINT)": [(1,)], "list_of_lists__v(parent.id BIGINT)": [(1,), (1,)], "list_of_lists__v__list(value BIGINT)": [(1,), (2,), (3,)]}),
    Case("list_updated", "An updated row takes its old children with it.", [[shape({"id": "integer", "v": {"type": "array", "items": {"type": "integer"}}}), row(id=1, v=[1, 2])], [shape({"id": "integer", "v": {"type": "array", "items": {"type": "integer"}}}), row(id=1, v=[3])]], {"(id BIGINT)": [(1,)], "list_updated__v(parent.id BIGINT, value BIGINT)": [(1, 3)]}),
    Case("without_nesting", "Without nesting allowed, objects and arrays are json.", [[shape({"id": "integer", "v": {"type": "object", "properties": {"a": {"type": "integer"}}}, "w": {"type": "array", "items": {}}}), raw('{"id": 1, "v": {"a": 1}, "w": [1.0]}')]], {"(id BIGINT, v__a BIGINT)": [(1, 1)], "without_nesting__w(parent.id BIGINT, value DOUBLE)": [(1, 1.0)]}),
    Case("property_not_in_schema", "A property that the schema does not have is loaded.", [[shape(), row(id=1, more="x"), row(id=2)]], {"(id BIGINT, more VARCHAR)": [(1, "x"), (2, None)]}),
    Case("property_missing", "One that a record lacks is null.", [[shape({"id": "integer", "v": "string"}), row(id=1)]], {"(id BIGINT, v VARCHAR)": [(1, None)]}),
    Case("all_null", "A column without a value is there and has its type.", [[shape({"id": "integer", "at": {"type": ["null", "string"], "format": "date-time"}, "n": {"type": ["null", "number"], "multipleOf": 0.01}}), row(id=1, at=None, n=None), row(id=2)]], {"(id BIGINT, at TIMESTAMP WITH TIME ZONE, n DECIMAL(38,2))": [(1, None, None), (2, None, None)]}),
]
# fmt: on

CASES: list[Case] = [*OF_TYPES, *OF_NUMBERS, *OF_TIMES, *OF_TEXTS, *OF_STRUCTURES]
