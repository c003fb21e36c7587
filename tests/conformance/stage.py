"""Where cases are played: as many as possible by one tap, into one DuckDB file, in each of several ways.

Every way must end with the same tables: Arrow or rows, whole batches or batches of two, live or from the reservoir.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_singer
import dlt_singer.session
import dlt_singer.source.decoding
from dlt_singer._types import JSON
from dlt_singer.session import Limits
from dlt_singer.testing import FakeTap, singer_state
from tests.conformance.case import Case, Row

TAP = "tap-fake"
DATASET = "raw"


@dataclass(frozen=True)
class Play:
    """How cases are loaded.

    Attributes:
        backend: Of the tap.
        batch_rows: Rows of a batch; None for thousands.
        mirrored: Whether the tap has a reservoir, which is replayed into a second database.
        each: Replay after each run, and not once after the last.
    """

    backend: str = "auto"
    batch_rows: int | None = None
    mirrored: bool = False
    each: bool = False


@dataclass(frozen=True)
class Way:
    """One view at what was loaded.

    Attributes:
        name: In words.
        play: How it was loaded.
        replayed: Look at what came from the reservoir.
    """

    name: str
    play: Play
    replayed: bool = False

    def __str__(self) -> str:
        return self.name


_ARROW, _ROWS, _PIECES = Play(mirrored=True), Play("rows", mirrored=True, each=True), Play("rows", batch_rows=2)
_EVERY = (
    Way("as Arrow", _ARROW),
    Way("as Arrow, replayed", _ARROW, replayed=True),
    Way("as rows, two at a time", _PIECES),
    Way("as Arrow, two at a time", Play(batch_rows=2)),
    Way("as rows", _ROWS),
    Way("as rows, replayed run by run", _ROWS, replayed=True),
)
WAYS = _EVERY if os.environ.get("CONFORMANCE") == "every way" else _EVERY[:3]
"""The last three find little that the first do not; `make drills` has the time for them."""
LIVE = Way("live", Play())


@dataclass
class Played:
    """What is left of a group of cases once it was played."""

    directory: Path
    pipeline: dlt.Pipeline
    tap: FakeTap
    failure: Exception | None = None

    _databases: dict[bool, Any] = field(default_factory=dict)

    def database(self, way: Way) -> Any:  # noqa: ANN401 - duckdb has no types
        """Return a connection to what a way ends in; all who look share it."""
        if way.replayed not in self._databases:
            file = self.directory / ("copy.duckdb" if way.replayed else "live.duckdb")
            database = self._databases[way.replayed] = duckdb.connect(str(file), read_only=True)
            database.execute("SET timezone = 'UTC'")
        return self._databases[way.replayed]

    def tables(self, way: Way) -> list[str]:
        """Return the names of the tap's tables."""
        query = f"SELECT table_name FROM duckdb_tables() WHERE schema_name = '{DATASET}' ORDER BY ALL"
        return [name for (name,) in self.database(way).execute(query).fetchall() if not name.startswith("_dlt_")]


@dataclass
class Stage:
    """Plays each group of cases once in each manner.

    Attributes:
        root: Where projects go.
    """

    root: Path
    _played: dict[tuple[Play, str], Played] = field(default_factory=dict)

    def played(self, cases: Sequence[Case], play: Play) -> Played:
        """Return what is left of some cases, which no other test changes."""
        known = (play, cases[0].name)
        if known not in self._played:
            self._played[known] = self._play(cases, play)
        return self._played[known]

    def _play(self, cases: Sequence[Case], play: Play) -> Played:
        directory = self.root / str(len(self._played))
        directory.mkdir()
        for name, content in (file for case in cases for file in case.files.items()):
            (directory / name).write_bytes(content)
        tap = FakeTap(directory, options={"backend": play.backend, "reservoir": play.mirrored, **cases[0].options})
        live, copy = (_pipeline(directory, name) for name in ("live", "copy"))
        played = Played(directory, live, tap)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dlt_singer.source.decoding, "FEW_ROWS", 0)
            if play.batch_rows is not None:
                limits = functools.partial(Limits, batch_rows=play.batch_rows)
                patch.setattr(dlt_singer.session, "Limits", limits)
            try:
                _play_runs(played, copy, cases, play)
            except PipelineStepFailed as err:
                played.failure = err
        return played


