"""Help is quick and reads well, and words that make no command are refused in a way that helps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlt_singer.cli import main
from dlt_singer.cli.command import Command
from dlt_singer.cli.grammar import SECTIONS, build_parser
from tests.cli.conftest import Cli

HEAVY = ("dlt", "pex", "singer_sdk", "pyarrow", "fsspec", "msgspec", "uv", "yaml")
SHOW_MODULES = """
import sys
from dlt_singer.cli import main
code = main(sys.argv[1:])
print(",".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""


def all_commands() -> Iterator[tuple[str, ...]]:
    def below(command: Command, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield (*before, command.name)
        for each in command.commands:
            yield from below(each, (*before, command.name))

    for _, commands in SECTIONS:
        for command in commands:
            yield from below(command, ())


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["state", "set", "--help"], []])
def test_help_imports_nothing_that_takes_long(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SHOW_MODULES, *words], capture_output=True, text=True, check=True)

    imported = set(done.stderr.strip().split(","))

    assert imported & {"argparse", "dlt_singer"} == {"argparse", "dlt_singer"}
    assert imported.isdisjoint(HEAVY)


@pytest.mark.parametrize("words", [(), *all_commands()], ids=lambda words: " ".join(words) or "all")
def test_help_of_every_command_is_as_it_was(
    words: tuple[str, ...], cli: Cli, same_screen: Callable[[str, str], None]
) -> None:
    said = cli(*words, "--help")

    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    same_screen("help" + "".join(f"-{word}" for word in words), said.out)


def test_help_can_be_asked_for_as_in_alto(cli: Cli) -> None:
    assert cli("help", "run").out == cli("run", "--help").out


def test_a_group_without_a_command_shows_its_help(cli: Cli) -> None:
    assert cli("state").out == cli("state", "--help").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lst"], "No command 'lst'. Did you mean 'list'?"),
        (["state", "shw", "tap-x"], "No command 'shw'. Did you mean 'show'?"),
        (["run"], "required: tap"),
        (["run", "tap-x", "--jobs", "0"], "at least 1"),
        (["run", "tap-x", "--refresh", "drop_data_"], "Did you mean 'drop_data'?"),
        (["list", "--jsn"], "unrecognized arguments: --jsn"),
    ],
    ids=["command", "command of a group", "missing argument", "bad number", "bad choice", "unknown option"],
)
def test_wrong_words_are_refused_with_a_hint(words: list[str], said: str, cli: Cli) -> None:
    refused = cli(*words)

    assert refused.code == 2
    assert said in refused.err
    assert "--help`" in refused.err
    assert refused.out == ""


def test_general_options_stand_before_or_after_the_command() -> None:
    parser = build_parser()

    before = parser.parse_args(["--env", "live", "--debug", "list"])
    after = parser.parse_args(["list", "--env", "live", "--debug"])

    assert (before.env, before.debug) == (after.env, after.debug) == ("live", True)


def test_the_version_names_dlts_too(cli: Cli) -> None:
    said = cli("--version")

    assert said.code == 0
    assert said.out.startswith("dlt-singer 0.")
    assert "(dlt 1." in said.out


def test_the_module_is_the_same_command_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dlt_singer", "list"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("Error: No project file")


def test_a_reader_that_stops_reading_ends_the_command_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} -m dlt_singer --help | true; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() in ("0", "1")
    assert done.stderr == ""


def test_an_unexpected_error_shows_no_traceback_unless_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("dlt_singer.cli.show.open_project", fail)

    said = cli("list")

    assert said.code == 1
    assert said.err == (
        "Error: RuntimeError: surprise\n  This was not expected; with --debug the traceback is shown.\n"
    )
    with pytest.raises(RuntimeError, match="surprise"):
        main(["list", "--debug"])
