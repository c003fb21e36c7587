"""`dlt-singer state`: a following run starts from what was set, restored, imported or cleared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dlt_singer._types import JSON
from dlt_singer.cli.bookmarks import streams_in
from dlt_singer.testing import FakeTap
from tests.cli.conftest import Cli

Screen = Callable[[str, str], None]
AFTER_A_RUN = {"bookmarks": {"users": {"value": "2024-01-05"}, "logs": {"value": None}}}


@pytest.fixture
def loaded(tap: FakeTap, cli: Cli) -> FakeTap:
    """The tap after a first run."""
    assert cli("run", tap.name).code == 0
    return tap


def next_start(tap: FakeTap, cli: Cli) -> object:
    """Run the tap again and return the state it was given."""
    assert cli("run", tap.name).code == 0
    return tap.syncs[-1].get("state")


def test_the_state_is_shown_and_exported(loaded: FakeTap, cli: Cli, same_screen: Screen, tmp_path: Path) -> None:
    same_screen("state-show", cli("state", "show", loaded.name).screen)
    cli("state", "export", loaded.name, "-o", "state.json")

    assert json.loads(cli("state", "show", loaded.name, "--json").out) == AFTER_A_RUN
    assert json.loads(cli("state", "export", loaded.name).out) == AFTER_A_RUN
    assert json.loads((tmp_path / "state.json").read_text()) == AFTER_A_RUN


def test_a_bookmark_that_is_set_is_where_the_next_run_starts(
    loaded: FakeTap, cli: Cli, same_screen: Screen
) -> None:
    said = cli("state", "set", loaded.name, '{"value": "2024-01-03"}', "--stream", "users")

    same_screen("state-set", said.screen)
    assert next_start(loaded, cli) == {"bookmarks": {"users": {"value": "2024-01-03"}, "logs": {"value": None}}}


def test_a_state_is_read_from_stdin(loaded: FakeTap, cli: Cli) -> None:
    cli("state", "set", loaded.name, "-", stdin='{"bookmarks": {"users": {"value": "2024-01-02"}}}')

    assert next_start(loaded, cli) == {"bookmarks": {"users": {"value": "2024-01-02"}}}


def test_a_state_is_restored_from_the_history(loaded: FakeTap, cli: Cli, same_screen: Screen) -> None:
    cli("state", "set", loaded.name, '{"value": "2024-01-01"}', "--stream", "users")

    history = cli("state", "history", loaded.name)
    before = json.loads(cli("state", "restore", loaded.name, "--json").out)
    names = [each["name"] for each in json.loads(cli("state", "history", loaded.name, "--json").out)]
    cli("state", "restore", loaded.name, names[1])
    cli("state", "restore", loaded.name, names[-1])

    same_screen("state-history", history.screen)
    assert before == AFTER_A_RUN
    assert "none is '1999'" in cli("state", "restore", loaded.name, "1999").err
    assert next_start(loaded, cli) == AFTER_A_RUN


def test_a_state_of_meltanos_is_imported_before_the_first_run(tap: FakeTap, cli: Cli, tmp_path: Path) -> None:
    state = {"bookmarks": {"users": {"value": "2024-01-04"}}}
    (tmp_path / "state.json").write_text(json.dumps({"singer_state": state}))

    said = cli("state", "import", tap.name, "state.json")

    assert said.code == 0
    assert next_start(tap, cli) == state


def test_a_cleared_stream_starts_from_the_beginning(loaded: FakeTap, cli: Cli, same_screen: Screen) -> None:
    same_screen("state-clear", cli("state", "clear", loaded.name, "--stream", "users").screen)

    assert next_start(loaded, cli) == {"bookmarks": {"logs": {"value": None}}}


def test_clean_state_forgets_all_and_keeps_the_history(loaded: FakeTap, cli: Cli) -> None:
    cli("clean", "state", loaded.name)

    assert len(json.loads(cli("state", "history", loaded.name, "--json").out)) == 1
    assert next_start(loaded, cli) is None


def test_alto_cleans_the_state_of_a_tap_and_a_destination(loaded: FakeTap, cli: Cli) -> None:
    said = cli("clean", f"{loaded.name}:duckdb")

    assert said.code == 0
    assert next_start(loaded, cli) is None


def test_a_state_is_edited(loaded: FakeTap, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "editor").write_text("#!/bin/sh\nsed -i s/2024-01-05/2024-01-02/ $1\n")
    (tmp_path / "editor").chmod(0o755)
    monkeypatch.setenv("EDITOR", str(tmp_path / "editor"))
    monkeypatch.delenv("VISUAL", raising=False)

    edited = cli("state", "edit", loaded.name)
    unchanged = cli("state", "edit", loaded.name)

    assert (edited.code, unchanged.err) == (0, "Nothing was changed.\n")
    assert next_start(loaded, cli) == {"bookmarks": {"users": {"value": "2024-01-02"}, "logs": {"value": None}}}


@pytest.mark.parametrize(
    ("state", "streams"),
    [
        ({"bookmarks": {"users": 1, "logs": None}, "cursor": {}}, ["logs", "users"]),
        ({"users": {"since": 1}, "logs": {}, "cursor": 7}, ["logs", "users"]),
        (None, []),
        ("2024-01-01", []),
    ],
    ids=["bookmarks", "streams at the top", "none", "a plain value"],
)
def test_the_streams_of_a_state_are_told_by_its_shape(state: JSON, streams: list[str]) -> None:
    assert streams_in(state) == streams


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "tap-fake", "{"], "There is no JSON in the value"),
        (["set", "tap-fake", "[]"], "A Singer state is a JSON object"),
        (["import", "tap-fake", "nothing.json"], "'nothing.json' cannot be read"),
        (["clear", "tap-fake", "--stream", "x"], "has no state of stream 'x'"),
        (["restore", "tap-fake"], "Of the 0 copies"),
        (["edit", "tap-fake"], "no terminal"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_what_is_no_state_is_refused(
    words: list[str], said: str, tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)

    refused = cli("state", *words)

    assert refused.code == 2
    assert said in refused.err
