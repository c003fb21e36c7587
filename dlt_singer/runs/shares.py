"""How what is to be replayed is cut into shares of equal size. Pure; the same input gives the same shares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from dlt_singer.errors import SelectionError
from dlt_singer.runs.lineage import Chain
from dlt_singer.runs.plan import Manner, Plan

Unit = TypeVar("Unit", bound=tuple[str, ...])


def place_in(share: str) -> tuple[int, int]:
    """Return which share is meant, and of how many.

    Args:
        share: As options and variables have it.

    Raises:
        SelectionError: It is none.

    Example:
        >>> place_in("2/4")
        (2, 4)
    """
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", share)
    place, number = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= place <= number:
        raise SelectionError(f"'{share}' is no share.", "Write the second of four as 2/4.")
    return place, number


def spread(sizes: Mapping[Unit, int], number: int) -> dict[Unit, int]:
    """Return the share that each unit is in, the largest units dealt first, each to the smallest share.

    Args:
        sizes: Units that must not be cut further, with their sizes.
        number: How many shares there are; some may stay empty.

    Example:
        >>> spread({("users",): 5, ("logs", "run 1"): 3, ("logs", "run 2"): 3}, 2)
        {('users',): 0, ('logs', 'run 1'): 1, ('logs', 'run 2'): 1}
    """
    loads = [0] * number
    dealt: dict[Unit, int] = {}
    for unit in sorted(sizes, key=lambda unit: (-sizes[unit], unit)):
        share = loads.index(min(loads))
        # A unit without a byte is work all the same.
        loads[share] += max(sizes[unit], 1)
        dealt[unit] = share
    return dealt


def divides(chain: Chain, manner: Manner, found: Plan) -> bool:
    """Return whether the runs of a stream whose rows are added may be loaded in any order, and give the same.

    Not if a run may replace the table; nor if the runs differ in their columns, since those of the table would
    depend on who comes first.
    """
    ends = [run.streams[chain.stream] for run in found.runs]
    files = [file for run in found.runs for file in run.files_of(chain.stream)]
    columns = {end.schema_id for end in ends} | {file.schema_id for file in files}
    replaces = manner.whole or any(end.versions for end in ends)
    return len(columns) == 1 and not replaces
