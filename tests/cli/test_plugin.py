"""`dlt singer`: the same command line, through dlt's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dlt_singer.run_context import plug_cli
from dlt_singer.testing import FakeTap


def dlt(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("dlt")), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


def test_dlt_has_the_command_line_as_singer(tap: FakeTap, tmp_path: Path) -> None:
    listed = dlt("singer", "list", "--json", cwd=tmp_path)
    shown = dlt("singer", "run", "--help", cwd=tmp_path)

    assert '"tap-fake"' in listed.stdout
    assert shown.stdout.startswith("Usage: dlt singer run <tap>... [options]\n")


def test_exit_codes_and_errors_are_ours(tap: FakeTap, tmp_path: Path) -> None:
    refused = dlt("singer", "--env", "default", "run", "tap-fak", cwd=tmp_path)

    assert refused.returncode == 2
    assert refused.stderr == (
        "Error: No plugin 'tap-fak' in alto.yaml.\n  Did you mean 'tap-fake'? Known taps: tap-fake.\n"
    )


def test_other_programs_of_dlts_do_not_get_it() -> None:
    assert plug_cli("dlthub") is None
