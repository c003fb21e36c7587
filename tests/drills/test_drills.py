"""A short selection of the drills; `make drills` does all of them, and in hundreds of rounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


# Half a minute, unless others use the machine, too.
@pytest.mark.timeout(400)
def test_whatever_goes_wrong_nothing_is_lost_doubled_or_left_and_the_next_run_heals() -> None:
    command = [sys.executable, "-m", "tests.drills", "--short", "--rounds", "1", "--seed", "7"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
