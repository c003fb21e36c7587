"""docs/cli.md is what the program says, and every command in the examples of help is one."""

from __future__ import annotations

import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlt_singer.cli.alto import translated
from dlt_singer.cli.command import Command
from dlt_singer.cli.grammar import ROOT, SECTIONS, build_parser
from dlt_singer.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def examples() -> Iterator[str]:
    def of(command: Command) -> Iterator[str]:
        yield from command.examples
        for each in command.commands:
            yield from of(each)

    for command in (ROOT, *(command for _, commands in SECTIONS for command in commands)):
        yield from (line for line in of(command) if line.startswith("dlt-singer"))


def test_the_reference_is_made_from_the_parser(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(reference(), encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == reference(), "python -m dlt_singer.cli.reference > docs/cli.md"


def test_the_reference_is_printed_by_its_module(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(reference.__code__.co_filename)), run_name="__main__")

    assert capsys.readouterr().out == reference()


@pytest.mark.parametrize("line", examples())
def test_examples_are_commands(line: str) -> None:
    parser = build_parser()

    for command in line.partition(" > ")[0].split(" && "):
        assert parser.parse_args(translated(shlex.split(command)[1:])).action is not None
