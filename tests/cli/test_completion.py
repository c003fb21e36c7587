"""Completion answers from the parser and the project file, in a real shell too."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlt_singer.testing import FakeTap
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["ru"], ["run"]),
        (["state", "e"], ["edit", "export"]),
        (["run", "tap-f"], ["tap-fake"]),
        (["run", "--str"], ["--streams"]),
        (["run", "--refresh", "drop_d"], ["drop_data"]),
        (["run", "--dataset", ""], []),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["--env", "x", "lis"], ["list"]),
        (["state", "show", ""], ["tap-fake"]),
    ],
    ids=" ".join,
)
def test_what_may_come_next_is_offered(typed: list[str], offered: list[str], tap: FakeTap, cli: Cli) -> None:
    assert cli("__complete", *typed).out.split() == offered


def test_nothing_is_offered_where_there_is_no_project(cli: Cli) -> None:
    said = cli("__complete", "run", "")

    assert (said.code, said.out.strip(), said.err) == (0, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str, cli: Cli) -> None:
    script = cli("completion", shell).out

    assert "dlt-singer __complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n", "-c" if shell != "fish" else "--command", script], check=True)


def test_bash_completes_by_its_script(tap: FakeTap, cli: Cli, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "dlt-singer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dlt_singer "$@"\n')
    program.chmod(0o755)
    code = cli("completion", "bash").out + (
        'COMP_WORDS=(dlt-singer run tap-); COMP_CWORD=2; _dlt_singer; echo "${COMPREPLY[@]}"'
    )
    path = f"{program.parent}:/usr/bin:/bin"

    done = subprocess.run(["bash", "-c", f"export PATH={path}\n{code}"], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "tap-fake"
