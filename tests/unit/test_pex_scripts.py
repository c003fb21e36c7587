"""The plugin's command is the one that was asked for, or the only tap there is."""

from __future__ import annotations

import pytest

from dlt_singer.errors import PluginBuildError
from dlt_singer.pex.scripts import choose_script


def test_the_command_named_like_the_plugin_is_taken_silently() -> None:
    script = choose_script("tap-x", None, ["normalizer", "tap-x", "tap-y"])

    assert (script.name, script.note) == ("tap-x", "")


def test_what_the_user_named_wins() -> None:
    assert choose_script("tap-x", "tap-y", ["tap-x", "tap-y"]).name == "tap-y"


def test_the_only_tap_there_is_taken_and_said() -> None:
    script = choose_script("github", None, ["normalizer", "tap-github"])

    assert script.name == "tap-github"
    assert "tap-github" in script.note


def test_a_vendor_before_the_tap_is_not_worth_a_word() -> None:
    script = choose_script("pipelinewise-tap-mysql", None, ["jsonschema", "tap-mysql"])

    assert (script.name, script.note) == ("tap-mysql", "")


@pytest.mark.parametrize(
    ("executable", "installed"),
    [
        pytest.param("tap-y", ["tap-x"], id="the user named another"),
        pytest.param(None, ["tap-a", "tap-b"], id="there are two"),
        pytest.param(None, [], id="there is none"),
    ],
)
def test_otherwise_the_error_lists_the_commands_that_are_there(
    executable: str | None, installed: list[str]
) -> None:
    with pytest.raises(PluginBuildError) as caught:
        choose_script("tap-q", executable, installed)

    assert ", ".join(installed) in caught.value.reason


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(PluginBuildError, match="Did you mean 'tap-github'"):
        choose_script("gh", "tap-githb", ["tap-github", "idna"])
