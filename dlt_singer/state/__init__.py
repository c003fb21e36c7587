"""Singer state in dlt state and beside it: slots of a running extract, changes by hand, copies in the store."""

from __future__ import annotations

from dlt_singer.state.change import adopt_slots, change_state, clear_state, unwrapped, with_bookmark
from dlt_singer.state.copies import StateCopy, copies, keep_copy, read_copy, target_of
from dlt_singer.state.live import (
    Slots,
    committed_bookmark,
    committed_slots,
    committed_states,
    keep_committed_state,
    live_slots,
)

__all__ = [
    "Slots",
    "StateCopy",
    "adopt_slots",
    "change_state",
    "clear_state",
    "committed_bookmark",
    "committed_slots",
    "committed_states",
    "copies",
    "keep_committed_state",
    "keep_copy",
    "live_slots",
    "read_copy",
    "target_of",
    "unwrapped",
    "with_bookmark",
]
