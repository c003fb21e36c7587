"""A build's key changes with what decides its content, and with nothing else."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from dlt_singer.pex.interpreters import Interpreter
from dlt_singer.pex.keys import content_digest, plugin_key
from dlt_singer.pex.requirements import parse_pip_url

PYTHON = Interpreter(Path("/usr/bin/python3.11"), "cpython", (3, 11, 7), "3.11", "Linux", "x86_64")


def key(
    pip_url: str = "tap-x==1.0",
    python: Interpreter = PYTHON,
    libc: str = "glibc 2.36",
    version: str | None = None,
    root: Path = Path("/project"),
) -> str:
    return plugin_key(parse_pip_url(pip_url, root), python, libc, version, root)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "taps" / "tap-x" / "tap_x"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("VALUE = 1\n")
    (package.parent / "pyproject.toml").write_text("[project]\n")
    return tmp_path


def local_key(project: Path) -> str:
    return key("./taps/tap-x", root=project)


def test_a_key_is_a_sha256() -> None:
    assert len(bytes.fromhex(key())) == 32


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"pip_url": "tap-x==1.1"}, id="another requirement"),
        pytest.param({"pip_url": "tap-x==1.0 --pre"}, id="another flag"),
        pytest.param({"pip_url": "tap-x==1.0 --no-compress"}, id="another pex flag"),
        pytest.param({"pip_url": "tap-x==1.0 -i https://host/simple"}, id="another index"),
        pytest.param({"python": dataclasses.replace(PYTHON, abi="3.12")}, id="another python"),
        pytest.param({"python": dataclasses.replace(PYTHON, abi="3.11t")}, id="another ABI"),
        pytest.param({"python": dataclasses.replace(PYTHON, implementation="pypy")}, id="another kind of python"),
        pytest.param({"python": dataclasses.replace(PYTHON, machine="arm64")}, id="another machine"),
        pytest.param({"python": dataclasses.replace(PYTHON, system="Darwin")}, id="another system"),
        pytest.param({"libc": "musl 1.2.4"}, id="another C library"),
        pytest.param({"version": "2"}, id="another _version"),
    ],
)
def test_the_key_changes_with(other: dict[str, object]) -> None:
    assert key(**other) != key()  # type: ignore[arg-type]  # a table of keyword arguments


@pytest.mark.parametrize(
    "same",
    [
        pytest.param({"pip_url": "  tap-x==1.0 "}, id="white space"),
        pytest.param({"python": dataclasses.replace(PYTHON, version=(3, 11, 9))}, id="the patch version"),
        pytest.param({"python": dataclasses.replace(PYTHON, path=Path("/opt/python"))}, id="the python's path"),
        pytest.param({"root": Path("/elsewhere")}, id="the project's place"),
    ],
)
def test_the_key_does_not_change_with(same: dict[str, object]) -> None:
    assert key(**same) == key()  # type: ignore[arg-type]  # a table of keyword arguments


def test_a_rotated_token_does_not_change_the_key() -> None:
    one = key("git+https://me:token1@host/x.git -i https://a:b@host/simple")
    two = key("git+https://me:token2@host/x.git -i https://a:c@host/simple")

    assert one == two


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda tap: (tap / "tap_x" / "__init__.py").write_text("VALUE = 2\n"), id="edited"),
        pytest.param(lambda tap: (tap / "tap_x" / "new.py").touch(), id="added"),
        pytest.param(lambda tap: (tap / "pyproject.toml").rename(tap / "setup.toml"), id="renamed"),
        pytest.param(lambda tap: (tap / "tap_x" / "__init__.py").unlink(), id="removed"),
    ],
)
def test_a_changed_file_of_a_local_tap_changes_the_key(project: Path, change: object) -> None:
    before = local_key(project)

    assert callable(change)
    change(project / "taps" / "tap-x")

    assert local_key(project) != before


@pytest.mark.parametrize(
    "leftover",
    [
        ".git/HEAD",
        "tap_x/__pycache__/x.pyc",
        "tap_x/x.pyc",
        ".DS_Store",
        "build/lib/x.py",
        "dist/x.whl",
        "tap_x.egg-info/PKG-INFO",
        ".venv/bin/python",
        ".ruff_cache/x",
    ],
)
def test_what_builds_and_tools_leave_behind_does_not_count(project: Path, leftover: str) -> None:
    before = local_key(project)

    path = project / "taps" / "tap-x" / leftover
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left")

    assert local_key(project) == before


def test_a_package_called_build_counts(project: Path) -> None:
    before = local_key(project)

    (project / "taps" / "tap-x" / "tap_x" / "build").mkdir()
    (project / "taps" / "tap-x" / "tap_x" / "build" / "x.py").touch()

    assert local_key(project) != before


def test_the_same_project_in_another_place_has_the_same_key(project: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(project / "taps", moved / "taps")

    assert local_key(moved) == local_key(project)


def test_a_constraints_file_counts_by_its_content(project: Path) -> None:
    (project / "c.txt").write_text("six<2")
    before = key("tap-x -c c.txt", root=project)

    (project / "c.txt").write_text("six<3")

    assert key("tap-x -c c.txt", root=project) != before


def test_moving_bytes_between_files_changes_the_digest(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, contents in ((one, ("ab", "c")), (two, ("a", "bc"))):
        folder.mkdir()
        for name, content in zip(("x", "y"), contents, strict=True):
            (folder / name).write_text(content)

    assert content_digest(one) != content_digest(two)
