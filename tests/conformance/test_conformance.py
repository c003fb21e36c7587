"""The cases, in every way that a stream can be loaded: `of_*.py` are the specification, here it is held to."""

from __future__ import annotations

import json

import pytest

from dlt_singer.errors import reason_of
from dlt_singer.testing import Step
from tests.conformance import of_refusals, of_states, of_streams, of_values
from tests.conformance.case import UNTOLD, Case
from tests.conformance.stage import (
    LIVE,
    WAYS,
    Played,
    Stage,
    Way,
    comparable,
    groups,
    starts_of,
    state_of,
    tables_of,
)
from tests.conformance.test_target_test_streams import LOADED as FILES
from tests.conformance.test_target_test_streams import STREAMS

LOADED = [*of_values.CASES, *of_streams.CASES]
STATES = of_states.CASES
REFUSED = of_refusals.CASES
GROUP_OF = {case.name: group for group in groups(LOADED) for case in group}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("conformance"))


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("case", LOADED, ids=str)
def test_a_stream_is_loaded_as_promised(case: Case, way: Way, stage: Stage) -> None:
    played = stage.played(GROUP_OF[case.name], way.play)

    assert played.failure is None
    assert comparable(tables_of(played, way, case)) == comparable(dict(case.tables))


@pytest.mark.parametrize("case", STATES, ids=str)
def test_a_state_is_kept_as_promised(case: Case, stage: Stage) -> None:
    played = stage.played([case], LIVE.play)

    assert played.failure is None
    assert case.state is UNTOLD or state_of(played) == case.state
    assert case.starts_from is None or starts_of(played) == list(case.starts_from)
    assert comparable(tables_of(played, LIVE, case)) == comparable(dict(case.tables))


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_could_lose_data_is_refused_and_nothing_of_it_is_loaded(case: Case, stage: Stage) -> None:
    played = stage.played([case], LIVE.play)

    assert played.failure is not None
    error = reason_of(played.failure)
    assert type(error) is case.error
    assert case.words in str(error)
    assert error.remedy
    assert state_of(played) is None
    assert not played.tables(LIVE)


@pytest.mark.parametrize("way", WAYS[1:], ids=str)
def test_the_files_of_singer_sdk_make_the_same_tables_in_every_way(way: Way, stage: Stage) -> None:
    for group in groups(Case(file.file, file.promise, _runs(file.after, file.file)) for file in FILES):
        expected, found = (stage.played(group, each.play) for each in (WAYS[0], way))

        assert (expected.failure, found.failure) == (None, None)
        assert _all_tables(found, way) == _all_tables(expected, WAYS[0])


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in (*LOADED, *of_states.CASES, *REFUSED)]

    assert len(set(names)) == len(names) >= 120


def _runs(*files: str | None) -> list[list[Step]]:
    return [[_with_entry(line) for line in STREAMS[file].read_text("utf-8").splitlines()] for file in files if file]


def _with_entry(line: str) -> Step:
    """Return a line of a file; a SCHEMA makes the catalog know its stream, and nothing more of it."""
    message = json.loads(line)
    if message["type"] != "SCHEMA":
        return {"line": line}
    stream = message["stream"]
    return {"line": line, "entry": {"tap_stream_id": stream, "stream": stream, "schema": {}, "metadata": []}}


def _all_tables(played: Played, way: Way) -> dict[str, list[str]]:
    """Return all rows of all tables, and the types of their columns, without what is another in each load."""
    database, tables = played.database(way), {}
    for name in played.tables(way):
        described = database.execute(f'DESCRIBE raw."{name}"').fetchall()
        own = {column: kind for column, kind, *_ in described if not column.startswith(("_dlt_", "_sdc_"))}
        selected = ", ".join(f'"{column}"' for column in sorted(own)) or "count(*)"
        rows = database.execute(f'SELECT {selected} FROM raw."{name}"').fetchall()
        tables[name] = [str(sorted(own.items())), *sorted(map(repr, rows))]
    return tables
