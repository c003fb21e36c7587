"""All drills, and one table at the end: drill, rounds, losses, leftovers.

python -m tests.drills [--short | --only TEXT ...] [--rounds N] [--seed N]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.drills.drill import Result, perform
from tests.drills.table import DRILLS, SHORT

HEAD = ("drill", "rounds", "losses", "leftovers", "")


def main() -> None:
    """Do the drills that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="drills with one of these texts in their names")
    parser.add_argument("--short", action="store_true", help="what the tests do")
    parser.add_argument("--rounds", type=int, help="rounds of each, in place of its own number")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wanted = SHORT if arguments.short else arguments.only or [""]
    drills = [drill for drill in DRILLS if any(each in drill.name for each in wanted)]
    directory = Path(tempfile.mkdtemp(prefix="drill-"))
    results = perform(drills, directory, arguments.seed, arguments.rounds)
    show(results)
    if any(result.losses or result.leftovers for result in results):
        sys.exit(1)
    shutil.rmtree(directory)


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    rows = [HEAD, *(result.row for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers, notes in rows:
        cells = [
            name.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False)),
        ]
        print("  ".join([*cells, notes]).rstrip())  # noqa: T201


if __name__ == "__main__":
    main()
