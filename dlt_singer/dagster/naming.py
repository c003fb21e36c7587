"""Names of tables before there are any: dlt's default naming convention, without dlt.

In: a stream's or a property's name. Out: the identifier dlt would make of it. Identifiers too long for a
destination are shortened by dlt alone; a project with another convention gives its own keys with a translator.
"""

from __future__ import annotations

import re

_SPELT_OUT = str.maketrans("+*-@|", "xx_al")
_OTHERS = re.compile(r"[^a-zA-Z\d_]+")
_NEW_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[^_])(?=[A-Z][a-z])")
_UNDERSCORES = re.compile("__+")


def snake_case(name: str) -> str:
    """Return a name as an identifier of dlt's default convention.

    Example:
        >>> snake_case("publicUsers-2024")
        'public_users_2024'
    """
    words = _NEW_WORD.sub("_", _OTHERS.sub("_", name.strip().translate(_SPELT_OUT))).lower()
    words = f"_{words}" if words[:1].isdigit() else words
    kept = words.rstrip("_")
    return _UNDERSCORES.sub("_", kept + "x" * (len(words) - len(kept)))
