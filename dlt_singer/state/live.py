"""Singer state inside dlt state: a slot per stream, committed by dlt together with the rows it speaks of.

Slots live in `resource_state(<resource>)["singer"]`, large global parts in `source_state()["singer"]`, so that
every way dlt has to reset a stream resets its bookmark too. Has each committed state copied to the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, TypeAlias, cast

import dlt

from dlt_singer._types import JSON
from dlt_singer.errors import StorageError
from dlt_singer.session.slots import Globals, Slot, group_streams
from dlt_singer.state.copies import keep_copy, target_of
from dlt_singer.tap import Tap, warn

if TYPE_CHECKING:
    from dlt.common.pipeline import SupportsPipeline, TPipelineState

SLOT = "singer"
SourceState: TypeAlias = MutableMapping[str, JSON]
_OF_A_RUN = ("run", "lineage")


class Slots:
    """The slots of one extract's streams, in dlt's live state.

    Args:
        tap: The tap's name.
        resources: Resource name by stream.
        source_state: `dlt.current.source_state()` of the source being extracted.
    """

    def __init__(self, tap: str, resources: Mapping[str, str], source_state: SourceState) -> None:
        self._tap = tap
        self._resources = resources
        self._state = source_state
        self._runs: dict[str, Slot] = {}

    def in_run(self, stream: str, run: str, lineage: str) -> None:
        """Note the run in the reservoir that a stream's slots belong to from now on; without one, none."""
        self._runs[stream] = Slot(run=run, lineage=lineage)

    def get(self, stream: str) -> Slot | None:
        """Return what is remembered of a stream; None for a new, refreshed or dropped one."""
        states = cast("Mapping[str, Mapping[str, JSON]]", self._state.get("resources") or {})
        slot = cast("Slot | None", (states.get(self._resources[stream]) or {}).get(SLOT))
        # A resource name may have been given to another tap's stream since.
        mine = slot is not None and slot.get("tap") == self._tap and slot.get("stream") == stream
        return slot if mine else None

    def put(self, stream: str, slot: Slot) -> None:
        """Remember a slot; dlt commits it with the load package."""
        states = cast("MutableMapping[str, MutableMapping[str, object]]", self._state.setdefault("resources", {}))
        resource = states.setdefault(self._resources[stream], {})
        before = cast("Slot", resource.get(SLOT) or {}).get("rest_hash")
        # A slot that goes on without its run in the reservoir does not end that run any more.
        own = {key: value for key, value in slot.items() if key not in _OF_A_RUN}
        resource[SLOT] = {**own, **self._runs.get(stream, {}), "tap": self._tap, "stream": stream}
        if before is not None and before != slot.get("rest_hash"):
            # Streams come in the order of their slots, so who still has the old one stands at the end.
            others = (cast("Slot", other.get(SLOT) or {}) for other in reversed([*states.values()]))
            if not any(other.get("rest_hash") == before for other in others):
                self.shared.pop(before, None)

    @property
    def shared(self) -> Globals:
        """Large global parts by hash."""
        return cast("Globals", self._state.setdefault(SLOT, {}))

    def all(self) -> dict[str, Slot | None]:
        """Return every stream's slot."""
        return {stream: self.get(stream) for stream in self._resources}


def live_slots(tap: str, resources: Mapping[str, str]) -> Slots:
    """Return the slots of the source that dlt is extracting now."""
    return Slots(tap, resources, cast("SourceState", dlt.current.source_state()))


def committed_states(pipeline_state: TPipelineState | Mapping[str, object]) -> dict[str, JSON]:
    """Return the Singer state of every tap in a pipeline's state, as that tap would be given it."""
    slots: dict[str, dict[str, Slot | None]] = {}
    shared: dict[str, JSON] = {}
    for source in _source_states(pipeline_state):
        shared |= cast("Mapping[str, JSON]", source.get(SLOT) or {})
        for resource in cast("Mapping[str, Mapping[str, JSON]]", source.get("resources") or {}).values():
            slot = cast("Slot | None", resource.get(SLOT))
            if slot:
                slots.setdefault(slot["tap"], {})[slot["stream"]] = slot
    return {tap: group_streams(streams, shared)[0].state for tap, streams in slots.items()}


def committed_slots(pipeline_state: TPipelineState | Mapping[str, object]) -> dict[str, Slot]:
    """Return the slots in a pipeline's state, by resource."""
    return {
        name: cast("Slot", resource[SLOT])
        for source in _source_states(pipeline_state)
        for name, resource in cast("Mapping[str, Mapping[str, JSON]]", source.get("resources") or {}).items()
        if resource.get(SLOT)
    }


def committed_bookmark(pipeline_state: TPipelineState | Mapping[str, object], tap: str, stream: str) -> JSON:
    """Return where a stream stands in a pipeline's state: its part of the Singer state, else the part of none.

    Args:
        pipeline_state: `pipeline.state`.
        tap: The tap's name.
        stream: The stream.

    Returns:
        The tap's own value; None for a stream that has not been loaded, or has no bookmark.
    """
    for source in _source_states(pipeline_state):
        shared = cast("Mapping[str, JSON]", source.get(SLOT) or {})
        for resource in cast("Mapping[str, Mapping[str, JSON]]", source.get("resources") or {}).values():
            slot = cast("Slot | None", resource.get(SLOT))
            if slot and (slot["tap"], slot["stream"]) == (tap, stream):
                if "part" in slot:
                    return slot["part"]["value"]
                return (shared.get(slot["rest_hash"]) if "rest_hash" in slot else slot.get("rest")) or None
    return None


def _source_states(pipeline_state: TPipelineState | Mapping[str, object]) -> Iterator[Mapping[str, JSON]]:
    sources = pipeline_state.get("sources") or {}
    yield from cast("Mapping[str, Mapping[str, JSON]]", sources).values()


def keep_committed_state(pipeline: SupportsPipeline, tap: Tap) -> None:
    """Copy what a pipeline has committed of a tap's state to the project's store.

    A store that refuses is only warned about: dlt has the state, and the next run makes the copy.
    """
    committed = committed_states(pipeline.state)
    if tap.name not in committed:
        return
    try:
        keep_copy(tap.store, tap.project.env, tap.name, target_of(pipeline), committed[tap.name])
    except StorageError as err:
        warn(f"{tap.name}: the state could not be copied to the store. {err}")
