"""A tap's output against the Singer specification: each rule, kept and broken."""

from __future__ import annotations

import json

import pytest

from dlt_singer._types import JSON
from dlt_singer.catalog import Catalog
from dlt_singer.tap.conformance import Conformance, catalog_findings
from dlt_singer.tap.conformity import misfits

SCHEMA = {"properties": {"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}}


def schema(**more: JSON) -> dict[str, JSON]:
    return {"type": "SCHEMA", "stream": "users", "schema": SCHEMA, "key_properties": ["id"], **more}


def record(**values: JSON) -> dict[str, JSON]:
    return {"type": "RECORD", "stream": "users", "record": values}


def state(value: JSON) -> dict[str, JSON]:
    return {"type": "STATE", "value": value}


def judged(*messages: object, code: int | None = 0, catalog: Catalog | None = None) -> dict[str, tuple[str, str]]:
    seen = Conformance(catalog)
    for message in messages:
        seen.take(message.encode() if isinstance(message, str) else json.dumps(message).encode())
    return {each.rule: (each.level, each.text) for each in seen.findings(code)}


def test_a_tap_that_keeps_all_rules_has_no_complaint() -> None:
    found = judged(
        schema(bookmark_properties=["at"]),
        record(id=1, at="2024-01-01T00:00:00Z"),
        record(id=2, at="2024-01-02T00:00:00Z"),
        state({"bookmarks": {"users": {"at": "2024-01-02"}}}),
    )

    assert {level for level, _ in found.values()} == {"ok"}
    assert "order" in found
    assert "bookmarks" in found


@pytest.mark.parametrize(
    ("messages", "code", "rule", "level", "text"),
    [
        (["starting up", schema()], 0, "stdout", "fault", "no messages"),
        (['{"type": "RECORD", "stream": "users"', schema()], 0, "messages", "fault", "Broken messages"),
        ([record(id=1)], 0, "schema", "fault", "RECORD before SCHEMA: users (1x)"),
        ([schema(), record(at=None)], 0, "keys", "fault", "users.id (1x)"),
        ([schema(key_properties=["uuid"])], 0, "keys", "fault", "key 'uuid' is no property"),
        ([schema(bookmark_properties=["seen"])], 0, "values", "warning", "replication key 'seen' is no property"),
        ([schema(), record(id="x")], 0, "values", "warning", "users.id: a string where integer is declared (1x)"),
        ([schema(), record(id=1, x=1)], 0, "properties", "warning", "users.x (1x)"),
        ([schema(bookmark_properties=["at"]), record(id=1)], 0, "state", "warning", "No STATE"),
        ([schema(), record(id=1), state([])], 0, "state", "fault", "no JSON object"),
        ([schema(), state({}), record(id=1)], 0, "state", "warning", "1 records behind the last STATE"),
        ([schema(bookmark_properties=["at"]), record(id=1), state({})], 0, "bookmarks", "warning", "users"),
        (
            [schema(bookmark_properties=["at"]), record(id=1, at="2024-02"), record(id=2, at="2024-01")],
            0, "order", "warning", "users",
        ),
        ([schema()], 3, "exit", "fault", "exit code 3"),
        ([schema()], None, "exit", "ok", "Not judged"),
    ],
    ids=[
        "noise", "broken message", "record before schema", "record without key", "key that is no property",
        "replication key that is no property", "misfit",
        "unknown property", "no state", "state of wrong shape", "state too early", "no bookmark", "out of order",
        "exit code", "ended early",
    ],
)  # fmt: skip
def test_a_rule_that_is_broken_is_named(
    messages: list[object], code: int | None, rule: str, level: str, text: str
) -> None:
    found = judged(*messages, code=code)

    assert found[rule][0] == level
    assert text in found[rule][1]


def test_empty_lines_and_other_messages_break_no_rule() -> None:
    version = {"type": "ACTIVATE_VERSION", "stream": "users", "version": 1}

    found = judged("", schema(), "  ", version, record(id=1), state({}))

    assert {level for level, _ in found.values()} == {"ok"}


def test_a_stream_that_comes_in_files_counts_as_one_that_came() -> None:
    batch = {"type": "BATCH", "stream": "users", "encoding": {"format": "jsonl"}, "manifest": ["file:///a"]}

    found = judged(schema(), batch, state({}))

    assert found["schema"] == ("ok", "SCHEMA comes before RECORD, in 1 stream.")


def test_bookmarks_of_a_tap_that_was_ended_early_are_not_judged() -> None:
    found = judged(schema(bookmark_properties=["at"]), record(id=1, at="2024"), state({}), code=None)

    assert found["state"] == ("ok", "1 STATE so far.")
    assert "bookmarks" not in found


def test_messages_may_name_a_stream_by_its_id() -> None:
    catalog = Catalog.parse({"streams": [{"stream": "people", "tap_stream_id": "users", "schema": SCHEMA}]})

    assert judged(schema(), catalog=catalog)["asked"][0] == "ok"


def test_a_stream_that_nobody_asked_for_is_named() -> None:
    catalog = Catalog.parse({"streams": [{"stream": "logs", "schema": SCHEMA}]})

    assert judged(schema(), catalog=catalog)["asked"] == ("warning", "Streams nobody asked for: users (1x).")


def test_no_finding_holds_a_value() -> None:
    found = judged(schema(), record(id="hunter22", at="hunter22"))

    assert "hunter22" not in str(found)


def test_a_catalog_is_judged_too() -> None:
    good = Catalog.parse({"streams": [{"stream": "a", "schema": SCHEMA, "key_properties": ["id"]}]})
    bad = Catalog.parse(
        {
            "streams": [
                {"stream": "a", "schema": {}, "key_properties": ["id"], "replication_key": "x"},
                {"stream": "a"},
            ]
        }
    )

    assert {each.level for each in catalog_findings(good)} == {"ok"}
    assert {each.rule for each in catalog_findings(bad) if each.level == "warning"} == {
        "stream ids", "stream schemas", "stream keys", "replication keys",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        (1, {"type": "integer"}),
        (1.0, {"type": "integer"}),
        (1, {"type": ["null", "number"]}),
        (None, {"type": ["null", "number"]}),
        ("2024-01-01T00:00:00.123456789Z", {"type": "string", "format": "date-time"}),
        ("2024-01-01", {"type": "string", "format": "date"}),
        ("x", {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        ({"a": [1]}, {"properties": {"a": {"items": {"type": "integer"}}}}),
        ({"a": None}, {"required": ["a"]}),
        ("x", {}),
        ("x", True),
    ],
)
def test_values_that_fit_their_schema(value: JSON, declared: JSON) -> None:
    assert list(misfits(value, declared)) == []


@pytest.mark.parametrize(
    ("value", "declared", "misfit"),
    [
        (True, {"type": "integer"}, "the record: a boolean where integer is declared"),
        ("x", {"type": "string", "format": "date"}, ": a string that is no date"),
        (1, {"oneOf": [{"type": "string"}]}, "the record: fits none of oneOf"),
        (
            {"a": [1, "x"]}, {"properties": {"a": {"items": {"type": "integer"}}}},
            "a[]: a string where integer is declared",
        ),
        ({"a": {}}, {"properties": {"a": {"required": ["b"]}}}, "a.b: required and not there"),
        (None, {"type": "object"}, "the record: null where object is declared"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_say_where_and_how(value: JSON, declared: JSON, misfit: str) -> None:
    assert list(misfits(value, declared)) == [misfit]
