"""The text of a `.env` file to a mapping; touches neither disk nor `os.environ`."""

from __future__ import annotations

import re

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*
    (?: '(?P<single>[^']*)'            # as it stands, over several lines
      | "(?P<double>(?:\\.|[^"\\])*)"  # with escapes, over several lines
      | (?P<bare>[^\r\n]*) )""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"(^|\s)#.*$")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse_dotenv(text: str) -> dict[str, str]:
    r"""Return the variables of a `.env` file.

    Args:
        text: Lines of `KEY=VALUE`, optionally with `export`, quotes and `#` comments. Other lines are skipped.

    Returns:
        The variables; of two with one name the later one.

    Example:
        >>> parse_dotenv("export A='x y'  # why\nB=2")
        {'A': 'x y', 'B': '2'}
    """
    return {match["key"]: _value(match) for match in _LINE.finditer(text)}


def _value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), match["double"])
    return _COMMENT.sub("", match["bare"]).strip()
