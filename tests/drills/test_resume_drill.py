"""The resume drill in seconds; `make drills` takes its time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "words", [["--seconds", "5"], ["--seconds", "3", "--markers"]], ids=["resumable", "markers"]
)
def test_a_run_that_was_killed_halfway_is_gone_on_from_if_the_tap_can_be(words: list[str]) -> None:
    command = [sys.executable, "-m", "tests.drills.resume", "--checkpoints", "20", *words]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
