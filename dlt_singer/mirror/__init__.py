"""The reservoir: a tap's messages stored as they pass, and read back. Everything between is `Iterator[Message]`.

In: messages, a store. Out: the same messages, now or years later. Knows no dlt, decides nothing about which runs
count (`runs` does), and changes no object once it is written.
"""

from __future__ import annotations

from dlt_singer.mirror.compaction import Compacted, compact
from dlt_singer.mirror.folder import Reservoir, Survey
from dlt_singer.mirror.inspection import Problem, verify
from dlt_singer.mirror.pruning import Pruned, prune
from dlt_singer.mirror.rebuilding import rebuild
from dlt_singer.mirror.record import Recorder
from dlt_singer.mirror.replay import Extent, replay_files, replay_stream
from dlt_singer.mirror.writer import Limits

__all__ = [
    "Compacted",
    "Extent",
    "Limits",
    "Problem",
    "Pruned",
    "Recorder",
    "Reservoir",
    "Survey",
    "compact",
    "prune",
    "rebuild",
    "replay_files",
    "replay_stream",
    "verify",
]
