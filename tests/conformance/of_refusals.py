# ruff: noqa: E501 - a case stands on a line
"""Cases that could lose data: each is refused with an error a person can act on, and nothing of it is loaded."""

from __future__ import annotations

import gzip
import signal

from dlt_singer._types import JSON
from dlt_singer.errors import SchemaError, SingerError, TapExitError, TapProtocolError
from dlt_singer.testing import CRASH, CUT, SIGNAL, Step
from tests.conformance.case import Case, batch, line, raw, row, said, shape

BEGIN = shape()
STATE = said(type="STATE", value={"bookmarks": {"$": 9}})


def refused(
    name: str,
    promise: str,
    *steps: Step,
    error: type[SingerError] = TapProtocolError,
    words: str,
    files: dict[str, bytes] | None = None,
) -> Case:
    """Return a case of one run."""
    return Case(name, promise, [steps], error=error, words=words, files=files or {})


def good_until(
    name: str,
    promise: str,
    *steps: Step,
    error: type[SingerError] = TapProtocolError,
    words: str,
    files: dict[str, bytes] | None = None,
) -> Case:
    """Return a case of a run that begins well."""
    return refused(name, promise, BEGIN, row(id=1), STATE, *steps, error=error, words=words, files=files)


def told(**members: JSON) -> Step:
    """Return a message."""
    return said(**members)


# fmt: off
CASES: list[Case] = [
    good_until("exit_1", "The tap ends with an exit code.", CRASH(1), error=TapExitError, words="exit code 1"),
    good_until("exit_137", "It ends as a killed container does.", CRASH(137), error=TapExitError, words="137"),
    good_until("segfault", "It crashes.", SIGNAL(signal.SIGSEGV), error=TapExitError, words="SIGSEGV"),
    good_until("killed", "It is killed.", SIGNAL(signal.SIGKILL), error=TapExitError, words="SIGKILL"),
    refused("exit_before_schema", "It ends before it says anything.", {"entry": BEGIN["entry"], **line("")}, CRASH(2), error=TapExitError, words="exit code 2"),
    good_until("cut_line", "Its last line is cut.", CUT('{"type": "RECORD", "stream": "cut_line", "rec'), words="middle of line 4"),
    good_until("cut_character", "Or ends within a character.", CUT('{"type": "RECORD", "stream": "cut_character", "record": {"id": 1, "v": "é'), words="middle of line 4"),
    good_until("broken_line", "A line in the middle is cut.", line('{"type": "RECORD", "stream": "broken_line", "rec'), row(id=2), words="line 4"),
    good_until("two_on_a_line", "Two messages stand on one line.", line('{"type": "STATE", "value": 1}{"type": "STATE", "value": 2}'), words="line 4"),
    good_until("message_in_text", "A message stands behind other text.", line('INFO x {"type": "RECORD", "stream": "message_in_text", "record": {"id": 2}}'), words="behind other text"),
    good_until("many_strays", "More than a few lines are no messages.", *(line(f"line {number}") for number in range(11)), words="no Singer messages"),
    good_until("record_is_a_list", "A record is a list.", raw("[1]"), words="no JSON object"),
    good_until("record_is_text", "A record is a text.", raw('"x"'), words="no JSON object"),
    good_until("record_is_null", "A record is null.", raw("null"), words="no JSON object"),
    good_until("record_of_no_stream", "A RECORD says no stream.", told(type="RECORD", record={"id": 1}), words="stream"),
    good_until("stream_is_a_number", "Its stream is a number.", told(type="RECORD", stream=5, record={"id": 1}), words="RECORD"),
    good_until("record_without_record", "It has no record.", told(type="RECORD", stream="$"), words="record"),
    good_until("state_without_value", "A STATE has no value.", told(type="STATE"), words="STATE"),
    good_until("schema_without_schema", "A SCHEMA has no schema.", told(type="SCHEMA", stream="$", key_properties=[]), words="schema"),
    good_until("schema_is_a_list", "Or one that is a list.", told(type="SCHEMA", stream="$", key_properties=[], schema=[1]), row(id=2), words="SCHEMA"),
    good_until("keys_are_a_number", "Its keys are a number.", told(type="SCHEMA", stream="$", key_properties=5, schema={}), words="SCHEMA"),
    good_until("version_without_number", "An ACTIVATE_VERSION has no version.", told(type="ACTIVATE_VERSION", stream="$"), words="ACTIVATE_VERSION"),
    good_until("key_missing", "A record has no key.", raw("{}"), words="no value for its key 'id'"),
    good_until("key_null", "Or null.", row(id=None), words="no value for its key 'id'"),
    good_until("versions_in_a_run", "Two table versions come in one run.", row(version=1, id=1), row(version=2, id=2), words="version"),
    refused("record_first", "A RECORD comes before its SCHEMA.", row(id=1), BEGIN, words="before its SCHEMA"),
    refused("key_is_no_property", "A key that the schema does not have.", shape({"id": "integer"}, ["idd"]), raw('{"idd": 1}'), error=SchemaError, words="'idd'"),
    refused("key_is_an_object", "A key that is an object.", shape({"id": {"type": "object", "properties": {"a": {}}}}), raw('{"id": {"a": 1}}'), error=SchemaError, words="'id'"),
    refused("columns_collide", "Two properties would be one column.", shape({"id": "integer", "aB": "string", "a_b": "string"}), row(id=1), error=SchemaError, words="'a_b'"),
    good_until("batch_missing", "A file of a BATCH is not there.", batch("nowhere.jsonl", format="jsonl"), words="File 1 of 1"),
    good_until("batch_of_a_kind", "Or of a kind nobody reads.", batch("x.csv", format="csv"), words="csv"),
    good_until("batch_broken", "Or has a broken row.", batch("g.jsonl", format="jsonl"), words="broken row", files={"g.jsonl": b'{"id": 1}\n{"id": 2'}),
    good_until("batch_cut", "Or is cut.", batch("h.jsonl.gz", format="jsonl", compression="gzip"), words="cannot be read", files={"h.jsonl.gz": gzip.compress(b'{"id": 1}\n' * 1000)[:-9]}),
    good_until("batch_not_compressed", "Or is not compressed.", batch("i.jsonl.gz", format="jsonl", compression="gzip"), words="cannot be read", files={"i.jsonl.gz": b'{"id": 1}\n'}),
    good_until("batch_no_parquet", "Or no Parquet.", batch("j.parquet", format="parquet"), words="cannot be read", files={"j.parquet": b"PAR1"}),
]
# fmt: on
