"""The end of a replay in shares: one pipeline that goes on behind all of them.

In: shares whose loads their destination has committed. Out: the state of a pipeline that has loaded them all. One
that is not loaded is an error; no row is read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence

import dlt

from dlt_singer.errors import ReservoirError
from dlt_singer.session.slots import Slot
from dlt_singer.source.replay_run import cursor_of
from dlt_singer.source.shares import Piece, ReplayShare
from dlt_singer.source.siblings import sibling
from dlt_singer.source.steps import streams_of
from dlt_singer.state import adopt_slots, committed_slots


def join_shares(pipeline: dlt.Pipeline, shares: Sequence[ReplayShare], name: str | None = None) -> dict[str, str]:
    """Let a pipeline go on behind shares that are all loaded: its next replay loads what came after them.

    May be done again; a stream in which the pipeline has come further stays where it is.

    Args:
        pipeline: The pipeline that the shares' own are named after.
        shares: All of them, as `reservoir_shares` returns them.
        name: The name of its source; by default as `reservoir` names it.

    Returns:
        The run behind which each stream goes on.

    Raises:
        ReservoirError: A share is not loaded; nothing is changed.
        StateError: Loads are pending.
        PipelineStepFailed: The destination refused.

    Example:
        >>> join_shares(lake, reservoir_shares("tap-github", 4, until="2026-01-31"))  # doctest: +SKIP
        {'issues': '20260131T010203000000Z-1a2b3c4d'}
    """
    pipeline.sync_destination()
    ends: dict[str, tuple[str, str]] = {}
    slots: dict[str, Slot] = {}
    for resource, piece, slot in _committed(pipeline, shares):
        # Of a divided stream the share that holds its last run.
        if piece.end > ends.get(resource, ("", "")):
            ends[resource], slots[resource] = piece.end, slot
    own = {resource: _end_of(slot) for resource, slot in committed_slots(pipeline.state).items()}
    adopted = {resource: slot for resource, slot in slots.items() if ends[resource] > own.get(resource, ("", ""))}
    if adopted:
        adopt_slots(pipeline, name or shares[0].whole, adopted)
    return {resource: run or file for resource, (run, file) in ends.items()}


def _committed(pipeline: dlt.Pipeline, shares: Sequence[ReplayShare]) -> Iterator[tuple[str, Piece, Slot]]:
    """Yield resources with what a share held of them, and the slot that its load has committed."""
    with tempfile.TemporaryDirectory(prefix="dlt_singer_join_") as place:
        for share in shares:
            # Only the destination knows what was committed: a working directory is ahead of it after a failed load.
            theirs = sibling(pipeline, share.pipeline(pipeline).pipeline_name, pipelines_dir=place)
            theirs.sync_destination()
            found = committed_slots(theirs.state)
            pipeline.activate()
            for definition, stream, resource in streams_of(share.source):
                slot = found.get(resource.name, Slot())
                piece = next(
                    each for each in share.pieces if (each.tap, each.stream) == (definition.tap.name, stream)
                )
                if _end_of(slot) != piece.end:
                    raise ReservoirError(
                        f"{share.name} is not loaded: its part of stream '{stream}' of {piece.tap} is missing.",
                        "Load it first; joined without it, its rows would never be loaded.",
                    )
                yield resource.name, piece, slot


def _end_of(slot: Slot) -> tuple[str, str]:
    """Return what a replay has loaded last; nothing if it has begun with a run and not ended it."""
    part = slot.get("part")
    if part is None:
        return ("", "")
    cursor, file = cursor_of({"bookmarks": {slot["stream"]: part["value"]}}, slot["stream"])
    return ("", "") if cursor is not None and cursor.begun else (cursor.run if cursor else "", file)
