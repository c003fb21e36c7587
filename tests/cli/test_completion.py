"""Completion answers from the parser and the project file, in a real shell too."""

from __future__ import annotations

import os
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
        (["state", "set", "tap-fake", ""], []),
        (["run", "tap-fake", ""], ["tap-fake"]),
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


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The command as shells find it on PATH."""
    program = tmp_path / "bin" / "dlt-singer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dlt_singer "$@"\n')
    program.chmod(0o755)
    return program


ASK = {
    "bash": 'COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _dlt_singer; echo "${{COMPREPLY[@]}}"',
    # What compinit would define, so that the test needs no terminal.
    "zsh": """
        compadd() {{ shift; print -- "$@"; }}
        _files() {{ print -- FILES; }}
        words=({words}); CURRENT=$#words; _dlt_singer
        """,
    "fish": "complete -C '{words}'",
}


@pytest.mark.parametrize("shell", ASK)
def test_a_shell_completes_by_its_script(shell: str, tap: FakeTap, cli: Cli, program: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")
    script = cli("completion", shell).out

    def completed(words: str) -> list[str]:
        code = f"{'compdef() { :; }' if shell == 'zsh' else ''}\n{script}\n{ASK[shell].format(words=words)}"
        environ = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(program.parent)}
        done = subprocess.run([shell, "-c", code], capture_output=True, text=True, check=True, env=environ)
        return done.stdout.split()

    assert completed("dlt-singer run tap-") == ["tap-fake"]
    assert completed("dlt-singer --project-dir bi") == {"bash": [], "zsh": ["FILES"], "fish": ["bin/"]}[shell]
