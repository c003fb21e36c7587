"""The README's first command, in a clone that has nothing but Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipelines.conftest import Clone

REPOSITORY = Path(__file__).parents[2]
NEEDED = ("Makefile", "scripts", "constraints", "pyproject.toml", "README.md", "LICENSE", "dlt_singer")

pytestmark = [
    pytest.mark.registry,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make"),
    pytest.mark.skipif(find_spec("ensurepip") is None, reason="this Python makes no environments by itself"),
]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH with the tools of every system and this Python, but no uv."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    for name in ("make", "sh", "awk", "touch", "dirname", "env", "git"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    return str(tools)


def make(target: str, root: Path, path: str) -> str:
    done = subprocess.run(
        ["make", target],
        cwd=root,
        # pip would compile all that it installs, most of which is never imported.
        env={**os.environ, "PATH": path, "PIP_COMPILE": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_make_run_needs_only_python_and_installs_once(path: str, fresh: Clone) -> None:
    for name in NEEDED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, fresh.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, fresh.root / name)

    first = make("run", fresh.root, path)
    second = make("run", fresh.root, path)

    assert "Installing dlt-singer[duckdb] into .venv" in first
    assert "Built tap-carbon-intensity" in first
    assert "Great Britain, 01 January 2024 to 07 January 2024" in first
    assert "Installing" not in second
    assert "Building" not in second
    assert "entry: 6,048 rows, 18 of them from this run" in second
