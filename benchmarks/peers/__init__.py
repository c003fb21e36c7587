"""Who is measured: for each peer what it imports, what does the work, and where it leaves the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, TypeAlias

from benchmarks import workloads
from benchmarks.job import Job
from benchmarks.peers import targets

Work: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to load what a tap sends.

    Attributes:
        imports: Modules it needs; importing them is no part of the work.
        place: Module and function that makes ready what must be there before, and returns the work that is timed;
            a name, so that nobody imports what others need.
        store: Where the rows are found afterwards; `nothing` if none are kept.
        says: How it was used, for the report.
        environment: Requirements of a program that has an environment of its own; it is run by `target_program`.
    """

    imports: tuple[str, ...]
    place: str
    store: Literal["database", "jsonl", "nothing"]
    says: str
    environment: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Where the work is defined."""
        return f"benchmarks.peers.{self.place.partition(':')[0]}"

    def prepare(self, job: Job) -> Work:
        """Make ready what must be there before, and return the work."""
        work: Work = getattr(import_module(self.module), self.place.partition(":")[2])(job)
        return work

    def python(self, cache: Path) -> Path | None:
        """Return the interpreter of its own environment, made now if need be; None if it shares ours.

        Raises:
            NotInstalledError: It could not be installed.
        """
        return targets.python(self.environment, cache) if self.environment else None


PEERS = {
    workloads.OURS: Peer(
        ("dlt", "duckdb", "pyarrow", "dlt_singer.source"),
        "ours:prepare",
        "database",
        "`pipeline.run(singer(...))`; memory is that of our process, the tap has its own",
    ),
    workloads.MIRRORED: Peer(
        ("dlt", "duckdb", "pyarrow", "dlt_singer.source"),
        "ours:mirrored",
        "database",
        "`pipeline.run(singer(..., reservoir=True))`, the reservoir on the same disk",
    ),
    workloads.READ_GZ: Peer(
        ("duckdb",),
        "read_json:compressed",
        "database",
        "the same of the file compressed with gzip at level 1",
    ),
    workloads.READ_JSON: Peer(
        ("duckdb",),
        "read_json:prepare",
        "database",
        "`CREATE TABLE ... AS SELECT unnest(record) FROM read_json(...)` of the same file, columns given",
    ),
    workloads.DICTS: Peer(
        ("dlt", "duckdb", "pyarrow"),
        "plain_dlt:dicts",
        "database",
        '`json.loads` of each line, lists of 5,000 records, the same typed hints, `file_format="parquet"`',
    ),
    workloads.ARROW: Peer(
        ("dlt", "duckdb", "pyarrow"),
        "plain_dlt:arrow",
        "database",
        "tables that are in memory already, of up to 50,000 rows, with the columns that we add",
    ),
    workloads.EMPTY: Peer(
        ("dlt", "duckdb"), "plain_dlt:empty", "database", "`pipeline.run` of a resource without rows"
    ),
    workloads.TARGET_DUCKDB: Peer(
        ("target_duckdb",),
        "targets:prepare",
        "database",
        "behind the same tap, its defaults; with a DuckDB of its time, because under 2.0 it loses rows",
        ("target-duckdb==0.8.0", "duckdb<1.2"),
    ),
    workloads.TARGET_JSONL: Peer(
        ("target_jsonl",), "targets:prepare", "jsonl", "behind the same tap, its defaults", ("target-jsonl==0.1.4",)
    ),
    workloads.TAP: Peer((), "tap_only:prepare", "nothing", "the tap alone, its output thrown away"),
}
