"""Any line is a message or a MessageError, and what a message carries is the tap's own text."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlt_singer.errors import MessageError
from dlt_singer.messages import (
    ActivateVersion,
    Batch,
    BatchEncoding,
    Cutter,
    Line,
    Record,
    Records,
    Schema,
    State,
    parse_line,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
rows = st.dictionaries(st.text(), values, max_size=5)
streams = st.text()
MEMBERS = ["stream", "record", "value", "version", "schema", "key_properties", "encoding", "manifest"]


def refused(line: bytes) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse_line(line)
    return caught.value


def text_of(message: Line) -> str:
    assert isinstance(message, Record)
    return bytes(message.record).decode()


@given(st.binary())
@example(b'{"type": "RECORD", "stream": "a", "record": {"x": "\xff"}}')
@example(b'{"type": "RECORD"')
@example(b'{"type": ["RECORD"]}')
@example(b'{"type": {"a": 1}, "stream": "a", "record": NaN}')
@example(b'{"type": "STATE", "value": ' + b"[" * 100_000)
@example(b"{")
@example(b"{}")
@example(b'{"a"')
@example(b'{"a":')
@example(b'{"a":1,}')
@example(b'{"type":"RECORD","stream":"a","record":{"a":NaN}}{"type":"STATE"}')
def test_any_bytes_are_a_message_or_a_message_error(line: bytes) -> None:
    with contextlib.suppress(MessageError):
        parse_line(line)


@given(st.dictionaries(st.sampled_from(MEMBERS), values))
def test_any_object_is_a_message_or_a_message_error(members: dict[str, Any]) -> None:
    for kind in ("RECORD", "SCHEMA", "STATE", "ACTIVATE_VERSION", "BATCH", members.get("type")):
        line = json.dumps({**members, "type": kind}).encode()
        with contextlib.suppress(MessageError):
            message = parse_line(line)
            if isinstance(message, Schema):
                assert message.key_properties is None or all(isinstance(key, str) for key in message.key_properties)


@given(
    streams,
    rows,
    st.sampled_from(["ascii", "utf-8"]),
    st.sampled_from([None, 2]),
    st.permutations(["type", "stream", "record"]),
)
def test_a_record_keeps_its_own_text_whatever_the_spacing_and_the_order_of_keys(
    stream: str, row: dict[str, Any], encoding: str, indent: int | None, order: list[str]
) -> None:
    members = {"type": "RECORD", "stream": stream, "record": row}
    # The text of the record within the whole is the one it has alone, but for the indentation.
    line = json.dumps({key: members[key] for key in order}, ensure_ascii=encoding == "ascii", indent=indent)
    if not encodable(line):
        return

    message = parse_line(line.encode())

    assert isinstance(message, Record)
    assert message.stream == json.loads(line)["stream"]
    assert text_of(message) in line
    assert same(json.loads(text_of(message)), json.loads(json.dumps(row)))


def encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def same(one: object, other: object) -> bool:
    """Whether two values are equal, NaN being equal to itself."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.parametrize(
    "record",
    [
        '{"id": 123456789012345678901234567890}',
        '{"price": 1.10000000000000000001}',
        '{"price": 1E+400}',
        '{"price":-0.0}',
        '{"price": NaN, "low": -Infinity, "high": Infinity}',
        '{"text": "\\ud83d"}',
        '{"text": "\\ud83d\\ude00 é \\u00e9 \\/"}',
        '{ "a" : [ 1 , { "b" : null } ] }',
        '{"a": 1, "a": 2}',
        "{}",
    ],
    ids=[
        "big integer", "many digits", "beyond a double", "negative zero", "not a number", "half a surrogate pair",
        "escapes", "spaces", "a name twice", "empty",
    ],
)  # fmt: skip
def test_a_records_text_is_untouched(record: str) -> None:
    line = f'{{"type": "RECORD", "stream": "users", "record": {record}, "time_extracted": "2024-01-01"}}'

    assert text_of(parse_line(line.encode())) == record


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"  \n"], ids=["none", "newline", "return", "spaces"])
@pytest.mark.parametrize("value", [b"1", b"NaN"], ids=["strict", "lenient"])
def test_the_end_of_a_line_does_not_matter(end: bytes, value: bytes) -> None:
    line = b'{"type": "RECORD", "stream": "users", "record": {"id": ' + value + b"}}" + end

    assert text_of(parse_line(line)) == '{"id": ' + value.decode() + "}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"type": "SCHEMA", "stream": "a", "schema": {"x": 1}, "key_properties": ["id"]}',
            Schema("a", msgspec.Raw(b'{"x": 1}'), ["id"]),
        ),
        (
            '{"type": "SCHEMA", "stream": "a", "schema": {}, "key_properties": [], "bookmark_properties": "at"}',
            Schema("a", msgspec.Raw(b"{}"), [], ["at"]),
        ),
        ('{"type": "STATE", "value": {"a": NaN}}', State(msgspec.Raw(b'{"a": NaN}'))),
        ('{"type": "ACTIVATE_VERSION", "stream": "a", "version": 7}', ActivateVersion("a", 7)),
        ('{"type": "ACTIVATE_VERSION", "stream": "a", "version": "7"}', ActivateVersion("a", 7)),
    ],
    ids=["schema", "one bookmark property", "state", "version", "version as text"],
)
def test_a_message_is_read(line: str, message: Line) -> None:
    parsed = parse_line(line.encode())

    assert type(parsed) is type(message)
    assert msgspec.json.encode(parsed) == msgspec.json.encode(message)


