"""The command line: words in, one call of the library out, and an exit code: 0, 1 (it failed), 2 (asked wrongly).

`dlt-singer`, `python -m dlt_singer` and `dlt singer` are this one `main`. Importing it, and showing help, imports
neither dlt nor anything else that takes long.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from dlt_singer.cli.command import UsageError
from dlt_singer.errors import Terminated

__all__ = ["main"]

_FAILED = 1
_INTERRUPTED = 130
_TERMINATED = 143


def main(argv: Sequence[str] | None = None, *, program: str = "dlt-singer") -> int:  # noqa: PLR0911 - one per way to end
    """Run one command.

    Args:
        argv: The words after the program's name; by default those of this process.
        program: What help calls the program.

    Returns:
        The exit code.

    Example:
        >>> main(["list", "--project-dir", "/nowhere/at/all"])
        2
    """
    _spell_out()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words[: words.index("--")] if "--" in words else "--debug" in words
    try:
        return _dispatch(words, program)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `dlt-singer list | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except KeyboardInterrupt as interrupt:
        return _interrupted(interrupt)
    except UsageError as err:
        print(f"Error: {err}", file=sys.stderr)
        return 2
    except Exception as err:
        if debug:
            raise
        from dlt_singer.cli.failure import explained, interruption_in

        # dlt wraps what ends an extract, whatever it is.
        interruption = interruption_in(err)
        if interruption is not None:
            return _interrupted(interruption)
        text, code = explained(err)
        print(text, file=sys.stderr)
        return code


def _spell_out() -> None:
    """Have our streams escape letters that their encoding lacks: names may have any."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupted(by: KeyboardInterrupt) -> int:
    terminated = isinstance(by, Terminated)
    print("Ended by SIGTERM." if terminated else "Interrupted.", file=sys.stderr)
    return _TERMINATED if terminated else _INTERRUPTED


def _dispatch(words: list[str], program: str) -> int:
    from dlt_singer.cli.alto import translated
    from dlt_singer.cli.grammar import build_parser

    if words[:1] == ["__complete"]:
        from dlt_singer.cli.completion import complete

        print("\n".join(complete(words[1:])))
        return 0
    parser = build_parser(program)
    arguments = parser.parse_args(translated(words))
    if arguments.action is None:
        arguments.parser.print_help()
        return 0 if not words or arguments.parser is not parser else 2
    from dlt_singer.cli.place import enter

    enter(arguments)
    code = arguments.action(arguments)
    return 0 if code is None else int(code)
