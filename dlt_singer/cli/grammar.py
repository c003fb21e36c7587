"""All commands and their parser. A new group of commands is a module with `COMMANDS`, named in `SECTIONS`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from dlt_singer.cli import (
    catalog,
    check,
    clean,
    completion,
    doctor,
    fs,
    plugins,
    project,
    reservoir,
    run,
    show,
    state,
)
from dlt_singer.cli.command import Command, HelpfulParser

SECTIONS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    ("Begin", project.COMMANDS),
    ("Look", show.COMMANDS),
    ("Plugins", (*plugins.COMMANDS, *check.COMMANDS)),
    ("Streams", catalog.COMMANDS),
    ("Load", (*run.COMMANDS, *state.COMMANDS, *reservoir.COMMANDS)),
    ("Keep in order", (*clean.COMMANDS, *fs.COMMANDS, *doctor.COMMANDS, *completion.COMMANDS)),
)
"""Commands by what a person wants; the order is that of the help."""

ROOT = Command(
    "dlt-singer",
    "Any Singer tap, as a native dlt source.",
    examples=(
        "dlt-singer init --yes && dlt-singer run tap-carbon-intensity",
        "dlt-singer add tap-jsonl --set path=people.jsonl",
        "dlt-singer run 'tap-*' -j 4 --destination duckdb",
    ),
)


def build_parser(program: str = "dlt-singer") -> HelpfulParser:
    """Return the parser of the whole command line.

    Args:
        program: What it calls itself.

    Returns:
        A parser whose result has `action`, and `parser`: the one of the command that was named.
    """
    parser = HelpfulParser(ROOT, prog=program, sections=SECTIONS)
    parser.set_defaults(action=None, parser=parser)
    _add_general(parser)
    _version(parser)
    _add_commands(parser, (command for _, commands in SECTIONS for command in commands))
    return parser


def _add_commands(parser: HelpfulParser, commands: Iterable[Command]) -> None:
    chosen = parser.add_subparsers(metavar="command", parser_class=HelpfulParser)
    for command in commands:
        child = chosen.add_parser(command.name, command=command)
        child.set_defaults(action=command.action, parser=child)
        command.arguments(child)
        _add_general(child)
        if command.commands:
            _add_commands(child, command.commands)


def _add_general(parser: argparse.ArgumentParser) -> None:
    """Add what may stand before and after every command; suppressed defaults do not undo what stood before."""
    actions = [
        parser.add_argument(
            "--project-dir", "-r", "--root", metavar="DIR", default=argparse.SUPPRESS,
            help="run as if started in DIR",
        ),
        parser.add_argument(
            "--env", metavar="NAME", default=argparse.SUPPRESS,
            help="environment of alto.yaml; by default that of ALTO_ENV",
        ),
        parser.add_argument(
            "--verbose", "-v", action="store_true", default=argparse.SUPPRESS, help="show what taps log at INFO"
        ),
        parser.add_argument(
            "--quiet", "-q", action="store_true", default=argparse.SUPPRESS, help="no progress, only warnings"
        ),
        parser.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks of errors"
        ),
        parser.add_argument("--help", "-h", action="help", help="show this and end"),
    ]  # fmt: skip
    for action in actions:
        action.general = True  # type: ignore[attr-defined]  # read by the help


class _ShowVersion(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import version

        print(f"dlt-singer {version('dlt-singer')} (dlt {version('dlt')})")
        parser.exit()


def _version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", nargs=0, action=_ShowVersion, help="show the version and end")
