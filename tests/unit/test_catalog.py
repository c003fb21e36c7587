"""Catalogs in both dialects, select rules, narrowing, and the user's overrides."""

from __future__ import annotations

import copy
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog import (
    Breadcrumb,
    Catalog,
    Selection,
    Stream,
    narrow,
    select,
    users_mapping,
    with_metadata,
    with_schema,
)  # fmt: skip
from dlt_singer.errors import CatalogError, SelectionError, UnknownStreamError


def stream(
    name: str, *properties: str, keys: tuple[str, ...] = ("id",), nested: JSON = None, **root: JSON
) -> dict[str, JSON]:
    members: dict[str, JSON] = {p: {"type": "string"} for p in (*keys, *properties)}
    if nested is not None:
        members["address"] = {"type": "object", "properties": nested}
    described = {key.replace("_", "-"): value for key, value in root.items()}
    metadata: list[JSON] = [{"breadcrumb": [], "metadata": {"table-key-properties": list(keys), **described}}]
    return {
        "tap_stream_id": name,
        "stream": name,
        "schema": {"type": "object", "properties": members},
        "metadata": metadata,
    }


def catalog_of(*streams: JSONObject, **rest: JSON) -> Catalog:
    return Catalog.parse({"streams": list(streams), **rest})


def users_and_orders() -> Catalog:
    zip_code: JSON = {"zip": {"type": "string"}, "city": {"type": "string"}}
    return catalog_of(
        stream("users", "name", "email", nested=zip_code),
        stream("orders", "email", "total"),
        stream("logs", keys=()),
    )


def on(selection: Selection | Catalog, stream_id: str) -> set[str]:
    """Names of the properties of a stream that metadata selects."""
    catalog = selection.catalog if isinstance(selection, Selection) else selection
    entry = catalog.stream(stream_id)
    return {".".join(path) for crumb, path in entry.properties.items() if entry.metadata[crumb]["selected"] is True}


def test_a_catalog_reads_and_writes_back_what_it_does_not_know() -> None:
    document: JSON = {
        "version": 2,
        "streams": [{**stream("users"), "database_name": "crm", "x": [1]}],
        "last": None,
    }

    assert Catalog.parse(document).to_json() == document


def test_the_order_of_a_catalogs_keys_stays() -> None:
    document: JSONObject = {"a": 1, "streams": [], "z": 2}

    assert list(Catalog.parse(document).to_json()) == ["a", "streams", "z"]


@pytest.mark.parametrize(
    "document",
    [[], None, {}, {"streams": {}}, {"streams": ["users"]}, {"streams": [{"schema": {}}]}],
    ids=["a list", "null", "no streams", "streams by name", "names only", "a stream without a name"],
)
def test_what_is_no_catalog_is_an_error(document: JSON) -> None:
    with pytest.raises(CatalogError):
        Catalog.parse(document)


def test_the_id_is_not_the_name_of_the_messages() -> None:
    entry = Stream({"tap_stream_id": "crm-public-users", "stream": "users"})

    assert (entry.id, entry.name) == ("crm-public-users", "users")


@pytest.mark.parametrize(
    ("root", "document", "keys"),
    [
        pytest.param({"table-key-properties": ["a"]}, {"key_properties": ["b"]}, ("a",), id="of the table"),
        pytest.param({"view-key-properties": ["a"]}, {}, ("a",), id="of a view"),
        pytest.param({"table-key-properties": []}, {"key_properties": ["b"]}, ("b",), id="of the entry"),
        pytest.param({}, {}, (), id="none"),
    ],
)
def test_key_properties_are_found_where_taps_put_them(
    root: JSONObject, document: JSONObject, keys: tuple[str, ...]
) -> None:
    entry = Stream({"stream": "users", **document, "metadata": [{"breadcrumb": [], "metadata": root}]})

    assert entry.key_properties == keys


def test_what_is_no_metadata_is_passed_over_and_two_entries_of_a_breadcrumb_are_one() -> None:
    entries: JSON = ["x", {"metadata": {"a": 1, "b": 1}}, None, {"breadcrumb": [], "metadata": {"b": 2}}]

    read = Stream({"tap_stream_id": "users", "metadata": entries})

    assert read.metadata == {(): {"a": 1, "b": 2}}


