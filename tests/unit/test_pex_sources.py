"""What a build installs from: a copy of a local tap's source, a wheel as it is, and the uv that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlt_singer.errors import PluginBuildError
from dlt_singer.pex.build import _requirements_file, _uv
from dlt_singer.pex.commands import Workshop
from dlt_singer.pex.requirements import parse_pip_url


def write(file: Path, text: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def tap(tmp_path: Path) -> Path:
    """The source of a tap: a link to code beside it, a history, and what a build has left."""
    source = tmp_path / "taps" / "tap-x"
    write(source / "pyproject.toml", "[project]\n")
    write(source / ".git" / "HEAD", "ref: refs/heads/main\n")
    write(source / "build" / "old.py")
    write(tmp_path / "shared" / "common.py", "VALUE = 1\n")
    (source / "shared").symlink_to("../../shared")
    return source


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    (tmp_path / "private").mkdir()
    return Workshop("tap-x", tmp_path / "private", tmp_path, {}, print)


def test_a_local_tap_is_installed_from_a_copy_with_its_history_and_what_it_links_to(
    tap: Path, shop: Workshop
) -> None:
    wanted = _requirements_file(parse_pip_url("./taps/tap-x[s3] six", shop.root), shop)

    copy = shop.directory / "sources" / "0" / "tap-x"
    assert wanted.read_text().split() == [f"{copy}[s3]", "six"]
    assert sorted(path.name for path in copy.iterdir()) == [".git", "pyproject.toml", "shared"]
    assert (copy / "shared" / "common.py").read_text() == "VALUE = 1\n"
    assert (copy / ".git").resolve() == tap / ".git"


def test_a_tap_without_a_history_is_copied_without_one(tap: Path, shop: Workshop) -> None:
    (tap / ".git" / "HEAD").unlink()
    (tap / ".git").rmdir()

    _requirements_file(parse_pip_url("./taps/tap-x", shop.root), shop)

    assert not (shop.directory / "sources" / "0" / "tap-x" / ".git").is_symlink()


def test_a_wheel_is_installed_from_where_it_is(shop: Workshop) -> None:
    wheel = shop.root / "tap_y-1.0-py3-none-any.whl"
    wheel.touch()

    wanted = _requirements_file(parse_pip_url(f"./{wheel.name}", shop.root), shop)

    assert wanted.read_text().split() == [str(wheel)]
    assert not (shop.directory / "sources").exists()


def test_a_uv_that_did_not_come_with_us_is_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("uv.find_uv_bin", missing)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PluginBuildError, match=r"uv, which installs plugins, is not there\. Run `pip install uv`"):
        _uv()
    (tmp_path / "uv").touch(mode=0o755)
    assert _uv() == str(tmp_path / "uv")
