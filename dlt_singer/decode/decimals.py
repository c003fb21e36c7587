"""Which decimals Arrow reads as rows do: found in the JSON text, since nothing of it is left to see behind Arrow.

Arrow takes more for a decimal than JSON does, overflows in silence where it scales up, and makes a zero of what is
too small; so a decimal must be of a form and a length that leave no room for that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from dlt_singer.decode.not_exact import NotExact

MAX_DIGITS: Final = 38
_PLAIN_NAME: Final = re.compile(r"[\w $@:.,+*=()\[\]#!?%;|{}~^`-]*", re.ASCII)
_ESCAPED_NAME: Final = re.compile(rb"\\u00(?!3[cCeE]|26|7[fF])[2-7]")
"""Finds escapes that could spell a plain name; DEL, `<`, `>` and `&` are in none, and so written in many texts."""


class Decimals:
    """The decimals of a stream; falsy without any.

    Args:
        kinds: The innermost names of their properties, and their types.
    """

    def __init__(self, kinds: Sequence[tuple[str, pa.Decimal128Type]]) -> None:
        unsafe = (rb'"%s"\s*:(?!\s*%s)' % (_spelled(name), _safe(kind)) for name, kind in kinds)
        self._unsafe = re.compile(b"|".join(unsafe)) if kinds else None

    def __bool__(self) -> bool:
        return self._unsafe is not None

    def check(self, text: bytes) -> None:
        """Look at all that stands behind the names.

        Raises:
            NotExact: There may be another number, or none.
        """
        if self._unsafe is not None and (_ESCAPED_NAME.search(text) or self._unsafe.search(text)):
            raise NotExact("a decimal is too long, has an exponent, or is none")


def _safe(kind: pa.Decimal128Type) -> bytes:
    """Return a pattern of numbers, in quotes or not, without an exponent and with no more digits than fit."""
    whole = kind.precision - kind.scale
    digits = rf"(?:0|[1-9][0-9]{{0,{whole - 1}}})" if whole else "0"
    number = rf"-?{digits}(?:\.[0-9]{{1,{MAX_DIGITS - 1}}})?"
    return rf'(?:"{number}"|{number}(?=[\s,}}])|null)'.encode()


def _spelled(name: str) -> bytes:
    """Return a pattern of all ways to write a name."""
    if _PLAIN_NAME.fullmatch(name):
        return re.escape(name.encode())
    ways = (
        {re.escape(json.dumps(c, ensure_ascii=False)[1:-1]), re.escape(json.dumps(c)[1:-1]), rf"\\u{ord(c):04x}"}
        for c in name
    )
    return "".join(f"(?i:{'|'.join(sorted(each))}|\\\\/)" for each in ways).encode()
