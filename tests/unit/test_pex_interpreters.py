"""The interpreter a plugin asks for is found if it runs, else those that do are listed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlt_singer.errors import InterpreterNotFoundError
from dlt_singer.pex.interpreters import find_interpreter, libc, probe, running_interpreter

RUNNING = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH and a pyenv of one's own."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def pretend_python(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = f'["cpython", [{version.replace(".", ", ")}], "", "Linux", "x86_64", false]'
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_without_a_wish_it_is_the_one_under_our_own_environment() -> None:
    found = find_interpreter(None)

    assert found.version == sys.version_info[:3]
    assert found.path.exists()
    assert probe(found.path) == found


@pytest.mark.parametrize("wanted", [RUNNING, f"python{RUNNING}", f"cpython@{RUNNING}"])
def test_the_running_version_is_taken_however_it_is_written(wanted: str) -> None:
    assert find_interpreter(wanted) == running_interpreter()


def test_a_path_is_taken_as_it_is() -> None:
    assert find_interpreter(sys.executable).path == Path(sys.executable)


def test_an_interpreter_on_the_path_is_found(lonely: Path) -> None:
    python = pretend_python(lonely / "bin" / "python3.7", "3.7.16")

    assert find_interpreter("3.7").path == python


def test_a_shim_that_fails_is_passed_over_for_pyenvs_own_interpreter(lonely: Path) -> None:
    shim = lonely / "bin" / "python3.7"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.7: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    pretend_python(lonely / "pyenv" / "versions" / "3.7.9" / "bin" / "python3", "3.7.9")
    newest = pretend_python(lonely / "pyenv" / "versions" / "3.7.16" / "bin" / "python3", "3.7.16")

    assert find_interpreter("3.7").path == newest


def test_an_exact_patch_version_is_respected(lonely: Path) -> None:
    pretend_python(lonely / "bin" / "python3.7", "3.7.16")
    exact = pretend_python(lonely / "pyenv" / "versions" / "3.7.9" / "bin" / "python3", "3.7.9")

    assert find_interpreter("3.7.9").path == exact


def test_an_interpreter_that_only_uv_knows_is_found(lonely: Path) -> None:
    python = pretend_python(lonely / "cellar" / "python3", "3.7.16")
    uv = lonely / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\ncase \"$*\" in *' 3.7') echo {python};; *) exit 2;; esac\n")
    uv.chmod(0o755)

    assert find_interpreter("3.7").path == python
    with pytest.raises(InterpreterNotFoundError):
        find_interpreter("3.4")


def test_a_missing_version_lists_those_that_were_found(lonely: Path) -> None:
    python = pretend_python(lonely / "bin" / "python3.7", "3.7.16")

    with pytest.raises(InterpreterNotFoundError, match=r"asks for python '3\.4'") as caught:
        find_interpreter("3.4")

    assert f"3.7.16 at {python}" in caught.value.reason


def test_what_is_no_interpreter_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("not executable")

    with pytest.raises(InterpreterNotFoundError):
        find_interpreter(str(tmp_path / "python"))


def test_the_c_library_has_a_family() -> None:
    assert libc().split()[0] in {"glibc", "musl", "macos"}