def _play_runs(played: Played, copy: dlt.Pipeline, cases: Sequence[Case], play: Play) -> None:
    for number in range(max(len(case.runs) for case in cases)):
        _run(played.pipeline, played.tap, cases, number)
        if play.each:
            _replay(copy, played.directory)
    if play.mirrored and not play.each:
        _replay(copy, played.directory)


def _run(pipeline: dlt.Pipeline, tap: FakeTap, cases: Sequence[Case], number: int) -> None:
    streams = list(dict.fromkeys(stream for case in cases for stream in case.streams(number)))
    tap.emits(*(step for case in cases for step in case.steps(number)))
    pipeline.activate()
    try:
        pipeline.run(tap.source(streams=streams))
    finally:
        pipeline.deactivate()


def _replay(pipeline: dlt.Pipeline, directory: Path) -> None:
    pipeline.activate()
    try:
        pipeline.run(dlt_singer.reservoir(TAP, project_dir=directory))
    finally:
        pipeline.deactivate()


def _pipeline(directory: Path, name: str) -> dlt.Pipeline:
    made = dlt.pipeline(
        name,
        destination=dlt.destinations.duckdb(str(directory / f"{name}.duckdb")),
        dataset_name=DATASET,
        pipelines_dir=str(directory / "pipelines"),
    )
    made.deactivate()
    return made


def groups(cases: Iterable[Case]) -> list[list[Case]]:
    """Put cases together that one tap can play: of the same options, and with no stream in common."""
    made: list[list[Case]] = []
    for case in cases:
        fitting = (group for group in made if not case.has_own_tap and _fits(case, group))
        group = next(fitting, None)
        if group is None:
            made.append([case])
        else:
            group.append(case)
    return made


def _fits(case: Case, group: Sequence[Case]) -> bool:
    shares = group[0].options == case.options and not group[0].has_own_tap
    return shares and not any(case.all_streams & other.all_streams for other in group)


def tables_of(played: Played, way: Way, case: Case) -> dict[str, Sequence[Row]]:
    """Return the tables that a case speaks of as it would write them."""
    return {table: _rows(played.database(way), table, case) for table in case.tables}


def _rows(database: Any, table: str, case: Case) -> list[Row]:  # noqa: ANN401 - duckdb has no types
    """Return the rows of `name(column TYPE, ...)`; columns or types that differ are told as if they were rows."""
    name, _, listed = table[:-1].partition("(")
    name = name or case.name
    wanted = dict(part.split(" ", 1) for part in filter(None, listed.split(", ")))
    own = {column: kind for column, kind in wanted.items() if not column.startswith("parent.")}
    found = {column: kind for column, kind, *_ in database.execute(f'DESCRIBE {DATASET}."{name}"').fetchall()}
    found = {column: kind for column, kind in found.items() if not column.startswith("_dlt_") or column in own}
    found = {column: kind for column, kind in found.items() if column != "_sdc_sequence"}
    if found != own:
        return [tuple(f"{column} {kind}" for column, kind in found.items())]
    parent, source = "", f'{DATASET}."{name}" AS child'
    if len(own) < len(wanted):
        source += f' JOIN {DATASET}."{name.rpartition("__")[0]}" AS parent ON child._dlt_parent_id = parent._dlt_id'
        parent = "parent.id, _dlt_list_idx, "
    columns = ", ".join(f'child."{column}"' for column in own)
    rows = database.execute(f"SELECT {parent}{columns} FROM {source} ORDER BY ALL").fetchall()
    return [(each[0], *each[2:]) for each in rows] if parent else list(rows)


def comparable(tables: dict[str, Sequence[Row]]) -> dict[str, list[str]]:
    """Return rows in a form in which equal is equal: NaN too, and 1, 1.0 and True are not."""
    return {name: sorted(repr(tuple(map(_plain, row))) for row in rows) for name, rows in tables.items()}


def _plain(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
    return value


def state_of(played: Played) -> JSON:
    """Return what the pipeline has committed as the tap's state."""
    return singer_state(played.pipeline, TAP)


def starts_of(played: Played) -> list[JSON]:
    """Return the state that each run of the tap was given."""
    return [json.loads(json.dumps(sync.get("state"))) for sync in played.tap.syncs]
