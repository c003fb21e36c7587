"""Which properties are masked, and how: rules as written, and the same as a tree to walk beside data.

In: `~` rules of `select` and the mapping `mask`. Out: `MaskRule`s, and for one stream a `Level`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from dlt_singer.catalog.model import PropertyPath
from dlt_singer.catalog.rules import Rule, parse_rule

Effect: TypeAlias = Literal["sha256", "null", "redact"]
"""A salted digest; nothing; a constant text."""
EFFECTS: tuple[Effect, ...] = ("sha256", "null", "redact")
_GLOB = re.compile(r"[*?\[]")
_TECHNICAL = "_sdc_"
_REMEMBERED_NAMES = 10_000
"""Objects whose keys are data have no end of names."""


@dataclass(frozen=True, slots=True)
class MaskRule:
    """One rule.

    Attributes:
        text: The rule as the user wrote it.
        rule: What it matches.
        effect: What becomes of the values.
    """

    text: str
    rule: Rule
    effect: Effect

    @property
    def path(self) -> PropertyPath:
        """Patterns of property names, outermost first; a bare stream means all its properties."""
        return self.rule.path or ("*",)


def mask_rules(
    select: Iterable[str], mask: Mapping[str, Effect], stream_ids: Iterable[str] = ()
) -> tuple[MaskRule, ...]:
    """Return the rules in order; of those that match a property, the last one decides.

    Args:
        select: Rules of `select`; those that begin with `~` mean `sha256`.
        mask: Effects by `stream.property`, with globs.
        stream_ids: The streams of the catalog.

    Raises:
        SelectionError: A rule names no stream.

    >>> [(each.rule.stream, each.path, each.effect) for each in mask_rules(["~users.email"], {"*.phone": "null"})]
    [('users', ('email',), 'sha256'), ('*', ('phone',), 'null')]
    """
    ids = tuple(stream_ids)
    tildes = [text for text in select if text.lstrip().startswith("~")]
    selected = [MaskRule(text, parse_rule(text, ids), "sha256") for text in tildes]
    return (*selected, *(MaskRule(text, parse_rule(f"~{text}", ids), effect) for text, effect in mask.items()))


class Level(dict[str, "Effect | Level | None"]):
    """What is done to the members of an object, by name: masked, looked into, or left alone.

    Filled in as names come, since data may hold names that no schema has.

    Args:
        rules: Patterns of names from here on, with their effects.
        is_root: Whether these are the properties of a stream, some of which are technical.

    Attributes:
        literal: The names that matter, if the rules have no globs here; else empty.
        untouched: Names that are known to be left alone.

    >>> level = Level([(("address", "street"), "sha256"), (("*",), "null")])
    >>> level["address"], level["id"]
    ('null', 'null')
    """

    __slots__ = ("_is_root", "literal", "rules", "untouched")

    def __init__(self, rules: Sequence[tuple[PropertyPath, Effect]], *, is_root: bool = False) -> None:
        super().__init__()
        self.rules = rules
        heads = {path[0] for path, _ in rules}
        self.literal: frozenset[str] = frozenset() if any(map(_GLOB.search, heads)) else frozenset(heads)
        self.untouched: set[str] = set()
        self._is_root = is_root

    def __missing__(self, name: str) -> Effect | Level | None:
        action = None if self._is_root and name.startswith(_TECHNICAL) else self._action(name)
        if len(self) + len(self.untouched) > _REMEMBERED_NAMES:
            self.untouched.clear()
            self.clear()
        if action is None:
            self.untouched.add(name)
        else:
            self[name] = action
        return action

    @property
    def effect(self) -> Effect:
        """The last effect of those that lie deeper."""
        return self.rules[-1][1]

    def _action(self, name: str) -> Effect | Level | None:
        speaking = [(path, effect) for path, effect in self.rules if matches(name, path[0])]
        whole = [effect for path, effect in speaking if len(path) == 1]
        # What is masked whole is masked with all that is in it.
        if whole or not speaking:
            return whole[-1] if whole else None
        return Level([(path[1:], effect) for path, effect in speaking])


def level_of(rules: Iterable[MaskRule], names: Iterable[str]) -> Level:
    """Return what is masked in a stream.

    Args:
        rules: The rules of its tap.
        names: What the stream is called: its id, and its name in messages if that is another.
    """
    known = tuple(names)
    return Level(
        [(rule.path, rule.effect) for rule in rules if any(map(rule.rule.matches_stream, known))], is_root=True
    )


def matches(name: str, pattern: str) -> bool:
    """Tell whether a pattern means a property's name."""
    return name == pattern or fnmatchcase(name, pattern)


def names_technical(rule: MaskRule) -> bool:
    """Tell whether a rule names a technical property of Singer's outright."""
    return rule.path[0].startswith(_TECHNICAL) and not _GLOB.search(rule.path[0])
