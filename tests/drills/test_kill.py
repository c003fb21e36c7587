"""A few rounds of the kill drill; `make drills` runs two hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("store", "rounds"), [("local", 3), ("s3", 1)])
def test_after_a_kill_at_any_moment_all_rows_are_there_and_can_be_replayed(store: str, rounds: int) -> None:
    command = [sys.executable, "-m", "tests.drills.kill", "--rounds", str(rounds), "--store", store, "--seed", "7"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
