"""What is measured: workloads, who is measured at each, and what must be reached.

A workload is one entry here. What loads in another way (from the reservoir, with a mirror) is a peer of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks import datasets, goals
from benchmarks.datasets import DataSet
from benchmarks.goals import Goal

OURS = goals.OURS
MIRRORED = "dlt-singer, mirrored"
READ_JSON = "DuckDB read_json"
READ_GZ = "DuckDB read_json, gz"
DICTS = "dlt, lists of dicts"
ARROW = "dlt, the same Arrow tables"
EMPTY = "an empty pipeline.run"
TARGET_DUCKDB = "target-duckdb"
TARGET_JSONL = "target-jsonl"
TAP = "tap > /dev/null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Something to load.

    Attributes:
        key: How it is called for short.
        title: What it is.
        data: What the tap sends.
        peers: Who loads it; the first is us.
        goals: What must be reached.
        disposition: How tables are written.
        nesting: `max_table_nesting`, for everybody who has it.
        warm: A first load, in a process of its own, comes before the one that is measured.
        idle: In the load that is measured the tap has nothing to send.
        extract_only: Nothing is loaded; what counts is what dlt has extracted.
        replays: We load from the reservoir, which the first load has filled.
        tap: `cat` of a file, our generator, or `tap-jsonl` built as a PEX.
    """

    key: str
    title: str
    data: DataSet
    peers: tuple[str, ...]
    goals: tuple[Goal, ...]
    disposition: Literal["replace", "merge"] = "replace"
    nesting: int | None = None
    warm: bool = False
    idle: bool = False
    extract_only: bool = False
    replays: bool = False
    tap: Literal["cat", "generator", "tap-jsonl"] = "cat"


_ALL = (
    Workload(
        key="W1",
        title="flat: 1,000,000 records of 12 columns, `replace`",
        data=datasets.FLAT,
        peers=(OURS, MIRRORED, READ_JSON, DICTS, TARGET_DUCKDB, TARGET_JSONL, TAP),
        goals=(
            goals.at_most(3.4, READ_JSON, aim=2.0),
            goals.costs(1.15, MIRRORED),
            goals.faster(10, DICTS),
            goals.faster(8, TARGET_DUCKDB),
            goals.memory(700),
            goals.arrow(99),
        ),
    ),
    Workload(
        key="W1-merge",
        title="flat: the same with `merge`, second load of the same rows",
        data=datasets.FLAT,
        peers=(OURS, ARROW),
        goals=(goals.at_most(2.0, ARROW),),
        disposition="merge",
        warm=True,
    ),
    Workload(
        key="R1",
        title="flat: the same 1,000,000 records out of the reservoir",
        data=datasets.FLAT,
        peers=(OURS, READ_GZ),
        goals=(goals.at_most(3.0, READ_GZ), goals.arrow(99)),
        warm=True,
        replays=True,
    ),
    Workload(
        key="W2a",
        title="nested: 200,000 records, objects and arrays as JSON columns",
        data=datasets.NESTED,
        peers=(OURS, READ_JSON, DICTS, TARGET_DUCKDB, TARGET_JSONL, TAP),
        goals=(goals.faster(10, DICTS, aim=15), goals.arrow(99)),
        nesting=0,
    ),
    Workload(
        key="W2b",
        title="nested: the same, arrays as child tables",
        data=datasets.NESTED,
        peers=(OURS, DICTS),
        goals=(goals.faster(1.6, DICTS, aim=5),),
    ),
    Workload(
        key="W3",
        title="a real tap: `tap-jsonl` as a PEX, 200,000 records",
        data=datasets.FILE,
        peers=(OURS, TARGET_DUCKDB, TARGET_JSONL, TAP),
        goals=(goals.at_most(1.15, TAP, aim=1.05), goals.arrow(99)),
        disposition="merge",
        tap="tap-jsonl",
    ),
    Workload(
        key="W4",
        title="nothing to do: a tap that ends at once, warm caches",
        data=datasets.IDLE,
        peers=(OURS, EMPTY),
        goals=(goals.over(0.5, EMPTY, aim=0.2),),
        disposition="merge",
        warm=True,
        idle=True,
    ),
    Workload(
        key="W5",
        title="size: 20,000,000 records (8 GB) from a generator, extract only",
        data=datasets.LARGE,
        peers=(OURS, TAP),
        goals=(goals.memory(400, aim=250), goals.flat(1.1)),
        extract_only=True,
        tap="generator",
    ),
    Workload(
        key="W6",
        title="many: 1,000 streams of 100 records, in turn",
        data=datasets.MANY,
        peers=(OURS, ARROW),
        goals=(goals.at_most(1.3, ARROW),),
    ),
    Workload(
        key="W7",
        title="wide: 100,000 records of 300 columns",
        data=datasets.WIDE,
        peers=(OURS, READ_JSON, DICTS),
        goals=(goals.faster(5, DICTS), goals.arrow(99)),
    ),
)

WORKLOADS = {workload.key: workload for workload in _ALL}
