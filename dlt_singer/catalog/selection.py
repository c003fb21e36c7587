"""Which streams and properties a tap shall read: `select` rules, and the narrowing to what one run pulls.

A catalog in, a catalog out in which every breadcrumb says whether it is selected, without the streams that are not.
Keys, replication keys and automatic fields are always on, unsupported ones always off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog.model import Breadcrumb, Catalog, PropertyPath, Stream
from dlt_singer.catalog.rules import Rule, parse_rule, unmatched
from dlt_singer.errors import SelectionError


@dataclass(frozen=True)
class Selection:
    """What `select` made of a catalog.

    Attributes:
        catalog: The catalog to hand to the tap.
        streams: Ids of the streams that the rules select.
        required_parents: Ids of streams that no rule selects but the tap must read to get at the others.
        warnings: One sentence for each rule that matches nothing.
    """

    catalog: Catalog
    streams: tuple[str, ...]
    required_parents: tuple[str, ...]
    warnings: tuple[str, ...]


def select(catalog: Catalog, rules: Sequence[str]) -> Selection:
    """Apply select rules in order; the last one that matches a property decides.

    Without any rule that includes something, everything is included first. Masks select nothing and are not looked
    at here.

    Args:
        catalog: What the tap has.
        rules: Lines such as `users`, `users.*`, `!*.email`, `orders.address.zip`.

    Raises:
        SelectionError: A rule names something that is not there, or nothing is selected.

    >>> catalog = Catalog.parse({"streams": [{"stream": "users"}, {"stream": "logs"}]})
    >>> select(catalog, ["!logs"]).streams
    ('users',)
    """
    read = (parse_rule(text, catalog.stream_ids) for text in rules)
    parsed = [rule for rule in read if rule.effect != "mask"]
    warnings = tuple(warning for rule in parsed if (warning := unmatched(rule, catalog)))
    if not any(rule.effect == "include" for rule in parsed):
        parsed = [parse_rule("*.*", ()), *parsed]
    chosen = {stream.id: _chosen(stream, parsed) for stream in catalog.streams}
    streams = tuple(stream_id for stream_id, breadcrumbs in chosen.items() if breadcrumbs is not None)
    if not catalog.streams:
        raise SelectionError(
            "The tap has discovered no stream.",
            "Correct its settings, then `catalog --refresh`.",
        )
    if not streams:
        raise SelectionError(
            f"The rules {', '.join(map(repr, rules)) or '(none)'} select none of {len(chosen)} streams.",
            "Loosen the rules under `select`.",
        )
    parents = catalog.ancestors(streams)
    marked = [
        _marked(stream, chosen[stream.id] or set())
        for stream in catalog.streams
        if chosen[stream.id] is not None or stream.id in parents
    ]
    return Selection(catalog.with_streams(marked), streams, parents, warnings)


def narrow(catalog: Catalog, streams: Collection[str]) -> Catalog:
    """Return the catalog with these streams only, and the ancestors the tap needs for them.

    Their selected properties stay as they are; keys, replication keys and automatic fields are on.

    Raises:
        UnknownStreamError: One of them is not in the catalog.
    """
    for stream_id in streams:
        catalog.stream(stream_id)
    kept = {*streams, *catalog.ancestors(streams)}
    return catalog.with_streams(
        _with_selected(stream, dict.fromkeys(((), *_forced(stream)), True))
        for stream in catalog.streams
        if stream.id in kept
    )


def _chosen(stream: Stream, rules: Sequence[Rule]) -> set[Breadcrumb] | None:
    """Return the breadcrumbs that the rules include, or None if the stream is not selected."""
    speaking = [rule for rule in rules if rule.matches_stream(stream.id)]
    properties = stream.properties
    included = {crumb for crumb, path in properties.items() if _is_included(path, speaking)}
    # A stream without properties is known by what holds for all of them.
    selected = bool(included) if properties else _is_included(("*",), speaking)
    return included if selected else None


def _is_included(path: PropertyPath, rules: Sequence[Rule]) -> bool:
    last = next((rule for rule in reversed(rules) if rule.matches_property(path)), None)
    return last is not None and last.effect == "include"


def _marked(stream: Stream, included: Collection[Breadcrumb]) -> Stream:
    """Return the stream, selected, with `included` on, what must be on too, and all else off."""
    properties = stream.properties
    barred = [path for crumb, path in properties.items() if stream.inclusion(crumb) == "unsupported"]
    on = {properties[crumb] for crumb in (*included, *_forced(stream))}
    on = {path for path in on if not any(path[: len(bar)] == bar for bar in barred)}
    on |= {path[:length] for path in on for length in range(1, len(path))}
    return _with_selected(stream, {(): True, **{crumb: path in on for crumb, path in properties.items()}})


def _forced(stream: Stream) -> list[Breadcrumb]:
    """Return automatic fields, keys and the replication key, with everything inside of them."""
    properties = stream.properties
    heads: set[PropertyPath] = {(key,) for key in stream.key_properties}
    if stream.replication_key:
        heads.add((stream.replication_key,))
    heads |= {path for crumb, path in properties.items() if stream.inclusion(crumb) == "automatic"}
    return [
        crumb
        for crumb, path in properties.items()
        if any(path[:length] in heads for length in range(1, len(path) + 1))
        and stream.inclusion(crumb) != "unsupported"
    ]


def _with_selected(stream: Stream, selected: Mapping[Breadcrumb, bool]) -> Stream:
    legacy = stream.is_legacy
    marked = stream.with_metadata({crumb: {"selected": on} for crumb, on in selected.items()})
    if not legacy:
        return marked
    schema = _schema_with_selected(stream.schema, (), selected)
    return marked.with_document(selected=selected[()], schema=schema)


def _schema_with_selected(schema: JSONObject, at: Breadcrumb, selected: Mapping[Breadcrumb, bool]) -> JSONObject:
    marked: dict[str, JSON] = {**schema, "selected": selected[at]} if at in selected else dict(schema)
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        marked["properties"] = {
            name: _schema_with_selected(inner, (*at, "properties", name), selected)
            if isinstance(inner, Mapping)
            else inner
            for name, inner in properties.items()
        }
    return marked
