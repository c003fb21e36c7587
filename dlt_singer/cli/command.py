"""What a command is, and a parser that shows help the same way on every Python.

A module of commands declares `COMMANDS`; the grammar puts them together. argparse reads the words, its own help
differs between versions and lists everything at once.
"""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from dlt_singer.errors import did_you_mean

Parser = argparse.ArgumentParser
_WIDEST = 100
_NARROWEST = 40
_COLUMN = 26


class UsageError(Exception):
    """The words make no command; the text says why and where to look."""


def _no_arguments(_: Parser) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or a group of them.

    Attributes:
        name: The word.
        summary: One line for the list of commands.
        action: What it does; returns an exit code, None for 0. A group has none.
        arguments: Adds what it takes to its parser.
        details: More sentences for its own help.
        examples: Lines to copy.
        commands: The commands of a group.
    """

    name: str
    summary: str
    action: Callable[[argparse.Namespace], int | None] | None = None
    arguments: Callable[[Parser], None] = _no_arguments
    details: str = ""
    examples: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


class HelpfulParser(argparse.ArgumentParser):
    """An argument parser that knows its command.

    Args:
        command: The command it reads the words of.
        sections: Title and commands, for the list at the top level.
        **options: Those of argparse.
    """

    def __init__(
        self, command: Command, *, prog: str, sections: Sequence[tuple[str, Sequence[Command]]] = ()
    ) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False, exit_on_error=True)
        self.command = command
        self.sections = sections

    def error(self, message: str) -> NoReturn:
        """Refuse the words, without the usage that argparse would print before."""
        raise UsageError(f"{message}\n  Try `{self.prog} --help`.")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            hint = did_you_mean(str(value), known) or f"There are: {', '.join(known)}."
            raise argparse.ArgumentError(None, f"No {action.metavar or 'value'} '{value}'. {hint}")

    def format_usage(self) -> str:
        """Return the usage line."""
        positionals = [_usage_of(action) for action in self.positionals_shown()]
        return f"Usage: {' '.join([self.prog, *positionals, '[options]'])}\n"

    def format_help(self) -> str:
        """Return everything there is to say, for the width of the terminal."""
        width = max(min(shutil.get_terminal_size().columns, _WIDEST), _NARROWEST)
        return "\n".join(self._help_lines(width)) + "\n"

    def _help_lines(self, width: int) -> Iterator[str]:
        command = self.command
        yield from textwrap.wrap(self.format_usage().strip(), width, subsequent_indent="    ")
        yield ""
        yield from textwrap.wrap(f"{command.summary.rstrip('.')}.", width)
        if command.details:
            yield from ["", *textwrap.wrap(command.details, width)]
        sections = self.sections or ([("Commands", command.commands)] if command.commands else [])
        column = max((len(each.name) for _, commands in sections for each in commands), default=0)
        for title, commands in sections:
            yield from _block(title, [(f"{each.name:<{column}}", each.summary) for each in commands], width)
        arguments = [(shown(a), a.help or "") for a in self.positionals_shown() if a.help]
        yield from _block("Arguments", arguments, width)
        own = [action for action in self._actions if action.option_strings and action.help != argparse.SUPPRESS]
        general = [action for action in own if getattr(action, "general", False)]
        specific = [action for action in own if action not in general]
        yield from _block("Options", [(shown(action), action.help or "") for action in specific], width)
        if self.sections:
            yield from _block("Options of every command", [(shown(a), a.help or "") for a in general], width)
        else:
            names = ", ".join(action.option_strings[0] for action in general)
            yield from ["", *textwrap.wrap(f"Options of every command: {names}.", width)]
        if command.examples:
            yield from ["", "Examples:", *(f"  {line}" for line in command.examples)]

    def positionals_shown(self) -> list[argparse.Action]:
        """Return what stands in a command line without an option before it."""
        return [a for a in self._actions if not a.option_strings and a.help != argparse.SUPPRESS]


def _usage_of(action: argparse.Action) -> str:
    name = shown(action)
    if action.nargs in ("*", "?"):
        return f"[{name}{'...' if action.nargs == '*' else ''}]"
    return f"{name}..." if action.nargs == "+" else name


def shown(action: argparse.Action) -> str:
    """Return an argument or option as help shows it."""
    if not action.option_strings:
        return f"<{action.metavar or action.dest}>"
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    metavar = str(
        action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest)
    )
    return f"{', '.join(action.option_strings)} {metavar}"


def _block(title: str, entries: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Yield a titled list of two columns; a left one that is too wide gets a line of its own."""
    if not entries:
        return
    column = min(max(len(name) for name, _ in entries), _COLUMN) + 4
    yield from ["", f"{title}:"]
    for name, text in entries:
        wrapped = textwrap.wrap(text, width - column) or [""]
        if len(name) > column - 4:
            yield f"  {name}"
        else:
            yield f"  {name:<{column - 2}}{wrapped.pop(0)}".rstrip()
        yield from (f"{'':{column}}{line}" for line in wrapped)