def test_a_batch_is_read() -> None:
    line = (
        b'{"type": "BATCH", "stream": "a", "encoding": {"format": "jsonl", "compression": "gzip"},'
        b' "manifest": ["file:///a.gz"]}'
    )

    batch = parse_line(line)

    assert isinstance(batch, Batch)
    assert (batch.encoding.format, batch.encoding.compression) == ("jsonl", "gzip")
    assert batch.manifest == ["file:///a.gz"]


@pytest.mark.parametrize(
    "line",
    [
        b"INFO Connecting ...",
        b"",
        b"[1, 2]",
        b'"RECORD"',
        b"\xff\xfe",
        b'{"level": "info", "message": "hello"}',
        b'{"type": "LOG", "stream": "users"}',
        b'{"type": null}',
    ],
    ids=["log", "empty", "array", "string", "binary", "json log", "unknown type", "null type"],
)
def test_a_line_that_was_never_meant_as_a_message_is_a_stray(line: bytes) -> None:
    assert not refused(line).broken


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "RECORD", "stream": "users", "rec',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1}',
        b'{"type": "RECORD", "stream": "users"}',
        b'{"type": "RECORD", "record": {"id": 1}}',
        b'{"type": "RECORD", "stream": 1, "record": {"id": NaN}}',
        b'{"type": "STATE"}',
        b'{"type": "ACTIVATE_VERSION", "stream": "users", "version": "x"}',
        b'{"type": "SCHEMA", "stream": "users", "schema": {}, "key_properties": [1]}',
        b'{"type": "BATCH", "stream": "users", "encoding": {"format": "jsonl"}, "manifest": 1}',
        b'{"type": "ACTIVATE_VERSION", "stream": "users", "version": Infinity}',
        b'{"type": "BATCH", "stream": "users", "manifest": []}',
        b'{"type": "RECORD", "stream": "a", "record": {"a": NaN}} trailing',
        b'{"type": "STATE", "value": {"J\xf6rg": 1}}',
        b'{"type": "SCHEMA", "stream": "a", "schema": {"title": "J\xf6rg"}}',
    ],
    ids=[
        "cut in a name", "cut before the end", "no record", "no stream", "stream is a number", "no value",
        "no number", "keys are no names", "files are no list",
        "infinite version", "no encoding", "two things in one line",
        "STATE in Latin-1", "SCHEMA in Latin-1",
    ],
)  # fmt: skip
def test_a_damaged_message_is_told_from_a_stray_line(line: bytes) -> None:
    assert refused(line).broken


