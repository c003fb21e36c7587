"""The reference of the command line as Markdown, from the parser itself: `python -m dlt_singer.cli.reference`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from dlt_singer.cli.command import Command, HelpfulParser, shown
from dlt_singer.cli.completion import commands_of
from dlt_singer.cli.grammar import SECTIONS, build_parser

_INTRODUCTION = """\
# The command line

`dlt-singer`, `python -m dlt_singer` and `dlt singer` are the same. Run it anywhere in a project: the project file
is found from the working directory upwards. `dlt-singer <command> --help` says what stands here.

| exit code | meaning |
|---|---|
| 0 | it worked |
| 1 | it was tried and failed: a run (nothing of it was committed), a build, a check |
| 2 | it was asked for wrongly: usage, configuration, names that are not there |

What failed, and what to do about it, is said on stderr; with `--debug` there is a traceback, too. With `--json`,
stdout holds one JSON document and nothing else. Nothing asks a question unless stdin and stdout are a terminal.

alto's spellings are understood; [from-alto.md](from-alto.md) lists them.

This page is made from the program by `python -m dlt_singer.cli.reference > docs/cli.md`.
"""


def reference() -> str:
    """Return the whole page."""
    parser = build_parser()
    lines = [_INTRODUCTION, "## Options of every command", "", *_options(parser, general=True), ""]
    children = commands_of(parser)
    for title, commands in SECTIONS:
        lines += [f"## {title}", ""]
        for command in commands:
            lines += _described(command, children[command.name], "###")
    return "\n".join(lines).rstrip() + "\n"


def _described(command: Command, parser: HelpfulParser, heading: str) -> Iterator[str]:
    yield f"{heading} {parser.prog.partition(' ')[2]}"
    yield ""
    yield f"{command.summary}. {command.details}".strip()
    yield ""
    if not command.commands:
        yield from ("```shell", parser.format_usage().removeprefix("Usage: ").rstrip(), "```", "")
    rows = list(_arguments(parser)) + list(_options(parser, general=False))
    if rows:
        yield from (*rows, "")
    if command.examples:
        yield from ("```shell", *command.examples, "```", "")
    children = commands_of(parser)
    for each in command.commands:
        yield from _described(each, children[each.name], f"{heading}#")


def _arguments(parser: HelpfulParser) -> Iterator[str]:
    yield from (_item(action) for action in parser.positionals_shown() if action.help)


def _options(parser: HelpfulParser, *, general: bool) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way
        if action.option_strings and getattr(action, "general", False) == general:
            yield _item(action)


def _item(action: argparse.Action) -> str:
    return f"- `{shown(action)}`: {action.help}"


if __name__ == "__main__":
    sys.stdout.write(reference())
