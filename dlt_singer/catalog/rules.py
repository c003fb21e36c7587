r"""Select rules and metadata keys: `stream.property.inner` with globs, as patterns over a catalog.

`!` excludes, `~` masks, a bare stream means all of it, `\.` is a dot within a name, and a text that is the very id
of a stream means that stream. A pattern covers what it names and everything inside; a mask covers a value whole,
so for masks `a.*` is not `a`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from dlt_singer.catalog.model import Catalog, PropertyPath
from dlt_singer.errors import SelectionError, did_you_mean

_UNESCAPED_DOT = re.compile(r"(?<!\\)\.")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of `select`.

    Attributes:
        text: The rule as the user wrote it.
        effect: What it does to the properties it matches.
        stream: Pattern of stream ids.
        path: Patterns of property names, outermost first; empty for the whole stream.
    """

    text: str
    effect: Literal["include", "exclude", "mask"]
    stream: str
    path: tuple[str, ...]

    def matches_stream(self, stream_id: str) -> bool:
        """Tell whether the rule speaks of the stream."""
        return stream_id == self.stream or fnmatchcase(stream_id, self.stream)

    def matches_property(self, path: PropertyPath) -> bool:
        """Tell whether the rule speaks of the property, or of an object around it."""
        return len(path) >= len(self.path) and all(map(fnmatchcase, path, self.path))


def parse_rule(text: str, stream_ids: Iterable[str]) -> Rule:
    """Return the rule that `text` spells in a catalog of these streams.

    >>> parse_rule("!users.email", ["users"])
    Rule(text='!users.email', effect='exclude', stream='users', path=('email',))
    """
    effect: Literal["include", "exclude", "mask"] = "include"
    pattern = text.strip()
    if pattern[:1] in ("!", "~"):
        effect = "exclude" if pattern[0] == "!" else "mask"
        pattern = pattern[1:].strip()
    if not pattern:
        raise SelectionError(f"The rule '{text}' names no stream.", "Write it as `stream.property`.")
    if pattern in set(stream_ids):
        return Rule(text, effect, pattern, ())
    stream, *path = (part.replace("\\.", ".") for part in _UNESCAPED_DOT.split(pattern))
    while effect != "mask" and path and path[-1] == "*":
        path.pop()
    return Rule(text, effect, stream, tuple(path))


def unmatched(rule: Rule, catalog: Catalog) -> str:
    """Return a warning if the rule's globs match nothing in the catalog, else an empty string.

    Raises:
        SelectionError: It matches nothing although it names a stream or property literally.
    """
    streams = [stream for stream in catalog.streams if rule.matches_stream(stream.id)]
    if not streams:
        if not _GLOB.search(rule.stream):
            raise SelectionError(
                f"The rule '{rule.text}' names the stream '{rule.stream}', which the tap does not have.",
                did_you_mean(rule.stream, catalog.stream_ids) or f"It has: {listed(catalog.stream_ids)}.",
            )
        return f"The rule '{rule.text}' matches no stream."
    paths = [path for stream in streams for path in stream.properties.values()]
    if not rule.path or not paths or any(rule.matches_property(path) for path in paths):
        return ""
    if any(_GLOB.search(part) for part in (rule.stream, *rule.path)):
        return f"The rule '{rule.text}' matches no property."
    names = [".".join(path) for path in paths]
    raise SelectionError(
        f"The rule '{rule.text}' names the property '{'.'.join(rule.path)}', which '{rule.stream}' does not have.",
        did_you_mean(".".join(rule.path), names) or f"It has: {listed(names)}.",
    )


def listed(names: Sequence[str]) -> str:
    """Return names for an error, as many as a person reads."""
    shown = ", ".join(sorted(names)[:20])
    return f"{shown}, …" if len(names) > 20 else shown  # noqa: PLR2004 - the same twenty
