"""The public functions: a tap as a dlt source, a stream as a resource, a run with what belongs after it.

Names are imported when they are first used: `definition` and `overlay` serve who has not imported dlt, too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt_singer.source.factory import discover, singer
    from dlt_singer.source.joining import join_shares
    from dlt_singer.source.load import run
    from dlt_singer.source.replay import reservoir
    from dlt_singer.source.resource import singer_resource
    from dlt_singer.source.shares import reservoir_shares
    from dlt_singer.source.summaries import last_summaries

__all__ = [
    "discover",
    "join_shares",
    "last_summaries",
    "reservoir",
    "reservoir_shares",
    "run",
    "singer",
    "singer_resource",
]

_HOMES = {
    "discover": "factory",
    "join_shares": "joining",
    "last_summaries": "summaries",
    "reservoir": "replay",
    "reservoir_shares": "shares",
    "run": "load",
    "singer": "factory",
    "singer_resource": "resource",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
