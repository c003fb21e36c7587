"""What one run of a tap did: frozen figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from dlt_singer.summary.metrics import Metric

Result: TypeAlias = Literal["ok", "failed"]
Origin: TypeAlias = Literal["tap", "reservoir", "failed run"]


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """What became of one stream.

    Attributes:
        stream: Its name.
        table: Its table at the destination; None if it is known for each row only.
        written_by: How the table is written: `replace`, `merge`, `append`; None if no SCHEMA came.
        rows_read: Rows that came from the tap, without those that came after nobody wanted more.
        rows_handed: Rows that reached dlt.
        rows_known: Rows that were left out, because the last run had loaded them already.
        bytes_read: Their RECORDs as the tap wrote them.
        arrow_batches: Batches that dlt got as Arrow.
        row_batches: Batches that it got as rows.
        rows_reason: Why, the first time; None for batches too small to be worth a file, or if that was asked for.
        bookmark_from: Its part of the STATE that the run began with, shortened.
        bookmark_to: The same of the STATE that it ended with.
        complete: Whether it was read to its end, and not to a limit.
    """

    stream: str
    table: str | None = None
    written_by: str | None = None
    rows_read: int = 0
    rows_handed: int = 0
    rows_known: int = 0
    bytes_read: int = 0
    arrow_batches: int = 0
    row_batches: int = 0
    rows_reason: str | None = None
    bookmark_from: str | None = None
    bookmark_to: str | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSummary:
    """One start of the tap; streams with states that cannot be put together need one each.

    Attributes:
        log: The file of what it said on stderr, relative to the project; None if it said nothing.
        exit_code: Negative for a signal; None if it was ended by us.
        seconds: From its start to its end.
        waiting_seconds: How much of that we waited for it; the rest is ours.
        stray_lines: Lines that were no Singer messages and were skipped.
        metrics: What it measured itself.
    """

    log: str | None = None
    exit_code: int | None = None
    seconds: float = 0.0
    waiting_seconds: float = 0.0
    stray_lines: int = 0
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What dlt made of the rows.

    Attributes:
        seconds: From the begin of the extract to the end of the load.
        rows: Rows that were loaded, by table, child tables too.
        new_tables: Tables that were created.
        new_columns: Columns that were added to tables that were there.
    """

    seconds: float = 0.0
    rows: Mapping[str, int] = field(default_factory=dict)
    new_tables: tuple[str, ...] = ()
    new_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one run of a tap did.

    Attributes:
        id: Its name, that of its log too.
        tap: The tap.
        environment: The environment of the project.
        origin: `tap`, `reservoir` for a replay, or `failed run` for what had ended of one.
        pipeline: dlt's pipeline.
        destination: The kind of its destination.
        dataset: The dataset there.
        load_id: dlt's load package.
        started_at: When it began, in UTC.
        seconds: From then until its last stream was done.
        result: `ok`, or `failed`; of the extract alone as long as there is no `load`.
        reason: What it failed with.
        streams: Its streams.
        processes: Starts of the tap.
        load: What was loaded; None if only the extract is known.
    """

    id: str
    tap: str
    environment: str
    started_at: str
    origin: Origin = "tap"
    pipeline: str = ""
    destination: str = ""
    dataset: str = ""
    load_id: str = ""
    seconds: float = 0.0
    result: Result = "ok"
    reason: str | None = None
    streams: tuple[StreamSummary, ...] = ()
    processes: tuple[ProcessSummary, ...] = ()
    load: LoadSummary | None = None

    @property
    def rows_read(self) -> int:
        """Rows of all streams."""
        return sum(stream.rows_read for stream in self.streams)

    @property
    def bytes_read(self) -> int:
        """Bytes of all streams."""
        return sum(stream.bytes_read for stream in self.streams)

    @property
    def waiting_seconds(self) -> float:
        """How long we waited for the tap."""
        return sum(process.waiting_seconds for process in self.processes)

    @property
    def stray_lines(self) -> int:
        """Lines that were no messages."""
        return sum(process.stray_lines for process in self.processes)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What the tap measured, in all of its processes."""
        return tuple(metric for process in self.processes for metric in process.metrics)