def test_a_property_of_items_has_the_names_on_the_way_to_it() -> None:
    crumb: JSON = ["properties", "tags", "items", "properties", "id"]
    entries: JSON = [{"breadcrumb": crumb, "metadata": {"inclusion": "available"}}]

    read = Stream({"tap_stream_id": "users", "metadata": entries})

    assert read.properties["properties", "tags", "items", "properties", "id"] == ("tags", "id")


def test_a_forced_replication_method_wins_over_a_chosen_one() -> None:
    entry = Stream(stream("users", forced_replication_method="FULL_TABLE", replication_method="INCREMENTAL"))

    assert entry.replication_method == "FULL_TABLE"


def test_an_older_entry_says_how_it_replicates_at_its_top() -> None:
    entry = Stream({"stream": "users", "replication_method": "INCREMENTAL", "replication_key": "at"})

    assert (entry.replication_method, entry.replication_key) == ("INCREMENTAL", "at")


@pytest.mark.parametrize(
    ("chosen", "method"),
    [({}, "FULL_TABLE"), ({"replication-key": "at"}, None), ({"replication-method": "LOG_BASED"}, "LOG_BASED")],
    ids=["names nothing", "names a replication key", "names a method"],
)
def test_a_view_that_names_neither_method_nor_replication_key_is_read_whole(
    chosen: dict[str, JSON], method: str | None
) -> None:
    of_sdk = Stream({"stream": "v", "is_view": True, "replication_method": "", **chosen})
    of_metadata = Stream({"stream": "v", "metadata": [{"breadcrumb": [], "metadata": {"is-view": True, **chosen}}]})
    table = Stream({"stream": "t", "is_view": False, "replication_method": ""})

    assert [each.replication_method for each in (of_sdk, of_metadata, table)] == [method, method, None]


def test_an_unknown_stream_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(UnknownStreamError, match=r"no stream 'user'\. Did you mean 'users'\?"):
        users_and_orders().stream("user")


@pytest.mark.parametrize(
    ("rules", "streams", "users"),
    [
        pytest.param([], "users orders logs", "id name email address address.zip address.city", id="no rule"),
        pytest.param(["users"], "users", "id name email address address.zip address.city", id="a bare stream"),
        pytest.param(["users.*"], "users", "id name email address address.zip address.city", id="all of a stream"),
        pytest.param(["users.name"], "users", "id name", id="one property, and the key"),
        pytest.param(["users.na*"], "users", "id name", id="a glob of properties"),
        pytest.param(["*.email"], "users orders", "id email", id="one property everywhere"),
        pytest.param(["users.address"], "users", "id address address.zip address.city", id="an object"),
        pytest.param(["users.address.zip"], "users", "id address address.zip", id="an inner property, its parent"),
        pytest.param(["users.*.zip"], "users", "id address address.zip", id="an inner property by glob"),
        pytest.param(
            ["!logs"], "users orders", "id name email address address.zip address.city", id="only excludes"
        ),
        pytest.param(
            ["*.*", "!*.email"], "users orders logs", "id name address address.zip address.city", id="but"
        ),
        pytest.param(
            ["!*.email", "users.*"], "users", "id name email address address.zip address.city", id="order"
        ),
        pytest.param(
            ["users", "!users.address"], "users", "id name email", id="an object excluded with its inside"
        ),
        pytest.param(
            ["users", "!users.address", "users.address.zip"],
            "users",
            "id name email address address.zip",
            id="an inner property taken back in",
        ),
        pytest.param(
            ["*", "!users.id"], "users orders logs", "id name email address address.zip address.city", id="key"
        ),
        pytest.param(
            ["~users.email"], "users orders logs", "id name email address address.zip address.city", id="only masks"
        ),
    ],
)
def test_rules_select_streams_and_properties(rules: list[str], streams: str, users: str) -> None:
    selection = select(users_and_orders(), rules)

    assert selection.streams == selection.catalog.stream_ids == tuple(streams.split())
    assert on(selection, "users") == set(users.split())
    assert selection.catalog.stream("users").metadata[()]["selected"] is True


