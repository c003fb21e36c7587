"""Mutation testing of what `[tool.mutmut]` names: `python scripts/mutants.py [--sample 300] [--seed 1]`.

One thing is changed in one function (a comparison, a constant, an argument), and the tests must notice.
Changes are drawn from all possible ones, the same each time. Lists those that no test noticed, and fails if fewer
than 85 % were. Works in `mutants/`, which is kept: what was tried is not tried again.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

MUTMUT = Path(sys.executable).with_name("mutmut")
LEAST_PERCENT = 85
UNNOTICED = (0, 5, 33)
"""What mutmut writes down of a change that the tests passed, or that none of them met."""


def main() -> None:
    """Draw, try, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # It makes all changes, and then finds that none has this name.
    subprocess.run([MUTMUT, "run", "none"], check=False, capture_output=True)
    every = sorted(results())
    dice = random.Random(arguments.seed)  # noqa: S311 - a sample is no secret
    drawn = dice.sample(every, min(arguments.sample, len(every)))
    subprocess.run([MUTMUT, "run", "--max-children", "2", *drawn], check=True, stdout=subprocess.DEVNULL)
    found = results()
    unnoticed = [name for name in drawn if found[name] in UNNOTICED]
    percent = 100 * (1 - len(unnoticed) / len(drawn))
    print("\n".join(sorted(unnoticed)))
    print(
        f"{percent:.1f} % of {len(drawn)} changes were noticed, drawn from {len(every)} with seed {arguments.seed}"
    )
    sys.exit(percent < LEAST_PERCENT)


def results() -> dict[str, int | None]:
    """Return how the tests ended under each change; None if it was not tried."""
    found: dict[str, int | None] = {}
    for file in Path("mutants/dlt_singer").rglob("*.meta"):
        found |= json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


if __name__ == "__main__":
    main()
