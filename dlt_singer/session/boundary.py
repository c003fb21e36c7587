"""Rows of a stream without keys that a tap will send again, so that each is loaded once.

Singer bookmarks are inclusive: a run starts with the rows at the bookmark, and with those handed over after the
last STATE that counted. Their hashes are kept as a multiset; as many equal rows are dropped, no more. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import msgspec

from dlt_singer._types import JSON
from dlt_singer.messages import members_of

REMEMBERED_ROWS = 10_000
_TECHNICAL_PREFIX = "_sdc_"


class _Comparable(Protocol):
    def __lt__(self, other: object, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """One row as the boundary sees it: its hash, its replication value, and whether the last run had it."""

    digest: str
    value: JSON
    known: bool


class Boundary:
    """The rows at one stream's edge between two runs.

    Args:
        remembered: Hashes and counts kept by the last run, None if there were too many to keep.
        greatest: The replication value the remembered ties have.
        replication_key: The property the tap bookmarks by; without it only rows after the last counted STATE
            are remembered.
    """

    def __init__(self, remembered: Mapping[str, int] | None, greatest: JSON, replication_key: str | None) -> None:
        self._expected = Counter(remembered or {})
        self._ties = Counter(remembered or {})
        self._unmet = Counter(remembered or {})
        self._greatest = greatest
        self._key = replication_key
        self._moved = False
        self._uncounted: deque[tuple[int, Mark]] = deque()
        self._folded = 0

    def mark(self, raws: Iterable[bytes | msgspec.Raw]) -> list[Mark]:
        """Compare rows, in order of arrival, with what is expected again; drop those that are `known`.

        Args:
            raws: The rows as the tap's JSON text, so that it does not matter how they are decoded.
        """
        return [self._mark(members_of(bytes(raw))) for raw in raws]

    def handed(self, first: int, marks: Sequence[Mark]) -> None:
        """Note rows that were handed over; `first` is the number of the first of them within the run."""
        self._uncounted.extend(enumerate(marks, first))
        self._unmet.subtract(mark.digest for mark in marks if mark.known)
        # Only so many can be kept for the next run anyway, so do not hold more in memory.
        while len(self._uncounted) > REMEMBERED_ROWS:
            self._fold_next()

    def remembered(self, counted: int, *, complete: bool = False) -> tuple[dict[str, int] | None, JSON]:
        """Return what the next run must expect again.

        Args:
            counted: How many rows of this run stand before the STATE that counts.
            complete: The stream was read to its end: what was expected and did not come will not.

        Returns:
            Hashes with counts, None if there are more than `REMEMBERED_ROWS`; and the greatest replication value.
        """
        while self._uncounted and self._uncounted[0][0] < counted:
            self._fold_next()
        expected = self._ties + Counter(mark.digest for _, mark in self._uncounted if not self._in_ties(mark))
        if self._moved and not complete:
            expected += self._unmet
        too_many = counted < self._folded or expected.total() > REMEMBERED_ROWS
        return None if too_many else dict(expected), self._greatest

    def _mark(self, members: Mapping[str, bytes]) -> Mark:
        digest = row_hash(members)
        known = self._expected[digest] > 0
        if known:
            self._expected[digest] -= 1
        return Mark(digest, json.loads(members.get(self._key or "", b"null")), known)

    def _fold_next(self) -> None:
        number, mark = self._uncounted.popleft()
        self._folded = number + 1
        if self._key is None:
            return
        if _greater(mark.value, self._greatest):
            self._greatest, self._ties, self._moved = mark.value, Counter(), True
        if mark.value == self._greatest and not self._in_ties(mark):
            self._ties[mark.digest] += 1

    def _in_ties(self, mark: Mark) -> bool:
        """A known row stands in the ties of the last run already, as long as those are still the ties."""
        return mark.known and not self._moved


def row_hash(members: Mapping[str, bytes]) -> str:
    """Hash a row by its values' text, whatever the order of its keys and without technical `_sdc_` columns."""
    kept = sorted((key, text) for key, text in members.items() if not key.startswith(_TECHNICAL_PREFIX))
    return hashlib.blake2b(repr(kept).encode(), digest_size=12).hexdigest()


def _greater(value: JSON, than: JSON) -> bool:
    if value is None or than is None:
        return value is not None
    try:
        return bool(cast("_Comparable", than) < value)
    except TypeError:
        # A replication key that changes its type has no order; equal values still tie.
        return value != than
