"""A tap is asked at most once what it can do, and its settings make typed values of texts."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from dlt_singer._types import JSON
from dlt_singer.config import load_project
from dlt_singer.errors import ProcessError
from dlt_singer.tap.about import About, about, cast_config

Ask = Callable[..., About]
ABOUT = {
    "name": "tap-x",
    "capabilities": ["catalog", "discover", "state", "about"],
    "settings": {"type": "object", "properties": {"port": {"type": "integer"}}},
}
HELP = "usage: tap-x [-h] [-c CONFIG] [--state STATE] [--properties PROPERTIES] [--discover]"
TAP = """
import json, sys, time
with open("calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + chr(10))
{body}
"""


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Return a function that writes a tap and asks it what it can do."""

    def asked(body: str | None = None, **options: JSON) -> About:
        program = tmp_path / "tap.py"
        if body is not None:
            program.write_text(TAP.format(body=body))
        tap = {"command": [sys.executable, str(program)], **options}
        (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-x": tap}}}))
        project = load_project(tmp_path)
        return about(project.tap("tap-x"), project)

    return asked


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[str]]:
    file = tmp_path / "calls"
    return lambda: file.read_text().splitlines() if file.exists() else []


def test_a_tap_that_knows_about_is_taken_at_its_word(ask: Ask, calls: Callable[[], list[str]]) -> None:
    found = ask(f"print({json.dumps(ABOUT)!r})")

    assert found.capabilities == {"catalog", "discover", "state", "about"}
    assert found.settings == ABOUT["settings"]
    assert calls() == ["--about --format=json"]


@pytest.mark.parametrize(
    "on_about",
    [
        "sys.exit(2)", "print('tap-x 1.0')", "print('[]')", "print('{\"capabilities\": null}')",
        f"print({json.dumps(ABOUT)!r}); sys.exit(1)",
    ],
    ids=["refuses", "prints text", "prints a list", "gives none", "fails after all"],
)  # fmt: skip
def test_a_tap_that_does_not_know_about_is_judged_by_its_help(ask: Ask, on_about: str) -> None:
    found = ask(f"if '--help' in sys.argv: print({HELP!r})\nelse:\n    {on_about}")

    assert found == About(frozenset({"state", "properties", "discover"}))


@pytest.mark.parametrize(
    "body", ["sys.exit(1)", "time.sleep(1000)", "print('hello')"], ids=["fails", "hangs", "does not care"]
)
def test_a_tap_that_cannot_say_is_announced_and_asked_again_the_next_time(
    ask: Ask, calls: Callable[[], list[str]], body: str,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO, "dlt_singer")
    # By its name, as the package has a function of the same name.
    monkeypatch.setattr(sys.modules["dlt_singer.tap.about"], "_ASK_TIMEOUT_S", 2.0)

    first = ask(f"print('no token', file=sys.stderr, flush=True)\n{body}")
    second = ask(f"print({json.dumps(ABOUT)!r})")

    assert first == About(frozenset())
    assert "tap-x says neither with --about nor with --help" in caplog.text
    assert "no token" in caplog.text
    assert "catalog" in second.capabilities
    assert calls()[-1] == "--about --format=json"


def test_a_program_that_is_not_there_is_an_error(ask: Ask) -> None:
    with pytest.raises(ProcessError, match="no-such-tap"):
        ask(command=["no-such-tap"])


def test_the_answer_is_kept_until_the_definition_changes(ask: Ask, calls: Callable[[], list[str]]) -> None:
    first = ask(f"print({json.dumps(ABOUT)!r})")

    again = ask(config={"other": 1})
    assert (again, len(calls())) == (first, 1)

    ask(_version="2")
    assert len(calls()) == 2


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b"{}", b'"x"', b"\xff"], ids=repr)
def test_a_kept_answer_that_cannot_be_read_is_asked_for_again(ask: Ask, tmp_path: Path, kept: bytes) -> None:
    first = ask(f"print({json.dumps(ABOUT)!r})")
    (file,) = tmp_path.glob(".alto/**/tap-x.about.json")

    file.write_bytes(kept)

    assert ask() == first
    assert json.loads(file.read_bytes())["capabilities"] == sorted(first.capabilities)


def test_declared_capabilities_win_and_nothing_is_started(ask: Ask, calls: Callable[[], list[str]]) -> None:
    found = ask("", capabilities=["properties"])

    assert found == About(frozenset({"properties"}))
    assert calls() == []


@pytest.mark.parametrize(
    ("capabilities", "option", "discovers"),
    [
        ({"catalog", "discover"}, "--catalog", True), ({"catalog", "properties"}, "--catalog", True),
        ({"properties"}, "--properties", True), ({"discover"}, None, True), ({"state"}, None, False),
    ],
)  # fmt: skip
def test_capabilities_tell_how_a_catalog_is_got_and_given(
    capabilities: set[str], option: str | None, *, discovers: bool
) -> None:
    found = About(frozenset(capabilities))

    assert (found.catalog_option, found.discovers) == (option, discovers)


def typed(*kinds: str) -> Mapping[str, JSON]:
    return {"type": list(kinds)}


@pytest.mark.parametrize(
    ("value", "setting", "cast"),
    [
        ("5432", {"type": "integer"}, 5432),
        ("5432", typed("integer", "null"), 5432),
        (" 7 ", typed("integer"), 7),
        ("-1.5", typed("number"), -1.5),
        ("3", typed("number"), 3),
        ("True", typed("boolean"), True),
        ("false", typed("boolean", "null"), False),
        ('["a", "B"]', typed("array", "null"), ["a", "B"]),
        ('["TRUE"]', typed("boolean", "array"), ["TRUE"]),
        ('{"a": 1}', typed("object"), {"a": 1}),
        ({"port": "1", "name": "2"}, {"type": "object", "properties": {"port": typed("integer")}},
         {"port": 1, "name": "2"}),
        # what does not fit stays as it is: the tap says best what is wrong with it
        ("1.5", typed("integer"), "1.5"),
        ("007", typed("integer"), "007"),
        ("NaN", typed("number"), "NaN"),
        ("1e999", typed("number"), "1e999"),
        ("yes", typed("boolean"), "yes"),
        ("1", typed("boolean"), "1"),
        ("null", typed("integer", "null"), "null"),
        ("a,b", typed("array"), "a,b"),
        ("", typed("integer"), ""),
        # what may be text is text
        ("123", typed("string", "null"), "123"),
        ("123", typed("integer", "string"), "123"),
        ("123", {}, "123"),
        ("123", None, "123"),
        # and what is typed already is left alone
        (5, typed("string"), 5),
        (None, typed("integer"), None),
        (["1"], typed("array"), ["1"]),
    ],
)  # fmt: skip
def test_texts_become_what_the_settings_ask_for(value: JSON, setting: JSON, cast: JSON) -> None:
    found = cast_config({"key": value, "unknown": "1"}, {"properties": {"key": setting}})

    assert found == {"key": cast, "unknown": "1"}
    assert type(found["key"]) is type(cast)


@pytest.mark.parametrize("settings", [{}, {"properties": None}, {"properties": []}], ids=repr)
def test_without_settings_a_config_stays_as_it_is(settings: Mapping[str, JSON]) -> None:
    assert cast_config({"key": "1"}, settings) == {"key": "1"}
