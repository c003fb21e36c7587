"""States in a few words, and the copy of one that a person means. No output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dlt_singer._types import JSON
from dlt_singer.cli.command import UsageError

if TYPE_CHECKING:
    from dlt_singer.state import StateCopy


def bookmark_text(state: JSON, stream: str) -> str:
    """Return a stream's part of a state in a few words; empty if it has none."""
    from dlt_singer.session.snapshot import part_of
    from dlt_singer.summary import bookmark_words

    part = part_of(state, stream)
    return "" if part is None else bookmark_words(part["value"])


def streams_in(state: JSON) -> list[str]:
    """Return the streams a state speaks of, as far as its shape tells."""
    if not isinstance(state, Mapping):
        return []
    bookmarks = state.get("bookmarks")
    if isinstance(bookmarks, Mapping):
        return sorted(bookmarks)
    return sorted(key for key, value in state.items() if isinstance(value, Mapping))


def chosen_copy(copies: Sequence[StateCopy], name: str | None, tap: str) -> StateCopy:
    """Return the copy of a name, or its beginning; without one, the last before the newest."""
    if name is None:
        found = copies[1:2]
    else:
        found = [copy for copy in copies if copy.name.startswith(name.replace("-", "").replace(":", ""))]
    if len(found) != 1:
        known = "several" if found else "none"
        asked = f" '{name}'" if name else " before the newest"
        raise UsageError(
            f"Of the {len(copies)} copies of the state of {tap}, {known} is{asked}. "
            f"`dlt-singer state history {tap}` lists them."
        )
    return found[0]


def parsed(text: str, what: str) -> JSON:
    """Return the JSON in a text that a person gave."""
    try:
        value: JSON = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise UsageError(f"There is no JSON in {what}: {err}.") from None
    return value
