"""A tap's state changed by hand: committed by dlt as a load of its own, so that the next run starts from it.

In: a pipeline and the Singer state it shall have of a tap. Nothing is read from the tap, no table is touched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from typing import cast

import dlt
from dlt.common.schema.utils import normalize_schema_name
from dlt.extract.resource import DltResource

from dlt_singer._types import JSON
from dlt_singer.errors import StateError
from dlt_singer.session.slots import Slot, write_rest
from dlt_singer.session.snapshot import BOOKMARKS, has_bookmarks, part_of, rest_of
from dlt_singer.state.live import SLOT, Slots, SourceState

_SOURCES = "sources"
_RESOURCES = "resources"


def change_state(pipeline: dlt.Pipeline, tap: str, value: JSON, streams: Collection[str] = ()) -> tuple[str, ...]:
    """Give a pipeline another state of a tap, and commit it at the destination.

    Args:
        pipeline: The pipeline; one that has never run is made.
        tap: The tap's name.
        value: The whole Singer state, as the tap would print it in a STATE.
        streams: Streams that the tap is known to have; those it has state of already are known anyway.

    Returns:
        The streams that now have a state.

    Raises:
        StateError: The state is no JSON object, belongs to no stream, or loads are pending.
        PipelineStepFailed: The destination refused.

    Example:
        >>> change_state(pipeline, "tap-github", {"bookmarks": {"issues": {"since": "2024"}}})  # doctest: +SKIP
        ('issues',)
    """
    if not isinstance(value, Mapping):
        raise StateError(
            f"A Singer state is a JSON object; this is a {type(value).__name__}.",
            'Write it as the tap does, such as {"bookmarks": {"users": {"updated_at": "2024-01-01"}}}.',
        )
    _refuse_pending(pipeline)
    pipeline.sync_destination()
    slots, source = _slots_of(pipeline.state, tap)
    bookmarks = value.get(BOOKMARKS)
    named = list(bookmarks) if isinstance(bookmarks, Mapping) else []
    known = list(dict.fromkeys([*slots, *streams, *named]))
    parts = {stream: part for stream in known if (part := part_of(value, stream)) is not None}
    # A state without a part for any stream is about all of them; `{"bookmarks": {}}` is about none yet.
    about = [*parts] if parts or has_bookmarks(value) else known
    changed = dict.fromkeys([*slots, *about])
    if not changed:
        raise StateError(
            f"The state names no stream of {tap}, and no stream of it is known.",
            f"Discover its streams first: `dlt-singer catalog {tap}`.",
        )
    resources = {stream: slots.get(stream, stream) for stream in changed}
    rest = rest_of(value, known)
    with _changing(pipeline, source) as state:
        live = Slots(tap, resources, state)
        for stream in changed:
            slot = _forgetful(live.get(stream))
            if stream in parts:
                slot["part"] = parts[stream]
            write_rest(slot, rest, live.shared)
            live.put(stream, slot)
    return tuple(changed)


def clear_state(pipeline: dlt.Pipeline, tap: str, streams: Collection[str] = ()) -> tuple[str, ...]:
    """Forget where a tap is, so that its next run starts from the beginning; tables stay.

    Args:
        pipeline: The pipeline.
        tap: The tap's name.
        streams: Only these; empty means all.

    Returns:
        The streams that had a state.

    Raises:
        StateError: A stream has no state, or loads are pending.
        PipelineStepFailed: The destination refused.
    """
    _refuse_pending(pipeline)
    pipeline.sync_destination()
    slots, source = _slots_of(pipeline.state, tap)
    for stream in streams:
        if stream not in slots:
            known = ", ".join(sorted(slots)) or "none"
            raise StateError(
                f"Pipeline '{pipeline.pipeline_name}' has no state of stream '{stream}' of {tap}.",
                f"Streams with a state: {known}.",
            )
    chosen = tuple(streams) or tuple(sorted(slots))
    if chosen:
        with _changing(pipeline, source) as state:
            resources = cast("MutableMapping[str, MutableMapping[str, object]]", state[_RESOURCES])
            for stream in chosen:
                resources[slots[stream]].pop(SLOT)
            if len(chosen) == len(slots):
                state.pop(SLOT, None)
    return chosen


def adopt_slots(pipeline: dlt.Pipeline, source: str, slots: Mapping[str, Slot]) -> None:
    """Give a pipeline slots that other pipelines have committed, and commit them at its destination.

    Args:
        pipeline: The pipeline.
        source: Its source's name.
        slots: Slots by resource.

    Raises:
        StateError: Loads are pending.
        PipelineStepFailed: The destination refused.
    """
    _refuse_pending(pipeline)
    with _changing(pipeline, source) as state:
        resources = cast("MutableMapping[str, MutableMapping[str, object]]", state.setdefault(_RESOURCES, {}))
        for resource, slot in slots.items():
            resources.setdefault(resource, {})[SLOT] = slot


def with_bookmark(state: JSON, stream: str, bookmark: JSON) -> JSON:
    """Return a state in which a stream has this bookmark, where the state keeps that of streams.

    Example:
        >>> with_bookmark({"bookmarks": {"users": 1, "logs": 2}}, "users", 3)
        {'bookmarks': {'users': 3, 'logs': 2}}
    """
    whole: Mapping[str, JSON] = state if isinstance(state, Mapping) else {}
    part = part_of(whole, stream)
    if part is not None and part["at"] == "top":
        return {**whole, stream: bookmark}
    bookmarks = whole.get(BOOKMARKS)
    return {**whole, BOOKMARKS: {**(bookmarks if isinstance(bookmarks, Mapping) else {}), stream: bookmark}}


def unwrapped(document: JSON) -> JSON:
    """Return the Singer state in a document that other tools keep it in: Meltano's, or a STATE message.

    Example:
        >>> unwrapped({"singer_state": {"bookmarks": {}}})
        {'bookmarks': {}}
    """
    if isinstance(document, Mapping):
        if "singer_state" in document:
            return document["singer_state"]
        if document.get("type") == "STATE" and "value" in document:
            return document["value"]
    return document


def _forgetful(slot: Slot | None) -> Slot:
    """What of a slot holds wherever the tap starts: neither its place nor the rows around that."""
    kept: Slot = {}
    if slot is not None and "version" in slot:
        kept["version"] = slot["version"]
    if slot is not None and "sequence" in slot:
        kept["sequence"] = slot["sequence"]
    return kept


def _slots_of(pipeline_state: Mapping[str, object], tap: str) -> tuple[dict[str, str], str]:
    """Return the resource of each stream that has a slot, and the source they belong to."""
    sources = cast("Mapping[str, Mapping[str, JSON]]", pipeline_state.get(_SOURCES) or {})
    for source, state in sources.items():
        resources = cast("Mapping[str, Mapping[str, JSON]]", state.get(_RESOURCES) or {})
        slots = ((name, cast("Slot | None", resource.get(SLOT))) for name, resource in resources.items())
        found = {slot["stream"]: name for name, slot in slots if slot and slot["tap"] == tap}
        if found:
            return found, source
    return {}, normalize_schema_name(tap)


@contextlib.contextmanager
def _changing(pipeline: dlt.Pipeline, source: str) -> Iterator[SourceState]:
    """Yield a source's state; what was changed in it is loaded when the block ends."""
    if pipeline.default_schema_name is None:
        # dlt keeps states with a schema's load packages, so a pipeline that never ran needs a schema.
        pipeline.run(_without_resources(source))
    with pipeline.managed_state(extract_state=True) as state:
        sources = cast("MutableMapping[str, SourceState]", state.setdefault("sources", {}))
        yield sources.setdefault(source, {})
    pipeline.normalize()
    pipeline.load()


def _without_resources(name: str) -> object:
    @dlt.source(name=name, section="singer")
    def nothing() -> list[DltResource]:
        return []

    return nothing()


def _refuse_pending(pipeline: dlt.Pipeline) -> None:
    if pipeline.has_pending_data:
        raise StateError(
            f"Pipeline '{pipeline.pipeline_name}' has loads pending, which carry a state of their own.",
            "Finish them with a run, or drop them with "
            f"`dlt pipeline {pipeline.pipeline_name} abort-packages`, then change the state.",
        )
