"""However the runs fall, the rows loaded are the rows of the source: none twice, none missing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlt_singer.messages import members_of
from dlt_singer.session.boundary import REMEMBERED_ROWS, Boundary, row_hash

Row = dict[str, Any]
a_row: st.SearchStrategy[Row] = st.fixed_dictionaries({"at": st.integers(0, 5), "what": st.sampled_from("ab")})
rows = st.lists(a_row, max_size=25).map(lambda found: sorted(found, key=lambda row: int(row["at"])))


class Source:
    """A table that is synced run by run, each run stopping somewhere: the rows from the bookmark on, inclusive."""

    def __init__(self) -> None:
        self.table: list[Row] = []
        self.loaded: list[Row] = []
        self.bookmark: int | None = None
        self.remembered: dict[str, int] | None = {}
        self.greatest: Any = None

    def sync(self, handed: int, batch: int, states_every: int) -> None:
        """Hand over at most `handed` rows, in batches; the newest STATE behind them counts."""
        sent = [row for row in self.table if self.bookmark is None or row["at"] >= self.bookmark]
        boundary = Boundary(self.remembered, self.greatest, "at")
        for first in range(0, min(handed, len(sent)), batch):
            some = sent[first : min(first + batch, handed)]
            marks = boundary.mark(raws(some))
            self.loaded += [row for row, mark in zip(some, marks, strict=True) if not mark.known]
            boundary.handed(first, marks)
        reached = min(handed, len(sent))
        counted = reached if reached == len(sent) else reached // states_every * states_every
        if counted:
            self.bookmark = sent[counted - 1]["at"]
        complete = handed >= len(sent)
        self.remembered, self.greatest = boundary.remembered(counted, complete=complete)


def raws(found: Iterable[Row]) -> list[bytes]:
    return [json.dumps(row).encode() for row in found]


def digests(found: list[Row]) -> Counter[str]:
    return Counter(map(digest, found))


def digest(row: Row) -> str:
    return row_hash(members_of(json.dumps(row).encode()))


runs = st.lists(st.tuples(rows, st.integers(0, 30), st.integers(1, 6), st.integers(1, 4)), min_size=1, max_size=6)


@given(runs)
@example([([{"at": 0, "what": "a"}] * 3, 2, 1, 3), ([], 1, 1, 1)])
def test_the_rows_loaded_over_any_runs_are_those_of_the_source(
    runs: list[tuple[list[Row], int, int, int]],
) -> None:
    source = Source()
    for new, handed, batch, states_every in runs:
        # Rows arrive at or after the newest that is there, as a replication key has them.
        shift = source.table[-1]["at"] if source.table else 0
        source.table += [{**row, "at": row["at"] + shift} for row in new]

        source.sync(handed, batch, states_every)

        assert not digests(source.loaded) - digests(source.table), "a row was loaded more often than it is there"
    source.sync(10_000, 3, 1)
    assert digests(source.loaded) == digests(source.table)


@given(rows, st.integers(1, 6))
def test_a_run_that_brings_nothing_new_loads_nothing(table: list[Row], batch: int) -> None:
    source = Source()
    source.table = table
    source.sync(1_000, batch, 1)
    before = list(source.loaded)

    source.sync(1_000, batch, 1)

    assert source.loaded == before


def test_as_many_equal_rows_are_dropped_as_were_loaded_and_no_more() -> None:
    boundary = Boundary({digest({"at": 1}): 2}, 1, "at")

    marks = boundary.mark(raws([{"at": 1}]) * 3)

    assert [mark.known for mark in marks] == [True, True, False]


def test_rows_that_a_shorter_run_did_not_get_to_are_still_expected_and_after_a_whole_run_are_not() -> None:
    again = digest({"at": 5})
    boundary = Boundary({digest({"at": 1}): 1, again: 1}, None, "at")

    boundary.handed(0, boundary.mark(raws([{"at": 1}, {"at": 2}])))

    assert boundary.remembered(2) == ({digest({"at": 2}): 1, again: 1}, 2)
    assert boundary.remembered(2, complete=True) == ({digest({"at": 2}): 1}, 2)


def test_without_a_replication_key_only_rows_behind_the_state_are_expected_again() -> None:
    boundary = Boundary({}, None, None)
    boundary.handed(0, boundary.mark(raws([{"id": 1}, {"id": 2}, {"id": 3}])))

    assert boundary.remembered(2) == ({digest({"id": 3}): 1}, None)


def test_too_many_rows_at_the_boundary_are_not_remembered_at_all() -> None:
    boundary = Boundary({}, None, "at")
    boundary.handed(0, boundary.mark(raws([{"at": 1, "id": number} for number in range(REMEMBERED_ROWS + 1)])))

    remembered, greatest = boundary.remembered(REMEMBERED_ROWS + 1)

    assert (remembered, greatest) == (None, 1)


def test_too_many_rows_behind_the_state_are_not_remembered_at_all() -> None:
    boundary = Boundary({}, None, "at")
    for first in range(0, REMEMBERED_ROWS * 2, 1_000):
        boundary.handed(first, boundary.mark(raws([{"at": number} for number in range(first, first + 1_000)])))

    assert boundary.remembered(5)[0] is None


def test_after_a_boundary_that_was_too_wide_the_next_one_is_remembered_again() -> None:
    boundary = Boundary(None, 1, "at")
    boundary.handed(0, boundary.mark(raws([{"at": 1}, {"at": 2}])))

    assert boundary.remembered(2) == ({digest({"at": 2}): 1}, 2)


@pytest.mark.parametrize(
    ("values", "greatest"),
    [([1, None, 2], 2), (["a", 1, "b"], "b"), ([None, None], None), ([1, 2.5], 2.5)],
    ids=["nulls", "mixed types", "only nulls", "numbers"],
)
def test_values_without_an_order_do_not_end_a_run(values: list[object], greatest: object) -> None:
    boundary = Boundary({}, None, "at")

    boundary.handed(0, boundary.mark(raws([{"at": value} for value in values])))

    assert boundary.remembered(len(values))[1] == greatest


@given(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=4), st.randoms())
def test_the_hash_of_a_row_does_not_depend_on_the_order_of_its_columns(row: Row, random: Random) -> None:
    shuffled = list(row.items())
    random.shuffle(shuffled)

    assert digest(dict(shuffled)) == digest(row)


def test_the_hash_of_a_row_ignores_what_a_tap_adds_on_each_run() -> None:
    assert digest({"id": 1, "_sdc_extracted_at": "x"}) == digest({"id": 1, "_sdc_extracted_at": "y"})
    assert digest({"id": 1}) != digest({"id": "1"})