@given(st.text(min_size=8, alphabet="abcdefghij"))
def test_an_error_never_shows_the_content(secret: str) -> None:
    for line in (
        f'{{"type": "RECORD", "stream": "users", "record": {{"password": "{secret}"}}',
        f'{{"type": "RECORD", "strem": "users", "record": {{"password": "{secret}"}}}}',
        f'{{"password": "{secret}"}}',
        secret,
    ):
        error = refused(line.encode())
        assert secret not in str(error)
        assert error.__cause__ is None


# --- runs of records ---------------------------------------------------------------------------------------------

HEADS = [
    '{"type":"RECORD","stream":"a","record":',
    '{"type": "RECORD", "stream": "a", "record": ',
    '{"type":"RECORD","stream":"b","record":',
    '{"stream":"a","type":"RECORD","record":',
]
TAILS = ["}", ', "time_extracted": "2024-01-01"}', ', "version": 7}']
record_lines = st.builds(
    lambda head, row, tail: f"{head}{row}{tail}",
    st.sampled_from(HEADS),
    rows.map(json.dumps) | st.sampled_from(['{"version": 1}', '{"a": ' + HEADS[0] + "{}}}", '{"a": NaN}', "{}"]),
    st.sampled_from(TAILS),
).map(str.encode)
other_lines = st.sampled_from(
    [b'{"type":"STATE","value":{}}', b"", b"  ", b"a stray line", b'{"type":"RECORD","stream":"a","record":{"x"']
)


@given(
    st.lists(record_lines | other_lines | st.lists(record_lines, min_size=1).map(lambda run: run[0]), min_size=1)
)
def test_runs_of_records_hold_what_the_lines_say_one_by_one(lines: list[bytes]) -> None:
    pieces = list(Cutter().cut(b"\n".join(lines * 40)))

    taken = [line for piece in pieces for line in (piece.lines or [] if isinstance(piece, Records) else [piece])]
    assert taken == lines * 40
    for piece in pieces:
        if isinstance(piece, Records) and all(encodable(line.decode()) for line in piece.lines or []):
            singles = [parse_line(line) for line in piece.lines or []]
            if len({getattr(single, "version", None) for single in singles}) > 1:
                with pytest.raises(MessageError, match="names two streams or versions"):
                    _ = piece.raws
                continue
            assert [text_of(single) for single in singles] == [bytes(raw).decode() for raw in piece.raws]


def test_records_that_begin_alike_are_one_piece_between_states() -> None:
    record, state = b'{"type":"RECORD","stream":"a","record":{"id":1}}', b'{"type":"STATE","value":{}}'

    pieces = list(Cutter().cut(b"\n".join([record] * 2_000 + [state] + [record] * 2_000)))

    assert sum(len(piece) for piece in pieces if isinstance(piece, Records)) == 4_000
    assert len(pieces) < 40


def test_a_line_that_names_a_second_stream_is_refused_with_its_number() -> None:
    line = b'{"type":"RECORD","stream":"a","record":{}%s}'
    (records,) = Cutter().cut(b"\n".join([line % b"", line % b',"stream":"b"']))

    assert isinstance(records, Records)
    with pytest.raises(MessageError, match="Line 2 names two streams"):
        _ = records.raws


