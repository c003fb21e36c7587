"""Records of runs in the reservoir: what is written of a run, which runs count, what a replay or a resume may take.

In: decoded records. Out: chains of runs, plans. Pure: no disk, no clock, no dlt.
"""

from __future__ import annotations

from dlt_singer.runs.endings import Endings
from dlt_singer.runs.lineage import Chain, follow, live_chains
from dlt_singer.runs.plan import Cursor, Manner, Plan, Window, plan
from dlt_singer.runs.records import (
    FORMAT,
    NULL,
    WRITE,
    Checkpoint,
    Manifest,
    RunStart,
    StoredFile,
    StreamEnd,
    StreamStart,
    decode,
    encode,
)
from dlt_singer.runs.resume import ATTEMPTS, Progress, Resumption, Unfinished, holds_markers, resumption
from dlt_singer.runs.shares import divides, place_in, spread
from dlt_singer.runs.times import moment_in, stamp

__all__ = [
    "ATTEMPTS",
    "FORMAT",
    "NULL",
    "WRITE",
    "Chain",
    "Checkpoint",
    "Cursor",
    "Endings",
    "Manifest",
    "Manner",
    "Plan",
    "Progress",
    "Resumption",
    "RunStart",
    "StoredFile",
    "StreamEnd",
    "StreamStart",
    "Unfinished",
    "Window",
    "decode",
    "divides",
    "encode",
    "follow",
    "holds_markers",
    "live_chains",
    "moment_in",
    "place_in",
    "plan",
    "resumption",
    "spread",
    "stamp",
]
