"""`build` and `invoke` where there is nothing to build, nothing built, or nothing to start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Cli


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Path:
    """A project of commands, one of which is not there, and of packages that nobody has built."""
    taps = {
        "tap-here": {"command": [sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(3)"]},
        "tap-away": {"command": ["./nowhere"]},
        "tap-one": {"pip_url": "tap-one"},
        "tap-two": {"pip_url": "tap-two"},
    }
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": taps}}, sort_keys=False))
    return tmp_path


def test_a_push_needs_something_that_may_be_built(cli: Cli) -> None:
    said = cli("build", "--push", "--no-build")

    assert (said.code, "--push uploads what was built" in said.err) == (2, True)


def test_of_several_plugins_each_that_is_not_to_be_had_is_told_beside_those_that_are(cli: Cli) -> None:
    said = cli("build", "--no-build", "--json")

    rows = {row["name"]: row for row in json.loads(said.out)}
    assert said.code == 1
    assert {name: row["ready"] for name, row in rows.items()} == {
        "tap-here": True, "tap-away": True, "tap-one": False, "tap-two": False,
    }  # fmt: skip
    assert "building is not allowed" in rows["tap-two"]["details"]
    assert rows["tap-away"]["details"] == "./nowhere"


def test_an_invoked_command_gets_the_words_and_gives_its_exit_code(project: Path) -> None:
    command = [sys.executable, "-m", "dlt_singer", "invoke", "tap-here", "--", "--debug", "x y"]

    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (3, "['--debug', 'x y']\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tap-away"], "'tap-away' cannot be started: {here}/nowhere: No such file or directory."),
        (["--python", "tap-here"], "'tap-here' is a command of yours; it has no interpreter of ours."),
    ],
    ids=["a command that is not there", "the Python of a command"],
)
def test_what_cannot_be_invoked_is_refused(words: list[str], said: str, cli: Cli, project: Path) -> None:
    refused = cli("invoke", *words)

    assert refused.code == 2
    assert said.format(here=project) in " ".join(refused.err.split())
