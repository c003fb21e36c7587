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
