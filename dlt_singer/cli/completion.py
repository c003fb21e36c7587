"""`completion`: a few lines for a shell that ask us, with what is typed so far, what may come next.

The answer comes from the same parser that reads commands, and the names of taps from the project file; no plugin,
store or destination is asked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from dlt_singer.cli.command import Command, HelpfulParser, Parser

_BASH = """\
_dlt_singer() {
    local IFS=$'\\n'
    COMPREPLY=($(dlt-singer __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _dlt_singer dlt-singer
"""
_ZSH = """\
#compdef dlt-singer
_dlt_singer() {
    local -a found
    found=("${(@f)$(dlt-singer __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found" ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _dlt_singer dlt-singer
"""
_FISH = """\
function __dlt_singer_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (dlt-singer __complete $words[2..-1] 2>/dev/null)
    if test -n "$found"
        printf '%s\\n' $found
    else
        __fish_complete_path $words[-1]
    end
end
complete -c dlt-singer -f -a '(__dlt_singer_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_OF_TAPS = frozenset({"tap", "taps", "plugin", "plugins"})


def print_script(arguments: argparse.Namespace) -> None:
    """Print the lines that a shell has to run."""
    print(_SCRIPTS[arguments.shell], end="")


def complete(words: Sequence[str]) -> list[str]:
    """Return what the last of some words may become.

    Args:
        words: All words after the program's name; the last is what is being typed, maybe empty.
    """
    from dlt_singer.cli.grammar import build_parser

    *before, typed = words or [""]
    parser = build_parser()
    position = 0
    waiting: argparse.Action | None = None
    for word in before:
        if waiting is not None:
            waiting = None
        elif word.startswith("-"):
            action = parser._option_string_actions.get(word)  # noqa: SLF001 - argparse has no public way
            waiting = action if action is not None and action.nargs != 0 else None
        elif child := commands_of(parser).get(word):
            parser, position = child, 0
        else:
            position += 1
    return sorted(each for each in _candidates(parser, waiting, typed, position) if each.startswith(typed))


def _candidates(parser: HelpfulParser, waiting: argparse.Action | None, typed: str, position: int) -> Iterator[str]:
    if waiting is not None:
        yield from map(str, waiting.choices or ())
    elif typed.startswith("-"):
        for action in parser._actions:  # noqa: SLF001 - as above
            yield from (option for option in action.option_strings if option.startswith("--"))
    elif commands := commands_of(parser):
        yield from commands
    else:
        positionals = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001 - as above
        asked = positionals[min(position, len(positionals) - 1)] if positionals else None
        if asked is not None and asked.choices:
            yield from map(str, asked.choices)
        elif asked is not None and asked.dest in _OF_TAPS:
            yield from _plugins()


def commands_of(parser: HelpfulParser) -> dict[str, HelpfulParser]:
    """Return the parsers of the commands that may stand next."""
    for action in parser._actions:  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            return dict(action.choices)
    return {}


def _plugins() -> Iterator[str]:
    from dlt_singer.config import load_project
    from dlt_singer.errors import SingerError

    try:
        project = load_project()
    except SingerError:
        return
    for plugins in (project.taps, project.targets, project.utilities):
        yield from plugins


def _arguments(parser: Parser) -> None:
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="bash, zsh or fish")


COMMANDS = (
    Command(
        "completion",
        "Lines that make a shell complete commands and taps",
        print_script,
        _arguments,
        examples=(
            'eval "$(dlt-singer completion bash)"   # in ~/.bashrc',
            'eval "$(dlt-singer completion zsh)"    # in ~/.zshrc, after compinit',
            "dlt-singer completion fish > ~/.config/fish/completions/dlt-singer.fish",
        ),
    ),
)