def test_excluding_all_of_a_stream_excludes_the_stream() -> None:
    assert select(users_and_orders(), ["*.*", "!users.*"]).streams == ("orders", "logs")


def test_a_name_with_dots_is_escaped_or_the_very_id_of_a_stream() -> None:
    catalog = catalog_of(stream("public.users", "name", "email"), stream("other"))

    assert on(select(catalog, [r"public\.users.name"]), "public.users") == {"id", "name"}
    assert on(select(catalog, ["public.users"]), "public.users") == {"id", "name", "email"}


def test_automatic_fields_are_on_and_unsupported_ones_off_whatever_the_rules_say() -> None:
    users = stream("users", "name", "made_at", "blob", "updated_at", replication_key="updated_at")
    users["metadata"] = [
        *cast("list[JSON]", users["metadata"]),
        {"breadcrumb": ["properties", "made_at"], "metadata": {"inclusion": "automatic"}},
        {"breadcrumb": ["properties", "blob"], "metadata": {"inclusion": "unsupported", "selected": True}},
    ]

    selection = select(catalog_of(users), ["users.*", "!users.made_at", "!users.updated_at", "!users.id"])

    assert on(selection, "users") == {"id", "name", "made_at", "updated_at"}


def test_a_stream_without_properties_is_selected_as_a_whole() -> None:
    catalog = catalog_of({"stream": "a", "metadata": []}, {"stream": "b", "metadata": []})

    assert select(catalog, ["!b"]).streams == ("a",)


def test_the_parents_a_stream_needs_stay_with_their_keys_only() -> None:
    catalog = catalog_of(
        stream("orgs", "name"),
        stream("teams", "name", parent_tap_stream_id="orgs"),
        stream("members", "name", parent_tap_stream_id="teams"),
    )

    selection = select(catalog, ["members"])

    assert selection.streams == ("members",)
    assert selection.required_parents == ("teams", "orgs")
    assert selection.catalog.stream_ids == ("orgs", "teams", "members")
    assert on(selection, "orgs") == {"id"}


