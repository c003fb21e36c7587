"""A PEX that does not boot is damaged and leaves nothing, and nobody else prepares the place it unpacks to."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

import pytest

from dlt_singer.pex.boot import DamagedPexError, _private_directory, lay_out
from dlt_singer.pex.interpreters import running_interpreter
from dlt_singer.pex.seal import seal


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import sys; sys.exit('first\\nno module tap_x')", "no module tap_x"),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("print('venv')", "exit code 0"),
        ("print('/nowhere/venv')", "exit code 0"),
    ],
    ids=["it says why", "it says nothing", "it does not say where it is", "it is not where it says"],
)
def test_a_pex_that_does_not_boot_is_damaged_and_leaves_nothing(script: str, reason: str, tmp_path: Path) -> None:
    pex, roots = tmp_path / "0123456789abcdef0123", tmp_path / "pex_root"
    pex.write_text(script)
    seal(pex, pex)

    with pytest.raises(DamagedPexError) as caught:
        lay_out(pex, running_interpreter(), roots, print)

    assert str(caught.value) == reason
    assert [path for path in roots.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize("trap", ["open to all", "a link"])
def test_a_private_directory_that_somebody_else_could_have_prepared_is_not_used(
    trap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = _private_directory()
    same = _private_directory()
    if trap == "a link":
        own.rename(tmp_path / "theirs")
        own.symlink_to(tmp_path / "theirs")
    else:
        own.chmod(0o777)

    other = _private_directory()

    assert own == same != other
    assert stat.S_IMODE(other.lstat().st_mode) == 0o700
