"""uv looks for packages where pip would, unless the user told uv otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlt_singer.pex.pip_settings import pip_files, uv_variables


@pytest.fixture
def pip_conf(tmp_path: Path) -> Path:
    path = tmp_path / "pip.conf"
    path.write_text(
        "[global]\nindex-url = https://host/simple\nextra_index_url =\n    https://a/simple\n    https://b/simple\n"
        "[install]\nfind-links = /wheels /more\n[list]\nindex-url = https://no\n"
    )
    return path


def test_pips_file_becomes_uvs_variables(pip_conf: Path) -> None:
    assert uv_variables({}, [pip_conf]) == {
        "UV_DEFAULT_INDEX": "https://host/simple",
        "UV_EXTRA_INDEX_URL": "https://a/simple https://b/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_pips_variables_win_over_its_files(pip_conf: Path) -> None:
    found = uv_variables({"PIP_INDEX_URL": "https://env/simple", "PIP_CERT": "/etc/my ca.pem"}, [pip_conf])

    assert found["UV_DEFAULT_INDEX"] == "https://env/simple"
    assert found["SSL_CERT_FILE"] == "/etc/my ca.pem"


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_the_user_told_uv_wins_over_pip(pip_conf: Path, name: str) -> None:
    found = uv_variables({name: "https://uv/simple"}, [pip_conf])

    assert "UV_DEFAULT_INDEX" not in found
    assert "UV_FIND_LINKS" in found


def test_without_extra_indexes_uvs_own_strategy_stays() -> None:
    assert uv_variables({"PIP_INDEX_URL": "https://h"}, []) == {"UV_DEFAULT_INDEX": "https://h"}


def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("no section")

    assert uv_variables({}, [tmp_path / "broken", tmp_path / "missing"]) == {}


def test_pips_files_are_those_of_the_machine_then_of_the_user_then_the_chosen_one() -> None:
    files = pip_files({"HOME": "/home/me", "PIP_CONFIG_FILE": "/my.conf"})

    assert files.index(Path("/etc/pip.conf")) < files.index(Path("/home/me/.pip/pip.conf"))
    assert files[-1] == Path("/my.conf")


def test_pips_files_can_be_turned_off() -> None:
    assert pip_files({"PIP_CONFIG_FILE": os.devnull}) == []
