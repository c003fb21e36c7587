"""What uv and pex say reaches the user, without credentials and without the noise."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlt_singer.errors import PluginBuildError
from dlt_singer.pex.commands import Workshop, tool_variables


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop("tap-x", tmp_path / "private", tmp_path, {"PATH": "/usr/bin:/bin"}, print)


def failure(shop: Workshop, script: str) -> PluginBuildError:
    with pytest.raises(PluginBuildError) as caught:
        shop.run(["sh", "-c", script], "Installing")
    return caught.value


def test_a_tool_that_ends_well_says_nothing(shop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.run(["sh", "-c", "echo Resolved 3 packages; echo more >&2"], "Installing")

    assert capsys.readouterr().out == ""


def test_a_failure_shows_the_tools_own_last_words(shop: Workshop) -> None:
    said = failure(shop, "echo 'Using Python 3.11'; echo 'no way' >&2; exit 3").reason

    assert said == "Installing failed for tap-x:\n    no way\n"


def test_a_silent_failure_shows_the_exit_code(shop: Workshop) -> None:
    assert "exit code 3" in failure(shop, "exit 3").reason


def test_credentials_in_a_tools_words_are_removed(shop: Workshop) -> None:
    said = str(failure(shop, "echo cannot fetch https://me:hunter22@host/x?token=abc; exit 1"))

    assert "https://host/x" in said
    assert "hunter22" not in said
    assert "abc" not in said


def test_the_private_directory_is_not_shown(shop: Workshop) -> None:
    assert str(shop.directory) not in failure(shop, f"echo {shop.directory}/venv is bad; exit 1").reason


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        pytest.param("error sending request for url", "Check the network", id="network"),
        pytest.param("Git operation failed: Could not resolve host", "repository's URL", id="git"),
        pytest.param("No solution found: because there is no version of x==99", "Check name", id="no version"),
        pytest.param("the current Python version (3.8) does not satisfy", "another interpreter", id="python"),
        pytest.param("No solution found: a depends on singer-python>=6", "Loosen a version", id="conflict"),
        pytest.param("Failed to build x", "older `python:`", id="build"),
        pytest.param("something else", "Correct `pip_url`", id="anything else"),
    ],
)
def test_the_remedy_fits_the_reason(shop: Workshop, said: str, remedy: str) -> None:
    assert remedy in failure(shop, f"echo '{said}'; exit 1").remedy


def test_the_tools_environment_is_the_users_without_what_would_lead_them_astray(tmp_path: Path) -> None:
    users = {"HOME": "/me", "PYTHONPATH": "/x", "PEX_PYTHON": "/y", "VIRTUAL_ENV": "/z", "UV_INDEX": "https://u"}
    users["XDG_CACHE_HOME"] = str(tmp_path)

    found = tool_variables(users, {"UV_FIND_LINKS": "/wheels"}, tmp_path)

    assert found["HOME"] == "/me"
    assert (found["UV_INDEX"], found["UV_FIND_LINKS"]) == ("https://u", "/wheels")
    assert not {"PYTHONPATH", "PEX_PYTHON", "VIRTUAL_ENV"} & set(found)
    assert found["TMPDIR"] == str(tmp_path)


@pytest.mark.parametrize(
    ("users", "private"),
    [
        pytest.param({"XDG_CACHE_HOME": "/proc/nowhere"}, True, id="no writable home"),
        pytest.param({"XDG_CACHE_HOME": "{tmp}"}, False, id="a writable home"),
        pytest.param({"XDG_CACHE_HOME": "/proc/nowhere", "UV_CACHE_DIR": "/chosen"}, False, id="chosen"),
    ],
)
def test_uvs_cache_is_private_where_the_home_cannot_be_written(
    tmp_path: Path, users: dict[str, str], *, private: bool
) -> None:
    users = {name: value.format(tmp=tmp_path) for name, value in users.items()}

    found = tool_variables(users, {}, tmp_path / "build")

    assert (found.get("UV_CACHE_DIR") == str(tmp_path / "build" / "uv_cache")) == private
