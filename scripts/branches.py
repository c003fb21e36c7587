"""How many branches the tests took, from coverage's JSON: `coverage json -o - | python scripts/branches.py`."""

from __future__ import annotations

import json
import sys

LEAST_PERCENT = 95


def main() -> None:
    """Say it; fail if it is too few."""
    totals = json.load(sys.stdin)["totals"]
    percent = totals["percent_branches_covered"]
    print(f"{totals['covered_branches']} of {totals['num_branches']} branches taken: {percent:.1f} %")
    sys.exit(percent < LEAST_PERCENT)


if __name__ == "__main__":
    main()