def test_records_split_where_asked() -> None:
    (records,) = Cutter().cut(
        b"\n".join(b'{"type":"RECORD","stream":"a","record":{"id":%d}}' % n for n in range(5))
    )
    assert isinstance(records, Records)

    first, second = records.split(2)

    assert [bytes(raw) for raw in (*first.raws, *second.raws)] == [bytes(raw) for raw in records.raws]
    assert (len(first), len(second), second.first_line) == (2, 3, 3)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"INFO Connecting ...", "It is not a JSON object."),
        (b'{"type": "RECORD", "stream"', "It is not valid JSON (ValueError)."),
        (b'{"type": "STATE", "value": {"J\xf6rg": 1}}', "It is not valid JSON (UnicodeDecodeError)."),
        (b'{"type": "LOG"}', "It is a JSON object, but its 'type' is none of Singer's."),
        (b'{"type": "RECORD", "stream": "users"}', "It is a RECORD without 'record'."),
        (b'{"type": "STATE", "value": 1} x', "It is not valid JSON (ValueError)."),
        (b'{"type": "SCHEMA", "stream": 1, "schema": {}}', "It is a malformed SCHEMA (TypeError)."),
    ],
    ids=[
        "a log",
        "cut",
        "Latin-1",
        "another type",
        "a member is missing",
        "more behind it",
        "a stream that is no text",
    ],
)
def test_what_is_wrong_with_a_line_is_said_without_its_content(line: bytes, reason: str) -> None:
    assert refused(line).reason == reason


def test_what_only_pythons_json_reads_is_read_as_exactly() -> None:
    batch = b'{"type":"BATCH","stream":"a","time":NaN,"encoding":{"format":"parquet"},"manifest":["file:///a"]}'
    record = b'{"type": "RECORD", "stream": "a", "record": {"x": 1}, "version": "7"}'

    assert parse_line(batch) == Batch("a", BatchEncoding("parquet"), ["file:///a"])
    assert parse_line(record) == Record("a", msgspec.Raw(b'{"x": 1}'), 7)


def test_a_record_that_was_decoded_already_keeps_its_line() -> None:
    line = b'{"type":"RECORD","stream":"a","version":3,"record":{"id":1}}'
    record = parse_line(line)
    assert isinstance(record, Record)

    records = Records.of_line(record, line, 7)

    assert (records.stream, records.version, records.first_line, len(records)) == ("a", 3, 7, 1)
    assert records.lines == [line]
    assert [bytes(raw) for raw in records.raws] == [b'{"id":1}']


@pytest.mark.parametrize("decoded", [False, True], ids=["as text", "decoded"])
@pytest.mark.parametrize("rows", [1, 2])
def test_records_are_cut_in_two_where_asked(rows: int, decoded: bool) -> None:  # noqa: FBT001 - a parameter
    texts = [b'{"id":%d}' % each for each in range(3)]
    records = Records("a", b"\n".join(texts), 3, b"", 5, 10)
    if decoded:
        assert len(records.raws) == 3

    first, second = records.split(rows)

    assert [bytes(raw) for raw in first.raws] == texts[:rows]
    assert [bytes(raw) for raw in second.raws] == texts[rows:]
    assert (len(first), len(second)) == (rows, 3 - rows)
    assert (first.first_line, second.first_line) == (10, 10 + rows)
    assert (first.version, second.version, second.stream, second.head) == (5, 5, "a", b"")


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (
            b'{"type":"RECORD","stream":"a"}',
            "A RECORD is broken (line 8, 30 bytes). It is a RECORD without 'record'.",
        ),
        (b'{"type":"STATE","value":{}}', "Line 8 has two types."),
        (b'{"type":"RECORD","stream":"b","record":{}}', "Line 8 names two streams or versions."),
        (b'{"type":"RECORD","stream":"a","version":1,"record":{}}', "Line 8 names two streams or versions."),
    ],
    ids=["broken", "another type", "another stream", "another version"],
)
def test_a_line_among_records_that_is_none_is_refused_with_its_number_and_what_to_do(
    second: bytes, reason: str
) -> None:
    records = Records("a", b'{"type":"RECORD","stream":"a","record":{}}\n' + second, 2, None, None, 7)

    with pytest.raises(MessageError) as caught:
        _ = records.raws

    assert caught.value.reason == reason
    assert "Nothing was loaded" in caught.value.remedy
