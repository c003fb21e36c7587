"""Which rule takes a stream or property, and what has changed between two catalogs."""

from __future__ import annotations

import pytest

from dlt_singer._types import JSON
from dlt_singer.catalog import Catalog, difference, explain

PROPERTIES: dict[str, JSON] = {
    "id": {"type": "integer"},
    "at": {"type": "string"},
    "always": {"type": "string", "inclusion": "automatic"},
    "never": {"type": "string", "inclusion": "unsupported"},
    "name": {"type": "string"},
    "address": {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "string"}}},
}
USERS: dict[str, JSON] = {
    "tap_stream_id": "users",
    "key_properties": ["id"],
    "replication_key": "at",
    "schema": {"properties": PROPERTIES},
    "metadata": [],
}
CHILD: dict[str, JSON] = {
    "tap_stream_id": "posts",
    "schema": {"properties": {"id": {"type": "integer"}}},
    "metadata": [{"breadcrumb": [], "metadata": {"parent-tap-stream-id": "users"}}],
}
CATALOG = Catalog.parse({"streams": [USERS, CHILD]})


def because(rules: list[str], stream: str = "users") -> dict[str, tuple[bool, str]]:
    choice = next(each for each in explain(CATALOG, rules) if each.stream == stream)
    return {".".join(each.path): (each.selected, each.because) for each in choice.properties}


@pytest.mark.parametrize(
    ("prop", "selected", "reason"),
    [
        ("name", False, "rule '!users.*'"),
        ("id", True, "it is a key"),
        ("at", True, "it is the replication key"),
        ("always", True, "the tap always sends it"),
        ("never", False, "rule '!users.*'"),
        ("address", True, "something inside is selected"),
        ("address.city", True, "rule 'users.address.city'"),
        ("address.zip", False, "rule '!users.*'"),
    ],
)
def test_each_property_says_what_decided(prop: str, selected: bool, reason: str) -> None:  # noqa: FBT001
    found = because(["*.*", "!users.*", "users.address.city"])

    assert found[prop] == (selected, reason)


def test_without_an_including_rule_everything_is_taken() -> None:
    assert because(["!users.name"])["address"] == (True, "no rule speaks of it")
    assert because(["!users.name"])["never"] == (False, "the tap does not support it")


def test_a_stream_says_why_it_is_read_or_not() -> None:
    child_only = {each.stream: (each.selected, each.because) for each in explain(CATALOG, ["posts"])}
    without = {each.stream: (each.selected, each.because) for each in explain(CATALOG, ["*", "!posts"])}

    assert child_only == {"users": (False, "its child streams need it"), "posts": (True, "rule 'posts'")}
    assert without["posts"] == (False, "rule '!posts'")


def test_changes_of_a_catalog_are_told_one_by_one() -> None:
    changed = {name: schema for name, schema in PROPERTIES.items() if name != "name"}
    now = Catalog.parse(
        {
            "streams": [
                {
                    **USERS,
                    "key_properties": ["id", "at"],
                    "schema": {
                        "properties": {**changed, "id": {"type": ["null", "string"]}, "new": {"type": "string"}}
                    },
                },
                {"stream": "logs"},
            ]
        }
    )

    assert difference(CATALOG, now) == (
        "users: keys was id, is id, at",
        "users.id: type was integer, is null/string",
        "users.name: gone",
        "users.new: new property",
        "posts: gone",
        "logs: new stream",
    )


def test_a_catalog_does_not_differ_from_itself() -> None:
    assert difference(CATALOG, CATALOG) == ()


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({}, {"replication_method": "INCREMENTAL"}, ": replication method was none, is INCREMENTAL"),
        ({"replication_key": "at"}, {"replication_key": "id"}, ": replication key was at, is id"),
        ({"type": "string"}, {"type": "string", "format": "date"}, ".x: type was string, is string (date)"),
        ({}, {"type": ["string", "null"]}, ".x: type was any, is null/string"),
        (None, {"type": "string"}, ".x: type was unknown, is string"),
    ],
    ids=["method", "replication key", "format", "no type", "no schema"],
)
def test_what_changed_of_a_stream_or_a_type_is_named(before: JSON, now: JSON, said: str) -> None:
    def catalog(facts: JSON) -> Catalog:
        about = facts if isinstance(facts, dict) and "type" not in facts else {}
        prop = facts if isinstance(facts, dict) and "type" in facts else (None if facts is None else {})
        return Catalog.parse({"streams": [{"stream": "a", **about, "schema": {"properties": {"x": prop}}}]})

    assert difference(catalog(before), catalog(now))[-1] == f"a{said}"


def test_only_a_rule_that_includes_makes_the_others_a_choice() -> None:
    # Rules that speak of the stream, none of them of the property.
    assert because(["users.id", "users.at"])["name"] == (False, "no rule speaks of it")
