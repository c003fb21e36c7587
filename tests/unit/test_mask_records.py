"""Masked records: what is put in place of a value, and that all else keeps its text."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dlt_singer.mask import EFFECTS, Effect, RecordMask, canonical_text, mask_rules, sha256
from dlt_singer.mask.rules import level_of

SALT = "pepper"
PLAIN = "jane@example.com"


def mask_record(text: str | bytes, rules: Mapping[str, Effect], salt: str = SALT) -> str:
    record = text.encode() if isinstance(text, str) else text
    level = level_of(mask_rules((), rules), ["users"])
    return bytes(RecordMask(level, sha256(salt))(Raw(record))).decode("utf-8", "surrogateescape")


def digest(text: str, salt: str = SALT) -> str:
    return hashlib.sha256((salt + text).encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"Jane"', "Jane"),
        (r'"J\u00e4ne \"J\" \ud83d\ude00"', 'Jäne "J" 😀'),
        ('""', ""),
        ("7", "7"),
        ("-0.0", "0"),
        ("1.50", "1.5"),
        ("15e-1", "1.5"),
        ("1E2", "100"),
        ("12345678901234567890123.450", "12345678901234567890123.45"),
        ("1.0e2000", "1e+2000"),
        ("true", "true"),
        ("NaN", "NaN"),
        ('{"b": [1.0, "x"], "a": {"c": null}}', '{"a":{"c":null},"b":[1,"x"]}'),
        ("[]", "[]"),
    ],
    ids=[
        "a string", "escapes", "no characters", "a whole number", "minus zero", "needless digits", "a fraction",
        "an exponent", "many digits", "a huge number", "a flag", "what JSON does not know", "an object",
        "an empty array",
    ],
)  # fmt: skip
def test_a_digest_is_that_of_salt_and_canonical_text(value: str, text: str) -> None:
    assert canonical_text(value.encode()) == text.encode()
    assert sha256(SALT)(value.encode()) == digest(text)


def test_another_salt_makes_another_digest() -> None:
    assert sha256("a")(b'"Jane"') != sha256("b")(b'"Jane"')


def test_half_a_surrogate_pair_has_a_digest_too() -> None:
    assert len(sha256(SALT)(rb'"\ud800"')) == 64


@pytest.mark.parametrize(
    ("effect", "expected"),
    [("sha256", f'"{digest(PLAIN)}"'), ("null", "null"), ("redact", '"***"')],
)
def test_a_value_is_replaced_and_its_neighbours_keep_text_and_place(effect: Effect, expected: str) -> None:
    record = '{"price": 1.10, "email": "jane@example.com", "tags": [1, 2.0 ]}'

    assert mask_record(record, {"users.email": effect}) == f'{{"price":1.10,"email":{expected},"tags":[1, 2.0 ]}}'


@pytest.mark.parametrize("effect", ["sha256", "null", "redact"])
def test_null_stays_null_and_missing_stays_missing(effect: Effect) -> None:
    rules: Mapping[str, Effect] = {"users.email": effect, "users.phone": effect}

    assert mask_record('{"email": null, "id": 1}', rules) == '{"email":null,"id":1}'


@pytest.mark.parametrize(
    ("rule", "record", "expected"),
    [
        ("users.home.street", '{"home": {"zip": 1.0, "street": "x"}}', '{"home":{"zip":1.0,"street":"***"}}'),
        ("*.a.*", '{"a": {"b": 1, "c": [2]}, "d": 3}', '{"a":{"b":"***","c":"***"},"d":3}'),
        ("users.a.b", '{"a": [{"b": 1}, null, [{"b": 3}]]}', '{"a":[{"b":"***"},null,[{"b":"***"}]]}'),
        ("users.a", '{"a": {"b": "x"}}', '{"a":"***"}'),
        ("users.a", '{"a": ["x"]}', '{"a":"***"}'),
        ("users", '{"a": 1, "b": null, "_sdc_deleted_at": 2}', '{"a":"***","b":null,"_sdc_deleted_at":2}'),
        ("users.*", '{"a": 1}', '{"a":"***"}'),
        ("users.e[mn]ail", '{"email": 1, "enail": 2, "eail": 3}', '{"email":"***","enail":"***","eail":3}'),
        ("users.a.b", '{"a": "plain", "c": 1}', '{"a":"plain","c":1}'),
        ("users.a.b", r'{"a": "{\"b\": \"x\"}"}', '{"a":"***"}'),
        ("users.a.b", r'{"a": "\u005b1]"}', '{"a":"***"}'),
        (r"users.a\.b", '{"a.b": 1, "a": {"b": 2}}', '{"a.b":"***","a":{"b": 2}}'),
    ],
    ids=[
        "nested", "all of an object", "through arrays", "an object whole", "an array whole", "a stream",
        "all of a stream", "a glob", "text where an object may be", "an object sent as text",
        "an array sent as text", "a dot in a name",
    ],
)  # fmt: skip
def test_a_rule_reaches(rule: str, record: str, expected: str) -> None:
    assert mask_record(record, {rule: "redact"}) == expected


def test_of_several_rules_the_last_decides_and_what_covers_more_wins() -> None:
    rules: Mapping[str, Effect] = {
        "*.email": "null",
        "users.email": "redact",
        "users.a": "redact",
        "users.a.b": "null",
    }

    assert mask_record('{"email": 1, "a": {"b": 1}}', rules) == '{"email":"***","a":"***"}'


@pytest.mark.parametrize(
    "record",
    [
        '{"email": "jane@example.com", "email": "jane@example.com"}',
        '{"email": "jane@example.com", "email": null}',
        r'{"em\u0061il": "jane@example.com", "email": 1}',
        '{"email": "jane@example.com", "x": NaN, "y": Infinity}',
        r'{"email": "jane@example.com", "x": "\ud800", "\udfff": 1}',
        r'{"email": "\ud800jane@example.com"}',
        '{"email": "jane@example.com\t", "x": "\t"}',
        f'{{"email": "{PLAIN}", "x": {"9" * 5000}}}',
        f'{{"email": ["{PLAIN}", NaN]}}',
        f'{{"a": [NaN, {{"email": "{PLAIN}", "b": NaN}}]}}',
    ],
    ids=[
        "twice", "twice and null", "an escaped name", "NaN", "half a surrogate pair beside it", "and within",
        "control characters", "a number that Python does not read", "NaN within", "NaN in a nested array",
    ],
)  # fmt: skip
def test_no_spelling_of_a_record_lets_a_value_through(record: str) -> None:
    safe = mask_record(record, {"*.email": "sha256", "*.a.email": "sha256"})

    assert PLAIN not in safe
    json.loads(safe, strict=False, parse_int=str)


def test_bytes_that_are_no_text_stay_where_they_were() -> None:
    record = b'{"email": "jane\xff@example.com", "x": "\xfe", "y": NaN}'

    safe = mask_record(record, {"users.email": "redact"})

    assert safe.encode("utf-8", "surrogateescape") == b'{"email":"***","x":"\xfe","y":NaN}'


@pytest.mark.parametrize(
    "record",
    [
        "[1]",
        '"jane@example.com"',
        '["email", "jane@example.com", NaN]',
        '{"email": ',
        "",
        '{"email": 1} x',
        "[" * 9999,
    ],
    ids=["an array", "a text", "an array with NaN", "cut", "nothing", "more behind it", "too deep"],
)
def test_what_is_no_object_is_refused_without_a_word_of_its_content(record: str) -> None:
    with pytest.raises(ValueError, match=r"^A record is no JSON object\.$") as caught:
        mask_record(record, {"users.email": "redact"})

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_names_without_end_are_not_all_remembered() -> None:
    level = level_of(mask_rules((), {"users.*.x": "redact"}), ["users"])
    mask = RecordMask(level, sha256(SALT))

    for number in range(30_000):
        assert bytes(mask(Raw(b'{"n%d":{"x":1}}' % number))) == b'{"n%d":{"x":"***"}}' % number

    assert len(level) <= 10_001


TEXTS = st.text().map(lambda text: json.dumps(text, ensure_ascii=False)) | st.text().map(json.dumps)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
).map(json.dumps)
NAMES = st.from_regex(r"[b-z]{1,8}", fullmatch=True).filter(lambda name: name not in ("email", "phone"))
SECRETS = st.text(min_size=6).map(lambda text: json.dumps(f"<{text}>"))


@given(members=st.dictionaries(NAMES, VALUES | TEXTS), secret=SECRETS | VALUES, after=st.booleans())
def test_all_that_is_not_masked_keeps_every_byte(members: dict[str, str], secret: str, *, after: bool) -> None:
    texts = {**members, "email": secret} if after else {"email": secret, **members}
    record = "{" + ", ".join(f'"{name}" : {text}' for name, text in texts.items()) + "}"

    safe = mask_record(record.encode("utf-8", "surrogatepass"), {"users.email": "redact"})

    instead = "null" if secret == "null" else '"***"'
    expected = {name: instead if name == "email" else text for name, text in texts.items()}
    assert safe == "{" + ",".join(f'"{name}":{text}' for name, text in expected.items()) + "}"


@given(
    members=st.dictionaries(NAMES, VALUES), secret=SECRETS, depth=st.integers(0, 3), effect=st.sampled_from(EFFECTS)
)
def test_a_masked_value_does_not_survive_at_any_depth(
    members: dict[str, str], secret: str, depth: int, effect: Effect
) -> None:
    record = (
        f'{{"email": {secret}, {"".join(f"{json.dumps(name)}: {text}," for name, text in members.items())}"z": 1}}'
    )
    for level in range(depth):
        record = f'{{"a": {f"[{record}, {record}]" if level % 2 else record}}}'

    safe = mask_record(record, {".".join(("users", *("a" * depth), "email")): effect})

    assert secret[1:-1] not in safe


@given(record=st.text(alphabet='{}[]":,\\ue01na\ud800', max_size=40))
def test_any_text_is_masked_or_refused(record: str) -> None:
    with contextlib.suppress(ValueError):
        safe = mask_record(record.encode("utf-8", "surrogatepass"), {"users.*": "null"})

        assert set(json.loads(safe, strict=False).values()) <= {None}
