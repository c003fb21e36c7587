"""Why `select` takes a stream or property, or leaves it: the rule that decided, or what is so by itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlt_singer.catalog.model import Breadcrumb, Catalog, PropertyPath, Stream
from dlt_singer.catalog.rules import Rule, parse_rule
from dlt_singer.catalog.selection import select


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether a property is read, and why.

    Attributes:
        path: The property's name after those of the objects around it.
        selected: Whether the tap is asked for it.
        because: The rule, or the reason in words.
    """

    path: PropertyPath
    selected: bool
    because: str


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """Whether a stream is read, and why, and the same of its properties."""

    stream: str
    selected: bool
    because: str
    properties: tuple[Choice, ...]


def explain(catalog: Catalog, rules: Sequence[str]) -> tuple[StreamChoice, ...]:
    """Return the choice for every stream of a catalog.

    Args:
        catalog: What the tap has, with `metadata` and `schema` applied.
        rules: Those of `select`.

    Raises:
        SelectionError: As from `select`.

    >>> catalog = Catalog.parse({"streams": [{"stream": "users"}, {"stream": "logs"}]})
    >>> [(choice.stream, choice.selected, choice.because) for choice in explain(catalog, ["!logs"])]
    [('users', True, 'no rule speaks of it'), ('logs', False, "rule '!logs'")]
    """
    selection = select(catalog, rules)
    parsed = [parse_rule(text, catalog.stream_ids) for text in rules]
    deciding = [rule for rule in parsed if rule.effect != "mask"]
    return tuple(
        _stream_choice(
            stream, selection.catalog.by_id.get(stream.id), deciding, chosen=stream.id in selection.streams
        )
        for stream in catalog.streams
    )


def _stream_choice(stream: Stream, marked: Stream | None, rules: Sequence[Rule], *, chosen: bool) -> StreamChoice:
    speaking = [rule for rule in rules if rule.matches_stream(stream.id)]
    if marked is not None and not chosen:
        because = "its child streams need it"
    else:
        because = _rule_of([rule for rule in speaking if (rule.effect == "include") == chosen])
    if marked is None:
        return StreamChoice(stream.id, selected=False, because=because, properties=())
    return StreamChoice(
        stream.id,
        selected=chosen,
        because=because,
        properties=tuple(_choice(marked, crumb, path, speaking) for crumb, path in marked.properties.items()),
    )


def _choice(stream: Stream, crumb: Breadcrumb, path: PropertyPath, rules: Sequence[Rule]) -> Choice:
    on = stream.metadata.get(crumb, {}).get("selected") is True
    last = next((rule for rule in reversed(rules) if rule.matches_property(path)), None)
    included = last.effect == "include" if last else not any(rule.effect == "include" for rule in rules)
    if included == on:
        return Choice(path, on, _rule_of([last] if last else []))
    return Choice(path, on, _by_itself(stream, crumb, path) if on else "the tap does not support it")


def _by_itself(stream: Stream, crumb: Breadcrumb, path: PropertyPath) -> str:
    if path[0] in stream.key_properties:
        return "it is a key"
    if path[0] == stream.replication_key:
        return "it is the replication key"
    heads = (crumb[:length] for length in range(2, len(crumb) + 1, 2))
    if any(stream.inclusion(head) == "automatic" for head in heads):
        return "the tap always sends it"
    return "something inside is selected"


def _rule_of(rules: Sequence[Rule]) -> str:
    return f"rule '{rules[-1].text}'" if rules else "no rule speaks of it"
