"""Any Singer tap, as a native dlt source.

    import dlt
    from dlt_singer import singer

    pipeline = dlt.pipeline("carbon_intensity", destination="duckdb", dataset_name="raw")
    print(pipeline.run(singer("tap-carbon-intensity", streams=["region", "entry"])))

Names are imported when they are first used: dlt loads this package as a plugin while it is being imported itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt_singer.errors import SingerError, reason_of
    from dlt_singer.source import (
        discover,
        join_shares,
        last_summaries,
        reservoir,
        reservoir_shares,
        run,
        singer,
        singer_resource,
    )

__all__ = [
    "SingerError",
    "discover",
    "join_shares",
    "last_summaries",
    "reason_of",
    "reservoir",
    "reservoir_shares",
    "run",
    "singer",
    "singer_resource",
]

_HOMES = {
    "SingerError": "dlt_singer.errors",
    "discover": "dlt_singer.source",
    "join_shares": "dlt_singer.source",
    "last_summaries": "dlt_singer.source",
    "reason_of": "dlt_singer.errors",
    "reservoir": "dlt_singer.source",
    "reservoir_shares": "dlt_singer.source",
    "run": "dlt_singer.source",
    "singer": "dlt_singer.source",
    "singer_resource": "dlt_singer.source",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
