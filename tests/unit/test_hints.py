"""What dlt is told about a stream: columns, key and disposition, from its SCHEMA alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt_singer._types import JSON, JSONObject
from dlt_singer.errors import SchemaError
from dlt_singer.hints import StreamHints, stream_hints

CASES = Path(__file__).parents[1] / "cases" / "hints"
STEMS = sorted(path.name.removesuffix(".schema.json") for path in CASES.glob("*.schema.json"))


def hints_of(properties: JSONObject, *keys: str, normalize: Callable[[str], str] = str) -> StreamHints:
    schema: JSONObject = {"type": "object", "properties": properties}
    return stream_hints(schema, keys, stream="users", normalize=normalize)


def data_type(schema: JSON) -> str | None:
    return hints_of({"value": schema}).columns["value"].get("data_type")


@pytest.mark.parametrize("stem", STEMS)
def test_a_schema_becomes_these_columns(stem: str) -> None:
    case = json.loads((CASES / f"{stem}.schema.json").read_text())
    golden = CASES / f"{stem}.columns.json"

    hints = stream_hints(
        case["schema"],
        case["key_properties"],
        stream=case["stream"],
        max_table_nesting=case.get("max_table_nesting"),
    )

    outcome = {"columns": hints.columns, "warnings": list(hints.warnings)}
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(json.dumps(outcome, indent=2) + "\n")
    assert outcome == json.loads(golden.read_text())


@pytest.mark.parametrize(
    ("method", "keys", "disposition"),
    [
        pytest.param("FULL_TABLE", ["id"], "replace", id="full table with keys"),
        pytest.param("FULL_TABLE", [], "replace", id="full table without keys"),
        pytest.param("INCREMENTAL", ["id"], "merge", id="incremental with keys"),
        pytest.param("INCREMENTAL", [], "append", id="incremental without keys"),
        pytest.param("LOG_BASED", ["id"], "merge", id="log based with keys"),
        pytest.param("LOG_BASED", [], "append", id="log based without keys"),
        pytest.param(None, ["id"], "merge", id="unknown method with keys"),
        pytest.param(None, [], "append", id="unknown method without keys"),
        pytest.param("full_table", [], "replace", id="lower case"),
    ],
)
def test_method_and_keys_decide_the_disposition(method: str | None, keys: list[str], disposition: str) -> None:
    hints = stream_hints({"properties": {"id": {"type": "integer"}}}, keys, method)

    assert hints.disposition == disposition


def test_only_keys_are_not_null() -> None:
    hints = hints_of({"id": {"type": ["null", "integer"]}, "name": {"type": "string"}}, "id")

    assert {name: column["nullable"] for name, column in hints.columns.items()} == {"id": False, "name": True}


def test_keys_keep_the_order_of_the_tap() -> None:
    hints = hints_of({"a": {"type": "integer"}, "b": {"type": "integer"}}, "b", "a", "b")

    assert hints.primary_key == ("b", "a")


def test_a_key_that_the_schema_does_not_have_is_an_error_that_names_it() -> None:
    with pytest.raises(SchemaError, match=r"Stream 'users' has the key property 'user_idd'.*'user_id'"):
        hints_of({"user_id": {"type": "integer"}}, "user_idd")


def test_a_key_that_is_an_object_is_an_error() -> None:
    with pytest.raises(SchemaError, match="'id', which is an object"):
        hints_of({"id": {"type": "object", "properties": {"a": {"type": "integer"}}}}, "id")


def test_columns_and_keys_carry_the_names_of_the_naming_convention() -> None:
    schema: JSONObject = {
        "userId": {"type": "integer"},
        "Home": {"type": "object", "properties": {"Zip": {"type": "string"}}},
    }

    hints = hints_of(schema, "userId", normalize=str.lower)

    assert list(hints.columns) == ["userid", "home__zip"]
    assert hints.primary_key == ("userid",)
    assert hints.paths == {("userId",): "userid", ("Home", "Zip"): "home__zip"}


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param({"userId": {}, "userid": {}}, id="two properties"),
        pytest.param({"a": {"properties": {"b": {}}}, "A__B": {}}, id="a flattened one and another"),
        pytest.param({"Rows": {"type": "array"}, "rows": {}}, id="a child table and a column"),
    ],
)
def test_two_properties_of_one_column_name_are_an_error_that_names_both(properties: JSONObject) -> None:
    with pytest.raises(SchemaError, match=r"'.*' and '.*' both become the column"):
        hints_of(properties, normalize=str.lower)


def array(items: JSON) -> JSONObject:
    return {"type": ["array", "null"], "items": items}


def object_of(**properties: JSON) -> JSONObject:
    return {"type": "object", "properties": properties}


PRICE: JSON = {"type": "number", "multipleOf": 0.01}


@pytest.mark.parametrize(
    ("schema", "tables"),
    [
        pytest.param(array({"type": "integer"}), {("v",): {"value": "bigint"}}, id="of scalars"),
        pytest.param(
            array(object_of(p=PRICE, a=object_of(z={"type": "string"}))),
            {("v",): {"p": "decimal", "a__z": "text"}},
            id="of objects",
        ),
        pytest.param(
            array(array({"type": "boolean"})), {("v",): {}, ("v", "list"): {"value": "bool"}}, id="of arrays"
        ),
        pytest.param(
            array(object_of(a=object_of(t=array({"type": "integer"})))),
            {("v",): {}, ("v", "a", "t"): {"value": "bigint"}},
            id="in objects in arrays",
        ),
        pytest.param(
            {"anyOf": [array({"type": "integer"}), {"type": "null"}, array({"type": "number"})]},
            {("v",): {"value": "double"}},
            id="of one type or another",
        ),
        pytest.param(
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "number"}]},
            {("v",): {"value": "double"}},
            id="a tuple",
        ),
        pytest.param(array({"$ref": "#/$defs/line"}), {("v",): {"n": "bigint"}}, id="of references"),
        pytest.param(array({}), {("v",): {}}, id="of anything"),
        pytest.param({"type": "array"}, {("v",): {}}, id="of nothing said"),
        pytest.param(array({"type": "object"}), {("v",): {}}, id="of any objects"),
        pytest.param(array({"type": ["object", "string"]}), {("v",): {}}, id="of objects or texts"),
        pytest.param(
            {"anyOf": [array({"type": "integer"}), {"type": "array"}]}, {("v",): {}}, id="of integers or anything"
        ),
        pytest.param(
            array({"$ref": "#/$defs/comment"}),
            {("v",): {"n": "bigint"}, ("v", "replies"): {}},
            id="of themselves",
        ),
    ],
)
def test_an_array_is_a_child_table_in_the_types_of_its_items(
    schema: JSON, tables: dict[tuple[str, ...], dict[str, str]]
) -> None:
    number: JSON = {"type": "integer"}
    comment = object_of(n=number, replies=array({"$ref": "#/$defs/comment"}))
    definitions: JSON = {"line": object_of(n=number), "comment": comment}

    hints = stream_hints({"$defs": definitions, "properties": {"v": schema}}, [])

    found = {path: table.columns for path, table in hints.descendants()}
    assert {path: {n: c["data_type"] for n, c in columns.items()} for path, columns in found.items()} == tables
    assert "v" not in hints.columns
    assert hints.warnings == ()


@pytest.mark.parametrize(
    ("levels", "columns", "tables"),
    [
        (0, {"rows": "json", "o": "json", "grid": "json"}, {}),
        (1, {"o__t": "json"}, {("rows",): {"deep": "json"}, ("grid",): {"list": "json"}}),
        (
            2,
            {},
            {
                ("rows",): {},
                ("rows", "deep"): {"value": "text"},
                ("o", "t"): {"value": "text"},
                ("grid",): {"list": "json"},
            },
        ),
    ],
    ids=["none", "one", "two"],
)
def test_what_nests_deeper_than_allowed_is_a_json_column_of_its_table(
    levels: int, columns: dict[str, str], tables: dict[tuple[str, ...], dict[str, str]]
) -> None:
    texts = array({"type": "string"})
    properties: JSON = {"rows": array(object_of(deep=texts)), "o": object_of(t=texts), "grid": array(texts)}

    hints = stream_hints({"properties": properties}, [], max_table_nesting=levels)

    assert {name: column["data_type"] for name, column in hints.columns.items()} == columns
    found = {path: table.columns for path, table in hints.descendants()}
    assert {path: {n: c["data_type"] for n, c in hinted.items()} for path, hinted in found.items()} == tables


@pytest.mark.parametrize(
    "branch",
    [
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": "integer"}]},
        {"allOf": [{"type": "integer"}, {"minimum": 1}]},
        {"enum": [1, 2]},
        {"const": 1},
        {"type": "integer"},
    ],
    ids=lambda branch: next(iter(branch)),
)
def test_a_branch_of_a_union_says_its_type_in_any_way(branch: JSON) -> None:
    assert data_type({"anyOf": [branch, {"required": ["a"]}, {"type": "null"}]}) == "bigint"


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"anyOf": [{"type": "integer"}], "allOf": [{"anyOf": [{"type": "number"}]}]}, "double"),
        ({"oneOf": [{"type": "integer"}], "allOf": [{"oneOf": [{"type": "number"}]}]}, "double"),
        ({"type": "string", "anyOf": [{"format": "date-time"}, {"type": "null"}]}, "timestamp"),
        ({"anyOf": [{"type": "integer"}, {"type": "string", "format": "singer.decimal"}]}, "decimal"),
        ({"anyOf": [{"type": "string", "format": "time"}, {"type": "string"}]}, "time"),
        ({"type": [{"type": "integer"}, "null", {"type": "number"}]}, "double"),
    ],
    ids=[
        "of anyOf in allOf",
        "of oneOf in allOf",
        "inherited by branches",
        "of decimals",
        "a time if it is one",
        "schemas among the types",
    ],
)
def test_the_branches_of_a_union_are_joined(schema: JSONObject, kind: str) -> None:
    assert data_type(schema) == kind


def test_a_type_for_sql_keeps_the_description() -> None:
    schema: JSONObject = {"type": "number", "x-sql-datatype": "NUMERIC(10,2)", "description": "What was paid."}

    column = hints_of({"value": schema}).columns["value"]

    assert (column["data_type"], column["description"]) == ("decimal", "What was paid.")


@pytest.mark.parametrize(
    ("items", "kind", "columns"),
    [
        ({"type": "integer"}, "values", ["value"]),
        ({"type": "null"}, "objects", []),
        ({"type": ["null", "string"]}, "values", ["value"]),
        ({"type": "array", "items": {"type": "integer"}}, "arrays", []),
        ({"type": "object", "properties": {"n": {}}}, "objects", ["n"]),
        ({}, "objects", []),
    ],
    ids=["values", "nothing but nulls", "values or nulls", "arrays", "objects", "anything"],
)
def test_a_child_table_says_what_its_items_are(items: JSON, kind: str, columns: list[str]) -> None:
    (child,) = hints_of({"v": array(items)}).children.values()

    assert (child.items, [*child.columns]) == (kind, columns)


@pytest.mark.parametrize(
    ("declared", "digits"),
    [
        ({"precision": 10, "scale": 0}, (10, 0)),
        ({"precision": 2, "scale": 2}, (2, 2)),
        ({"precision": 38, "scale": 9}, (38, 9)),
        ({"precision": 0, "scale": 0}, (38, 9)),
        ({"precision": 39, "scale": 9}, (38, 9)),
    ],
    ids=["whole", "no digit before the point", "the most", "none at all", "too many"],
)
def test_a_decimal_has_the_digits_it_declares_if_there_are_such(
    declared: dict[str, JSON], digits: tuple[int, int]
) -> None:
    column = hints_of({"v": {"type": "number", **declared}}).columns["v"]

    assert (column["data_type"], column["precision"], column["scale"]) == ("decimal", *digits)


def test_a_column_of_a_child_table_that_is_widened_warns_with_its_path() -> None:
    hints = hints_of({"lines": array(object_of(v={"type": ["integer", "boolean"]}))})

    assert hints.warnings == (
        "Stream 'users', property 'lines.v': declared as boolean or integer; the column is text.",
    )


def test_two_properties_of_one_column_in_an_array_are_an_error_that_says_the_way_out() -> None:
    with pytest.raises(SchemaError, match=r"'lines.Id' and 'lines.id'.*max_table_nesting"):
        hints_of({"lines": array(object_of(Id={}, id={}))}, normalize=str.lower)


def test_arrays_without_bound_cost_the_columns_of_the_root_nothing() -> None:
    levels = {
        f"l{n}": {"properties": {side: array({"$ref": f"#/$defs/l{n + 1}"}) for side in ("a", "b", "c")}}
        for n in range(22)
    }
    properties: JSON = {"first": array({"$ref": "#/$defs/l0"}), "last": object_of(n={"type": "integer"})}

    hints = stream_hints({"$defs": levels, "properties": properties}, [])

    assert hints.columns == {"last__n": {"name": "last__n", "nullable": True, "data_type": "bigint"}}
    assert len(list(hints.descendants())) < 50_000


def test_a_column_that_is_widened_warns_once() -> None:
    hints = hints_of({"value": {"type": ["string", "integer", "boolean"]}, "plain": {"type": "string"}})

    assert hints.warnings == (
        "Stream 'users', property 'value': declared as boolean or integer or string; the column is text.",
    )


def test_a_schema_of_doubling_references_stays_bounded() -> None:
    levels = {
        f"l{n}": {"properties": {side: {"$ref": f"#/$defs/l{n + 1}"} for side in ("a", "b", "c")}}
        for n in range(22)
    }

    hints = stream_hints({"$defs": levels, "properties": {"root": {"$ref": "#/$defs/l0"}}}, [])

    assert len(hints.columns) < 50_000


TYPES: st.SearchStrategy[JSON] = st.sampled_from(
    ["string", "integer", "number", "boolean", "null", "object", "array", "date", 5, None]
)
WORDS: st.SearchStrategy[str] = st.sampled_from(["a", "b", "id", "A", "", "$ref"])
FORMATS: st.SearchStrategy[JSON] = st.sampled_from(["date-time", "date", "time", "singer.decimal", "uuid", 3])
REFS: st.SearchStrategy[JSON] = st.sampled_from(
    ["#", "#/definitions/a", "#/definitions/b", "#/properties/a", "#/allOf/0", "x", "#/", 1]
)
NUMBERS: st.SearchStrategy[JSON] = st.one_of(st.integers(), st.floats(), st.booleans(), st.just("1"))
DESCRIPTIONS: st.SearchStrategy[JSON] = st.one_of(st.text(max_size=3), st.integers())


def nodes(inner: st.SearchStrategy[JSON]) -> st.SearchStrategy[dict[str, JSON]]:
    objects = st.dictionaries(WORDS, inner, max_size=3)
    lists = st.lists(inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(TYPES, st.lists(TYPES, max_size=3)),
            "properties": st.one_of(objects, lists),
            "definitions": objects,
            "items": inner,
            "anyOf": st.one_of(lists, objects),
            "oneOf": lists,
            "allOf": lists,
            "$ref": REFS,
            "enum": lists,
            "const": inner,
            "format": FORMATS,
            "multipleOf": NUMBERS,
            "maximum": NUMBERS,
            "exclusiveMinimum": NUMBERS,
            "precision": NUMBERS,
            "scale": NUMBERS,
            "description": DESCRIPTIONS,
            "x-sql-datatype": st.sampled_from(["decimal(10,2)", "decimal(99,2)", "decimal(0,0)", "int", "x", 1]),
        },
    )


SCHEMAS: st.SearchStrategy[JSON] = st.recursive(
    st.one_of(st.booleans(), st.none(), st.just({}), st.integers()), nodes, max_leaves=12
)


@given(nodes(SCHEMAS), st.lists(WORDS, max_size=2), st.one_of(st.none(), st.integers(0, 3)))
@settings(max_examples=300, deadline=None)
def test_any_schema_gives_hints_or_a_schema_error(schema: JSONObject, keys: list[str], nesting: int | None) -> None:
    try:
        hints = stream_hints(schema, keys, max_table_nesting=nesting, normalize=str.lower)
    except SchemaError:
        return

    assert set(hints.paths.values()) == set(hints.columns)
    assert all(column["name"] == name for name, column in hints.columns.items())
    for column in hints.columns.values():
        if column.get("data_type") == "decimal":
            assert 0 <= column["scale"] <= column["precision"] <= 38


def reordered(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def reordered_object(value: JSONObject) -> JSONObject:
    return {key: reordered(value[key]) for key in reversed(list(value))}


@given(nodes(SCHEMAS))
@settings(max_examples=200, deadline=None)
def test_the_order_of_keys_in_a_schema_does_not_matter(schema: JSONObject) -> None:
    try:
        hints = stream_hints(schema, [])
    except SchemaError:
        return

    assert stream_hints(reordered_object(schema), []).columns == hints.columns


@pytest.mark.parametrize(
    "types", [["string", "integer", "null"], ["integer", "null", "string"], ["null", "string", "integer"]]
)
def test_the_order_of_types_does_not_matter(types: list[str]) -> None:
    assert data_type({"type": types}) == "text"
