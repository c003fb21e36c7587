"""Masks of a tap: which rules can hold, what a SCHEMA says of masked properties, and messages on their way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pytest

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog import Catalog
from dlt_singer.errors import SelectionError, TapProtocolError
from dlt_singer.hints import stream_hints
from dlt_singer.mask import Effect, Masks, check_rules, mask_rules, masked, sha256
from dlt_singer.messages import ActivateVersion, Cutter, Idle, Message, Records, Schema, State, parse_line

PLAIN = "jane@example.com"
INTEGER: JSONObject = {"type": "integer"}
STRING: JSONObject = {"type": ["string", "null"]}


def masks_of(rules: Mapping[str, Effect], catalog: Catalog | None = None, select: Sequence[str] = ()) -> Masks:
    return Masks(mask_rules(select, rules, catalog.stream_ids if catalog else ()), catalog, sha256("pepper"))


def masked_properties(properties: JSONObject, *rules: str, **document: JSON) -> JSON:
    mask = masks_of(dict.fromkeys(rules, "sha256")).of("users")
    assert mask
    return mask.properties({"properties": properties, **document})["properties"]


def catalog_of(*properties: str, **stream: JSON) -> Catalog:
    schema: JSON = {"properties": dict.fromkeys(properties, INTEGER)}
    return Catalog.parse({"streams": [{"stream": "users", "schema": schema, **stream}]})


def check(catalog: Catalog, rules: Mapping[str, Effect], select: Sequence[str] = ()) -> None:
    check_rules(mask_rules(select, rules, catalog.stream_ids), catalog, catalog.stream_ids)


def play(messages: Sequence[Message], masks: Masks) -> list[Message]:
    return list(masked(iter(messages), masks))


def lines(*records: JSONObject, **more: JSON) -> Records:
    texts = [json.dumps({"type": "RECORD", "stream": "users", "record": record, **more}) for record in records]
    (found,) = (each for each in Cutter().cut("\n".join(texts).encode()) if isinstance(each, Records))
    return found


def test_rules_of_select_mean_sha256_and_the_mapping_comes_after() -> None:
    rules = mask_rules(["users.*", "~users.email", "!users.id"], {"users.email": "null"})

    assert [(rule.text, rule.effect) for rule in rules] == [("~users.email", "sha256"), ("users.email", "null")]


def test_a_masked_property_is_a_string_that_may_be_null_and_keeps_its_description() -> None:
    email: JSONObject = {"type": "integer", "description": "Where to write", "enum": [1], "default": 1}

    found = masked_properties({"id": INTEGER, "email": email}, "users.email")

    assert found == {"id": INTEGER, "email": {**STRING, "description": "Where to write"}}


HOME: JSONObject = {"properties": {"street": INTEGER, "zip": INTEGER}}
MASKED_HOME: JSONObject = {"properties": {"street": STRING, "zip": INTEGER}}


@pytest.mark.parametrize(
    ("home", "expected"),
    [
        ({"type": ["null", "object"], **HOME}, {"type": ["null", "object"], **MASKED_HOME}),
        ({"type": "array", "items": HOME}, {"type": "array", "items": MASKED_HOME}),
        ({"items": {"items": [HOME, INTEGER]}}, {"items": {"items": [MASKED_HOME, INTEGER]}}),
        ({"anyOf": [HOME, {"type": "null"}]}, {"anyOf": [MASKED_HOME, {"type": "null"}]}),
        ({"allOf": [{"oneOf": [HOME]}]}, {"allOf": [{"oneOf": [MASKED_HOME]}]}),
        ({"$ref": "#/definitions/home"}, {"allOf": [MASKED_HOME]}),
        ({"$ref": "#/definitions/list/1"}, {"allOf": [{"allOf": [MASKED_HOME]}]}),
        ({"$ref": "#/definitions/home", "title": "T"}, {"title": "T", "allOf": [MASKED_HOME]}),
        ({"$ref": "#/nowhere"}, {"$ref": "#/nowhere"}),
        ({"$ref": "#/definitions/loop"}, {"$ref": "#/definitions/loop"}),
        ({"default": {"street": "x"}, **HOME}, MASKED_HOME),
        ({"additionalProperties": INTEGER, "type": "object"}, {"type": "object"}),
        ({"type": "object"}, {"type": "object"}),
        (True, True),
    ],
    ids=[
        "an object", "objects in an array", "arrays in arrays", "one of several", "combinations", "a reference",
        "a reference to a reference", "a reference with more", "a reference to nothing", "a loop of references",
        "values elsewhere", "properties without a name", "an open object", "anything",
    ],
)  # fmt: skip
def test_a_nested_property_is_reached_through(home: JSON, expected: JSON) -> None:
    definitions: JSON = {
        "home": HOME,
        "list": [{}, {"$ref": "#/definitions/home"}],
        "loop": {"anyOf": [{"$ref": "#/definitions/loop"}]},
    }

    found = masked_properties({"home": home}, "users.home.street", definitions=definitions)

    assert found == {"home": expected}


def test_the_columns_of_a_masked_reference_are_text_and_those_beside_it_are_not() -> None:
    schema: JSONObject = {"properties": {"home": {"$ref": "#/$defs/home"}, "work": {"$ref": "#/$defs/home"}}}
    mask = masks_of({"users.home.street": "sha256"}).of("users")
    assert mask

    columns = stream_hints(mask.properties({**schema, "$defs": {"home": HOME}}), []).columns

    assert {name: column["data_type"] for name, column in columns.items()} == {
        "home__street": "text", "home__zip": "bigint", "work__street": "bigint", "work__zip": "bigint",
    }  # fmt: skip


def test_a_schema_without_the_property_is_the_very_same() -> None:
    schema: JSONObject = {"properties": {"id": {"type": "integer", "default": 1}, "home": HOME}}
    mask = masks_of({"users.email": "sha256", "users.home.city": "null"}).of("users")
    assert mask

    assert mask.properties(schema) is schema


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("user.email", r"'user\.email' matches no stream\. Did you mean 'users'\?"),
        ("*_tmp.email", r"'\*_tmp\.email' matches no stream\. The tap has: users"),
        ("users.emial", r"'users\.emial' matches no property of 'users'.* Did you mean 'email'\?"),
        ("*.phone*", r"'\*\.phone\*' matches no property of 'users'.* There are: email, id"),
        ("users.email.host", r"'users\.email\.host' matches no property"),
        ("users._sdc_deleted_at", r"belongs to Singer"),
    ],
    ids=[
        "a stream",
        "a glob of streams",
        "a property",
        "a glob",
        "inside of a plain value",
        "a technical property",
    ],
)
def test_a_rule_that_hides_nothing_is_an_error(rule: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        check(catalog_of("id", "email"), {rule: "sha256"})


def test_a_rule_of_select_that_hides_nothing_is_an_error_too() -> None:
    with pytest.raises(SelectionError, match=r"'~users\.emial' matches no property"):
        check(catalog_of("id", "email"), {}, select=["users.*", "~users.emial"])


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"home": {"type": ["object", "null"]}}},
        {"properties": {"home": {}}},
        {"properties": {"home": {"type": "array", "items": {"$ref": "#/d"}}}, "d": HOME},
        {"$ref": "#/d", "d": {"properties": {"home": HOME}}},
        {"properties": {"home": {"anyOf": [True, HOME]}}},
    ],
    ids=[
        "nothing declared",
        "an open object",
        "anything",
        "objects in an array by reference",
        "a reference at the top",
        "beside a branch that allows anything",
    ],
)
def test_a_rule_is_fine_that_matches_what_is_declared_or_may_be_there(schema: JSON) -> None:
    catalog = Catalog.parse({"streams": [{"stream": "users", "schema": schema}]})

    check(catalog, {"users.home.street": "sha256"})


def test_a_rule_may_match_what_only_metadata_knows() -> None:
    metadata: JSON = [{"breadcrumb": ["properties", "email"], "metadata": {}}]

    check(catalog_of("id", metadata=metadata), {"users.email": "sha256"})


@pytest.mark.parametrize("effect", ["sha256", "null", "redact"])
@pytest.mark.parametrize("rule", ["users.at", "*.a*", "users"])
def test_a_replication_key_cannot_be_masked(rule: str, effect: Effect) -> None:
    with pytest.raises(SelectionError, match=r"'users\.at' is masked, but it is the replication key"):
        check(catalog_of("id", "at", replication_key="at"), {rule: effect})


@pytest.mark.parametrize("effect", ["null", "redact"])
def test_a_key_can_only_be_masked_so_that_rows_stay_different(effect: Effect) -> None:
    catalog = catalog_of("id", key_properties=["id"])

    check(catalog, {"users.id": "sha256"})
    with pytest.raises(SelectionError, match=rf"'users\.id' is masked with {effect}, but it is a key"):
        check(catalog, {"users.id": effect})


def test_streams_that_are_not_read_may_have_keys_that_a_glob_matches() -> None:
    orders: JSON = {"stream": "orders", "key_properties": ["id"], "schema": {"properties": {"id": INTEGER}}}
    catalog = catalog_of("id").with_streams(
        [*catalog_of("id").streams, *Catalog.parse({"streams": [orders]}).streams]
    )

    check_rules(mask_rules((), {"*.id": "null"}, catalog.stream_ids), catalog, ["users"])


def test_streams_without_masks_pass_as_they_are() -> None:
    passing: list[Message] = [
        Schema("orders", msgspec.Raw(b'{"properties": {"email": {}}}')),
        Records.bare("orders", [b'{"email": "x"}']),
        State(msgspec.Raw(b'{"bookmarks": {"users": {"id": 7}}}')),
        ActivateVersion("users", 1),
        Idle(),
    ]

    found = play(passing, masks_of({"users.email": "sha256"}))

    assert all(after is before for after, before in zip(found, passing, strict=True))


def test_without_masks_nothing_is_in_the_way() -> None:
    messages: Iterator[Message] = iter([Idle()])

    assert masked(messages, Masks(())) is messages


@pytest.mark.parametrize(
    "more",
    [{}, {"version": 3}, {"time_extracted": "2024-01-01T00:00:00Z"}, {"time_extracted": None}],
    ids=["plain", "of a version", "with its time", "without a time"],
)
def test_a_line_is_written_anew_with_what_singer_knows(more: dict[str, JSON]) -> None:
    records = [Records.of_line(parse_line(line), line) for line in lines_of(more)]  # type: ignore[arg-type]  # RECORDs

    for each in play(records, masks_of({"users.email": "redact"})):
        assert isinstance(each, Records)
        assert each.lines
        kept = {name: value for name, value in more.items() if value is not None}
        assert json.loads(each.lines[0]) == {
            "type": "RECORD", "stream": "users", "record": {"id": 1, "email": "***"}, **kept,
        }  # fmt: skip
        assert PLAIN.encode() not in each.text


def lines_of(more: Mapping[str, JSON]) -> list[bytes]:
    record = {"type": "RECORD", "stream": "users", "record": {"id": 1, "email": PLAIN}, "seen": PLAIN, **more}
    return [json.dumps(record).encode(), json.dumps({**record, "record": {"id": 1, "email": PLAIN}}).encode()]


def test_many_records_stay_one_message_that_can_be_split_and_read() -> None:
    records = lines({"id": 1, "email": PLAIN}, {"id": 2}, {"id": 3, "email": None})

    (found,) = play([records], masks_of({"users.email": "redact"}))

    assert isinstance(found, Records)
    expected = [b'{"id":1,"email":"***"}', b'{"id": 2}', b'{"id":3,"email":null}']
    assert [bytes(raw) for raw in found.raws] == expected
    head = b'{"type":"RECORD","stream":"users","record":'
    assert (found.head, found.text) == (head, b"\n".join(head + raw + b"}" for raw in expected))
    anew = Records("users", found.text, 3, found.head)
    assert [bytes(raw) for raw in anew.split(2)[1].raws] == expected[2:]


def test_records_of_files_stay_bare() -> None:
    (found,) = play(
        [Records.bare("users", [b'{"email": 1}', b'{"email": NaN}'])], masks_of({"users.email": "null"})
    )

    assert isinstance(found, Records)
    assert found.text == b'{"email":null}\n{"email":null}'
    assert found.lines is None


def test_a_line_that_only_python_reads_keeps_its_time() -> None:
    (found,) = play(
        [lines({"email": 1, "x": float("nan")}, time_extracted="2024")], masks_of({"*.email": "redact"})
    )

    assert isinstance(found, Records)
    assert found.text.endswith(b'{"email":"***","x":NaN},"time_extracted":"2024"}')


def test_a_name_in_messages_stands_for_the_stream_of_the_catalog() -> None:
    catalog = Catalog.parse({"streams": [{"stream": "users", "tap_stream_id": "public-users", "schema": {}}]})

    (found,) = play([Records.bare("users", [b'{"email": 1}'])], masks_of({"public-users.email": "redact"}, catalog))

    assert isinstance(found, Records)
    assert found.text == b'{"email":"***"}'


@pytest.mark.parametrize("record", [b"[1]", b'{"email": "jane@example.com'], ids=["no object", "cut"])
def test_a_record_that_cannot_be_masked_fails_the_run_and_is_not_shown(record: bytes) -> None:
    with pytest.raises(TapProtocolError, match=r"'users'.*cannot be masked.*Nothing was loaded") as caught:
        play([Records.bare("users", [record])], masks_of({"users.email": "redact"}))

    assert PLAIN not in str(caught.value)


def test_a_line_of_two_streams_fails_the_run() -> None:
    line = b'{"type": "RECORD", "stream": "users", "record": {"email": 1}, "stream": "other"}'
    (records,) = (each for each in Cutter().cut(line) if isinstance(each, Records))

    with pytest.raises(TapProtocolError, match="two streams"):
        play([records], masks_of({"users.email": "redact"}))


def test_without_a_catalog_a_rule_that_names_a_stream_is_held_against_its_schema() -> None:
    message = Schema("users", msgspec.Raw(b'{"properties": {"email": {}}}'))

    with pytest.raises(
        SelectionError, match=r"'users\.emial' matches no property of 'users'.* Did you mean 'email'"
    ):
        play([message], masks_of({"users.emial": "redact"}))
    play([message], masks_of({"users.emial": "redact"}, catalog_of("emial")))
    play([message], masks_of({"*.emial": "redact", "users.email": "redact"}))


def schema_message(properties: JSON, **more: JSON) -> Schema:
    document = {"type": "SCHEMA", "stream": "users", "schema": {"properties": properties}, **more}
    message = parse_line(json.dumps(document).encode())
    assert isinstance(message, Schema)
    return message


def test_a_schema_keeps_the_digits_of_its_numbers_and_a_repeated_one_is_the_same_again() -> None:
    text = b'{"properties": {"email": {"type": "integer"}, "x": {"multipleOf": 1.10, "maximum": 1e-30}}}'
    first, again = Schema("users", msgspec.Raw(text)), Schema("users", msgspec.Raw(text))

    found = play([first, again], masks_of({"users.email": "sha256"}))

    assert isinstance(found[0], Schema)
    assert found[0] is found[1]
    assert bytes(found[0].schema) == (
        b'{"properties":{"email":{"type":["string","null"]},"x":{"multipleOf":1.10,"maximum":1E-30}}}'
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [({"bookmark_properties": ["email"]}, "replication key"), ({"key_properties": ["email"]}, "is a key")],
)
def test_what_only_a_schema_message_says_of_keys_is_obeyed_too(more: dict[str, JSON], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        play([schema_message({"email": INTEGER}, **more)], masks_of({"users.email": "redact"}))


def test_a_schema_that_is_no_object_fails_the_run() -> None:
    with pytest.raises(TapProtocolError, match="SCHEMA that is no JSON object"):
        play([Schema("users", msgspec.Raw(b"[]"))], masks_of({"users.email": "redact"}))


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": {"users": {"partitions": [{"context": {"email": PLAIN}}]}}},
        {"bookmarks": {"users": {"replication_key": "email", "replication_key_value": PLAIN}}},
        {"bookmarks": {"users": {"email": PLAIN}}},
        {"users": {"email": PLAIN}},
    ],
    ids=["a partition", "a replication key", "a bookmark by its name", "a bookmark at the top"],
)
def test_a_state_with_values_of_a_masked_property_is_refused_and_not_shown(state: JSONObject) -> None:
    masks = masks_of({"*.email": "sha256"})
    message = State(msgspec.Raw(json.dumps(state).encode()))

    with pytest.raises(SelectionError, match=r"'users\.email' is masked") as caught:
        play([schema_message({"email": INTEGER}), message], masks)

    assert PLAIN not in str(caught.value)
    with pytest.raises(SelectionError):
        masks.check_state(state)


@pytest.mark.parametrize(
    "state",
    [
        None, [], {"users": 7}, {"bookmarks": None}, {"bookmarks": {"users": {"partitions": None, "version": 1}}},
        {"bookmarks": {"users": {"partitions": [7, {"context": None}, {"context": {"x": float("nan")}}]}}},
        {"bookmarks": {"orders": {"email": PLAIN}}},
    ],
    ids=["none", "a list", "a plain part", "no bookmarks", "a version", "other partitions", "another stream"],
)  # fmt: skip
def test_any_other_state_passes(state: JSON) -> None:
    message = State(msgspec.Raw(json.dumps(state).encode()))
    columns = schema_message({"email": INTEGER, "version": INTEGER})

    assert play([columns, message], masks_of({"users.email": "sha256", "users.version": "null"}))[1] is message


def test_a_state_that_cannot_be_read_fails_the_run() -> None:
    with pytest.raises(TapProtocolError, match="STATE"):
        play([State(msgspec.Raw(b"{"))], masks_of({"users.email": "sha256"}))


def test_the_masks_of_a_run_can_be_written_down() -> None:
    assert masks_of({"*.phone": "null"}, select=["~users.email"]).effects == {
        "~users.email": "sha256", "*.phone": "null",
    }  # fmt: skip