def test_parents_in_a_circle_end() -> None:
    catalog = catalog_of(stream("a", parent_tap_stream_id="b"), stream("b", parent_tap_stream_id="a"))

    assert select(catalog, ["a"]).required_parents == ("b",)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param("user", r"'user'.*Did you mean 'users'\?", id="a stream"),
        pytest.param("user.*", r"'user'.*Did you mean 'users'\?", id="all of a stream"),
        pytest.param("!user", r"'user'.*Did you mean 'users'\?", id="an exclude"),
        pytest.param("users.adress.zip", r"'adress\.zip'.*Did you mean 'address\.zip'\?", id="an inner property"),
        pytest.param("!", r"names no stream", id="nothing"),
    ],
)
def test_a_literal_rule_that_matches_nothing_is_an_error(rule: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        select(users_and_orders(), ["*.*", rule])


@pytest.mark.parametrize("rule", ["tmp_*", "!*.password", "users.x*"])
def test_a_glob_that_matches_nothing_is_a_warning(rule: str) -> None:
    selection = select(users_and_orders(), ["*.*", rule])

    assert len(selection.warnings) == 1
    assert rule in selection.warnings[0]


def test_selecting_no_stream_is_an_error() -> None:
    with pytest.raises(SelectionError, match="select none of 3 streams"):
        select(users_and_orders(), ["!*"])


def legacy() -> Catalog:
    members: JSON = {
        "id": {"type": "integer", "inclusion": "automatic"},
        "name": {"type": "string", "inclusion": "available"},
        "blob": {"inclusion": "unsupported"},
        "home": {"type": "object", "properties": {"zip": {"type": "string"}}},
    }
    return catalog_of({"stream": "users", "key_properties": ["id"], "schema": {"properties": members}})


def test_an_older_tap_finds_selected_in_the_stream_and_its_schema() -> None:
    selected = select(legacy(), ["users.home"]).catalog.stream("users").document

    assert selected["selected"] is True
    assert selected["schema"] == {
        "selected": True,
        "properties": {
            "id": {"type": "integer", "inclusion": "automatic", "selected": True},
            "name": {"type": "string", "inclusion": "available", "selected": False},
            "blob": {"inclusion": "unsupported", "selected": False},
            "home": {
                "type": "object",
                "selected": True,
                "properties": {"zip": {"type": "string", "selected": True}},
            },
        },
    }


def test_an_older_tap_is_still_known_as_one_after_a_metadata_override() -> None:
    changed, _ = with_metadata(legacy(), {"users": {"replication-method": "FULL_TABLE"}})

    assert select(changed, ["users"]).catalog.stream("users").schema["selected"] is True


def test_narrowing_keeps_the_streams_their_parents_and_what_was_selected() -> None:
    catalog = catalog_of(
        stream("orgs", "name"), stream("teams", "name", "size", parent_tap_stream_id="orgs"), stream("logs")
    )
    selected = select(catalog, ["*.*", "!teams.size"]).catalog

    narrowed = narrow(selected, ["teams"])

    assert narrowed.stream_ids == ("orgs", "teams")
    assert on(narrowed, "teams") == {"id", "name"}


def test_narrowing_turns_a_users_own_catalog_on() -> None:
    narrowed = narrow(users_and_orders(), ["users"])

    assert narrowed.stream("users").metadata[()]["selected"] is True
    assert narrowed.stream("users").metadata["properties", "id"] == {"selected": True}


def test_narrowing_to_an_unknown_stream_is_an_error() -> None:
    with pytest.raises(UnknownStreamError, match="'user'"):
        narrow(users_and_orders(), ["user"])


def test_metadata_is_merged_and_lifted_to_where_older_taps_look() -> None:
    changed, warnings = with_metadata(
        users_and_orders(),
        {
            "*": {"replication-method": "INCREMENTAL", "selected": False},
            "users": {"replication_key": "updated_at", "key-properties": ["email"], "x": 1},
        },
    )

    users, orders = changed.stream("users"), changed.stream("orders")
    assert users.metadata[()] == {
        "table-key-properties": ["email"],
        "replication-method": "INCREMENTAL",
        "replication-key": "updated_at",
        "x": 1,
    }
    assert users.document["replication_method"] == "INCREMENTAL"
    assert users.document["replication_key"] == "updated_at"
    assert users.document["key_properties"] == ["email"]
    assert (users.key_properties, orders.key_properties) == (("email",), ("id",))
    assert warnings == ()


def test_metadata_of_a_property_goes_to_its_breadcrumb() -> None:
    changed, _ = with_metadata(users_and_orders(), {"*.email": {"x": 1}, "users.address.zip": {"y": 2}})

    assert changed.stream("orders").metadata["properties", "email"] == {"x": 1}
    assert changed.stream("users").metadata["properties", "address", "properties", "zip"] == {"y": 2}


def test_metadata_for_nothing_is_a_warning_or_an_error() -> None:
    _, warnings = with_metadata(users_and_orders(), {"tmp_*": {"x": 1}})

    assert warnings == ("The rule 'tmp_*' matches no stream.",)
    with pytest.raises(SelectionError, match="Did you mean 'users'"):
        with_metadata(users_and_orders(), {"user": {"x": 1}})


def test_what_the_user_says_of_a_stream_under_a_key_is_merged_from_rules_for_it_alone() -> None:
    overrides: dict[str, JSONObject] = {
        "*": {"dagster": {"a": 1, "b": 1}},
        "orders": {"dagster": {"a": 9}},
        "users.email": {"dagster": {"a": 8}},
        "user*": {"dagster": "no mapping"},
        "users": {"dagster": {"b": 2}},
    }

    assert users_mapping(overrides, "users", "dagster") == {"a": 1, "b": 2}


def test_schemas_of_properties_are_replaced_and_added() -> None:
    changed, _ = with_schema(legacy(), {"users": {"name": {"type": "number"}, "new": {"type": "boolean"}}})

    properties = cast("dict[str, JSON]", changed.stream("users").schema["properties"])
    assert properties["name"] == {"type": "number", "inclusion": "available"}
    assert properties["new"] == {"type": "boolean"}
    assert properties["id"] == {"type": "integer", "inclusion": "automatic"}


def test_no_operation_changes_the_catalog_it_was_given() -> None:
    catalog = legacy()
    before = copy.deepcopy(catalog.to_json())

    select(catalog, ["users.name"])
    narrow(catalog, ["users"])
    with_metadata(catalog, {"users": {"replication-key": "id"}})
    with_schema(catalog, {"users": {"id": {"type": "string"}}})

    assert catalog.to_json() == before


NAMES = st.sampled_from(["a", "b", "c"])
PARTS = st.one_of(NAMES, st.sampled_from(["*", "?", "[ab]"]))
RULES = st.lists(
    st.builds(
        lambda mark, parts: mark + ".".join(parts),
        st.sampled_from(["", "!"]),
        st.lists(PARTS, min_size=2, max_size=3),
    ),
    max_size=4,
)
LEAVES: st.SearchStrategy[JSON] = st.sampled_from([{"type": "string"}, {"type": "object", "properties": {"a": {}}}])
MEMBERS: st.SearchStrategy[JSON] = st.dictionaries(NAMES, LEAVES, max_size=3)
METADATA: st.SearchStrategy[JSON] = st.lists(
    st.fixed_dictionaries(
        {
            "breadcrumb": st.sampled_from([[], ["properties", "a"], ["properties", "b", "properties", "a"]]),
            "metadata": st.sampled_from([{}, {"inclusion": "automatic"}, {"inclusion": "unsupported"}, {"x": 1}]),
        }
    ),
    max_size=3,
)


def entry(name: str, members: JSON, metadata: JSON, parent: str | None) -> JSON:
    modern: dict[str, JSON] = {} if metadata is None else {"metadata": metadata}
    return {"stream": name, "schema": {"properties": members}, "parent_tap_stream_id": parent, **modern}


ENTRIES = [
    st.builds(entry, st.just(name), MEMBERS, st.one_of(st.none(), METADATA), st.one_of(st.none(), NAMES))
    for name in ("a", "b", "c")
]
CATALOGS = st.builds(lambda *entries: Catalog.parse({"streams": list(entries)}), *ENTRIES)


def selected_or_none(catalog: Catalog, rules: list[str]) -> Selection | None:
    try:
        return select(catalog, rules)
    except SelectionError:
        return None


@given(CATALOGS)
def test_parsing_what_was_written_gives_the_same_catalog(catalog: Catalog) -> None:
    assert Catalog.parse(catalog.to_json()) == catalog


@given(CATALOGS, RULES)
@settings(max_examples=300)
def test_selecting_twice_is_selecting_once(catalog: Catalog, rules: list[str]) -> None:
    once = selected_or_none(catalog, rules)
    twice = selected_or_none(once.catalog, rules) if once else None

    # a rule that names a stream literally has nothing to name once that stream is gone
    if once and twice:
        assert twice.catalog.to_json() == once.catalog.to_json()


@given(CATALOGS, RULES, NAMES)
@settings(max_examples=300)
def test_deselecting_an_object_deselects_what_is_in_it(catalog: Catalog, rules: list[str], name: str) -> None:
    selection = selected_or_none(catalog, [*rules, "*.*", f"!*.{name}"])

    for found in selection.catalog.streams if selection else ():
        for crumb in found.properties:
            if crumb[:2] == ("properties", name) and not is_on(found, crumb[:2]):
                assert not is_on(found, crumb)


@given(CATALOGS, RULES)
@settings(max_examples=300)
def test_every_breadcrumb_of_a_selected_stream_says_whether_it_is_on(catalog: Catalog, rules: list[str]) -> None:
    selection = selected_or_none(catalog, rules)

    for found in selection.catalog.streams if selection else ():
        assert found.metadata[()]["selected"] is True
        assert all(isinstance(found.metadata[crumb]["selected"], bool) for crumb in found.properties)


def is_on(found: Stream, crumb: Breadcrumb) -> bool:
    return found.metadata[crumb]["selected"] is True


def test_a_replication_method_that_singer_does_not_have_is_refused() -> None:
    with pytest.raises(SelectionError, match="'FULLTABLE'") as caught:
        with_metadata(users_and_orders(), {"users": {"replication-method": "FULLTABLE"}})

    assert "'FULL_TABLE'" in caught.value.remedy
