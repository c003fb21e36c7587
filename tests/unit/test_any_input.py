"""What comes from outside is used, or refused with an error of ours: no other exception, and no endless work."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlt_singer._types import JSON
from dlt_singer.catalog import Catalog, narrow, select, with_metadata, with_schema
from dlt_singer.config import load_project
from dlt_singer.config.documents import parse_document
from dlt_singer.errors import CatalogError, ConfigError, SingerError
from dlt_singer.session.snapshot import assemble, part_of, rest_of
from dlt_singer.state.change import unwrapped, with_bookmark

DEPTH = 20_000
WORDS = st.sampled_from([
    "default", "taps", "tap-x", "pip_url", "command", "config", "select", "metadata", "schema", "mask", "on_error",
    "reservoir", "inherit_from", "streams", "tap_stream_id", "stream", "properties", "type", "breadcrumb",
    "selected", "inclusion", "table-key-properties", "bookmarks", "currently_syncing", "singer_state", "completed",
    "$ref", "users", "*", "!users.*",
]) | st.text(max_size=4)  # fmt: skip
VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
STREAM = st.fixed_dictionaries(
    {"tap_stream_id": VALUES, "schema": VALUES},
    optional={"stream": VALUES, "metadata": VALUES, "key_properties": VALUES},
)
NINE = [f"b{each}: &b{each} [{', '.join([f'*b{each - 1}'] * 9)}]" for each in range(1, 10)]
BOMB = "\n".join(["b0: &b0 [1]", *NINE])
FORMS = ["alto.yaml", "alto.toml", "alto.json"]
fuzzed = settings(max_examples=60, deadline=None)


@fuzzed
@given(
    VALUES | st.fixed_dictionaries({"streams": st.lists(STREAM, max_size=3) | VALUES}), st.lists(WORDS, max_size=3)
)
def test_any_catalog_is_read_and_selected_from_or_refused(document: JSON, rules: list[str]) -> None:
    with contextlib.suppress(ValueError, CatalogError):
        catalog = Catalog.parse(document)
        typed, _ = with_schema(catalog, {"*": {"id": {"type": "string"}}})
        found, _ = with_metadata(typed, {"users": {"selected": True}, "*.id": {"inclusion": "automatic"}})
        selection = select(found, rules or ["*.*"])
        json.dumps(narrow(selection.catalog, selection.streams).to_json())


@fuzzed
@given(st.text() | VALUES.map(str) | VALUES.map(yaml.safe_dump), st.sampled_from(FORMS))
@example("[" * DEPTH, "alto.yaml")
@example("[" * DEPTH, "alto.json")
@example("a = " + "[" * DEPTH, "alto.toml")
@example("a: " * 5_000, "alto.yaml")
@example("{a: " * DEPTH, "alto.yaml")
@example("a: !!python/object/apply:os.system ['touch owned']", "alto.yaml")
@example("a: &a [*a]", "alto.yaml")
@example("a: &a {b: *a}", "alto.yaml")
@example(BOMB, "alto.yaml")
@example("a: " + "9" * 10_000, "alto.yaml")
@example('{"a": ' + "9" * 10_000 + "}", "alto.json")
@example("a: 2024-99-99\nb: !!timestamp 2024-99-99", "alto.yaml")
@example("? {a: 1}\n: 2", "alto.yaml")
@example("a: !!binary '?'", "alto.yaml")
@example("a: !!float x", "alto.yaml")
@example("a: !!int x", "alto.yaml")
@example("\x00", "alto.yaml")
def test_any_text_is_a_document_or_a_config_error(text: str, name: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_document(text, Path(name))


@fuzzed
@given(definition=VALUES, section=VALUES)
def test_any_settings_make_a_tap_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, definition: JSON, section: JSON
) -> None:
    directory = tmp_path_factory.mktemp("project")
    default = {**section, "taps": {"tap-x": definition}} if isinstance(section, dict) else section
    (directory / "alto.json").write_text(json.dumps({"default": default}), encoding="utf-8")

    with contextlib.suppress(ConfigError):
        project = load_project(directory, environ={})
        project.public_settings()
        plugin = project.tap("tap-x")
        _ = (
            plugin.requirements,
            plugin.argv,
            plugin.resolved_config(),
            plugin.secret_values(),
            project.secret_values(),
        )


@fuzzed
@given(VALUES, st.sampled_from(["users", "bookmarks", "currently_syncing"]), VALUES)
def test_any_state_is_taken_apart_and_changed_or_refused(document: JSON, stream: str, bookmark: JSON) -> None:
    with contextlib.suppress(SingerError):
        state = unwrapped(document)
        part = part_of(state, stream)
        assemble(rest_of(state, {stream}), {stream: part} if part else {})
        with_bookmark(state, stream, bookmark)
