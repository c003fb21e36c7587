"""Units dealt out to shares."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.errors import SelectionError
from dlt_singer.runs import place_in, spread
from dlt_singer.source.shares import reservoir_shares

SIZES = st.dictionaries(st.tuples(st.text(max_size=3), st.text(max_size=3)), st.integers(0, 100), max_size=20)


@given(SIZES, st.integers(1, 6))
def test_no_share_is_larger_than_the_smallest_by_more_than_one_unit(
    sizes: dict[tuple[str, str], int], number: int
) -> None:
    dealt = spread(sizes, number)

    loads = Counter(dict.fromkeys(range(number), 0))
    for unit, share in dealt.items():
        loads[share] += max(sizes[unit], 1)
    assert dealt.keys() == sizes.keys()
    assert max(loads.values()) - min(loads.values()) <= max([1, *sizes.values()])


@given(SIZES, st.integers(1, 6))
def test_the_order_in_which_units_are_found_says_nothing(sizes: dict[tuple[str, str], int], number: int) -> None:
    assert spread(sizes, number) == spread(dict(reversed(sizes.items())), number)


@pytest.mark.parametrize("share", ["", "2", "0/4", "5/4", "-1/4", "a/b"])
def test_what_names_no_share_is_refused(share: str) -> None:
    with pytest.raises(SelectionError, match="2/4"):
        place_in(share)


@pytest.mark.parametrize(
    ("number", "until"),
    [(2, None), (2, (datetime.now(timezone.utc) + timedelta(days=1)).isoformat()), (0, "2026-01-31")],
    ids=["no end", "an end to come", "no share"],
)
def test_shares_that_would_not_be_the_same_for_all_are_refused(number: int, until: str | None) -> None:
    with pytest.raises(SelectionError):
        reservoir_shares("tap-x", number, until=until)
