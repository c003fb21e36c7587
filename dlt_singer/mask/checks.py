"""Whether masks can hold: each matches something, and none hides what a tap or a table needs to see.

In: rules with a catalog, a SCHEMA or a STATE. Out: nothing, or an error that names rule and property. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog import Catalog, Stream
from dlt_singer.catalog.rules import listed
from dlt_singer.errors import SelectionError, did_you_mean
from dlt_singer.mask.rules import Level, MaskRule, level_of, matches, names_technical
from dlt_singer.mask.schema import has_property, property_names

_TABLE_VERSION = "version"
"""What Singer keeps beside bookmarks under this name is a number of its own."""


def check_rules(rules: Sequence[MaskRule], catalog: Catalog, streams: Collection[str]) -> None:
    """Refuse rules that match nothing the tap has, or what must not be masked.

    Args:
        rules: The rules.
        catalog: All that the tap has, with the user's overrides.
        streams: The streams that will be read.

    Raises:
        SelectionError: The first rule that cannot hold.
    """
    for rule in rules:
        if names_technical(rule):
            raise SelectionError(
                f"The mask '{rule.text}' names a property that belongs to Singer, not to the source.",
                "Remove the rule.",
            )
        _check_match(rule, catalog)
    for stream in catalog.streams if rules else ():
        if stream.id in streams:
            check_stream(level_of(rules, [stream.id]), stream.id, stream.key_properties, [stream.replication_key])


def check_schema(rules: Iterable[MaskRule], stream: str, schema: JSONObject) -> None:
    """Refuse rules that name a stream and match nothing of its SCHEMA; for a tap that has no catalog to look into.

    Raises:
        SelectionError: The first such rule.
    """
    for rule in rules:
        if rule.rule.stream == stream and not has_property(schema, rule.path):
            raise _hides_nothing(rule, f"'{stream}'", property_names(schema))


def check_stream(
    level: Level, stream: str, key_properties: Iterable[str], replication_keys: Iterable[str | None]
) -> None:
    """Refuse masks of what a tap resumes by, and masks that make rows of a key the same.

    Args:
        level: What is masked in the stream.
        stream: Its name.
        key_properties: What identifies a row.
        replication_keys: What the tap bookmarks by.

    Raises:
        SelectionError: One of them is masked.
    """
    for name in filter(None, replication_keys):
        if isinstance(level[name], str):
            raise SelectionError(
                f"'{stream}.{name}' is masked, but it is the replication key of '{stream}': its values stand in "
                "the state, and the tap has to read them there.",
                "Remove the mask, or choose another `replication-key` or `replication-method` under `metadata`.",
            )
    for name in key_properties:
        if level[name] in ("null", "redact"):
            raise SelectionError(
                f"'{stream}.{name}' is masked with {level[name]}, but it is a key of '{stream}': all rows would "
                "become one.",
                "Mask it with sha256, which keeps different values different.",
            )


def check_state(state: JSON, level_of_stream: Callable[[str], Level | None]) -> None:
    """Refuse a STATE that holds values of masked properties.

    Args:
        state: What a tap has said, or will be given.
        level_of_stream: What is masked, by stream.

    Raises:
        SelectionError: A bookmark belongs to a masked property, or a partition is told by one.
    """
    for stream, part in _parts(state):
        level = level_of_stream(stream)
        if level is None:
            continue
        bookmarked = (name for name in part if name in level and name != _TABLE_VERSION)
        check_stream(level, stream, (), [str(part.get("replication_key") or ""), *bookmarked])
        for name in _context_names(part):
            if isinstance(level[name], str):
                raise SelectionError(
                    f"'{stream}.{name}' is masked, but the state of '{stream}' is kept for each value of it.",
                    f"Remove the mask of '{stream}.{name}'.",
                )


def _check_match(rule: MaskRule, catalog: Catalog) -> None:
    streams = [stream for stream in catalog.streams if rule.rule.matches_stream(stream.id)]
    if not streams:
        raise SelectionError(
            f"The mask '{rule.text}' matches no stream.",
            did_you_mean(rule.rule.stream, catalog.stream_ids) or f"The tap has: {listed(catalog.stream_ids)}.",
        )
    if any(_has(stream, rule) for stream in streams):
        return
    names = list(dict.fromkeys(name for stream in streams for name in property_names(stream.schema)))
    where = f"'{streams[0].id}'" if len(streams) == 1 else f"the {len(streams)} streams it speaks of"
    raise _hides_nothing(rule, where, names)


def _hides_nothing(rule: MaskRule, where: str, names: Sequence[str]) -> SelectionError:
    return SelectionError(
        f"The mask '{rule.text}' matches no property of {where}, so it would hide nothing.",
        did_you_mean(".".join(rule.path), names) or f"There are: {listed(names)}.",
    )


def _has(stream: Stream, rule: MaskRule) -> bool:
    if has_property(stream.schema, rule.path):
        return True
    # Some taps describe a property in metadata only.
    paths = (path for path in stream.properties.values() if len(path) == len(rule.path))
    return any(all(map(matches, path, rule.path)) for path in paths)


def _parts(state: JSON) -> Iterator[tuple[str, JSONObject]]:
    """Yield what a state says of each stream, under `bookmarks` or under the stream's name."""
    if not isinstance(state, Mapping):
        return
    bookmarks = state.get("bookmarks")
    for parts in (bookmarks if isinstance(bookmarks, Mapping) else {}, state):
        for stream, part in parts.items():
            if isinstance(part, Mapping) and part is not bookmarks:
                yield stream, part


def _context_names(part: JSONObject) -> Iterator[str]:
    partitions = part.get("partitions")
    for partition in partitions if isinstance(partitions, Sequence) else ():
        context = partition.get("context") if isinstance(partition, Mapping) else None
        yield from context if isinstance(context, Mapping) else ()
