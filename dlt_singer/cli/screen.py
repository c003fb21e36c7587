"""What a command shows: a JSON document on request, else plain, aligned text that fits 80 columns.

Tables put what is too long on lines of its own rather than cutting it off: an output may be read by a script.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence

from dlt_singer._types import JSON

MARKS = {"ok": "ok", "warning": "warn", "fault": "FAULT"}
"""How levels of findings are shown."""
_GAP = "  "
_NARROWEST = 20


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json` to a command that shows something."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def show(arguments: argparse.Namespace, document: JSON, text: str) -> None:
    """Print one or the other."""
    print(as_json(document) if arguments.json else text.rstrip("\n"))


def as_json(document: JSON) -> str:
    """Return a document to be printed: letters as they are, if stdout can have them."""
    has_letters = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return json.dumps(document, indent=2, ensure_ascii=not has_letters, default=str)


def width() -> int:
    """Return how wide lines may be: the terminal, 80 without one."""
    return max(shutil.get_terminal_size((80, 24)).columns, 40)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows under headers; the last column is wrapped, numbers are aligned to the right.

    Example:
        >>> print(table(["name", "rows"], [["users", 5], ["logs", 1200]]))
        name    rows
        users      5
        logs   1,200
    """
    cells = [[_cell(value) for value in row] for row in rows]
    right = [bool(rows) and all(isinstance(row[at], int) for row in rows) for at in range(len(headers))]
    widths = [max(len(text) for text in column) for column in zip(headers, *cells, strict=True)]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    widths[-1] = min(widths[-1], max(width() - before, _NARROWEST))
    lines = [_line(headers, widths, right)]
    for row in cells:
        last, *others = _broken(row[-1], widths[-1]) or [""]
        lines.append(_line([*row[:-1], last], widths, right))
        lines += [f"{'':{before}}{other}" for other in others]
    return "\n".join(lines)


def pairs(values: Mapping[str, object]) -> str:
    """Return names and values in two columns.

    Example:
        >>> print(pairs({"tap": "tap-x", "streams": 3}))
        tap      tap-x
        streams  3
    """
    column = max((len(name) for name in values), default=0) + len(_GAP)
    lines: list[str] = []
    for name, value in values.items():
        text = _cell(value)
        first, *others = _broken(text, max(width() - column, _NARROWEST)) or [""]
        lines.append(f"{name:<{column}}{first}".rstrip())
        lines += [f"{'':{column}}{other}" for other in others]
    return "\n".join(lines)


def wrapped(line: str) -> list[str]:
    """Return a line in lines that fit; somebody else's, behind a bar, is left as it is."""
    if line.lstrip().startswith("|"):
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) or len(_GAP))
    wrapper = textwrap.TextWrapper(
        width(), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.wrap(line) or [""]


def is_asking_allowed() -> bool:
    """Return whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def agreed(question: str) -> bool:
    """Ask whoever is there; anything but yes means no."""
    return input(f"{question} [y/N] ").lower() in ("y", "yes")


def say(line: str = "") -> None:
    """Print a line for whoever watches; what scripts read goes to stdout by `show`."""
    print(line, file=sys.stderr)


def _broken(text: str, columns: int) -> list[str]:
    """Return a text in lines; names and paths stay whole."""
    return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (f"{text:>{w}}" if r else f"{text:<{w}}" for text, w, r in zip(cells, widths, right, strict=True))
    return _GAP.join(padded).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
