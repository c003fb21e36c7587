"""dlt is imported for a tap's settings only where its files may have some."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import sys
from dlt_singer.source.definition import Definition
from dlt_singer.source.overlay import tap_of
tap = tap_of("tap-x", None, None, {})
print(Definition(tap).streams(None), tap.plugin.resolved_config(), "dlt" in sys.modules)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "alto.yaml").write_text("default: {taps: {tap-x: {command: [tap-x], streams: [a]}}}")
    (tmp_path / ".dlt").mkdir()
    return tmp_path


def ask(directory: Path, **variables: str) -> str:
    environ = {**os.environ, "HOME": str(directory), **variables}
    return subprocess.check_output([sys.executable, "-c", ASK], cwd=directory, env=environ, text=True).strip()


def test_without_anything_of_ours_in_dlts_files_dlt_is_not_imported(project: Path) -> None:
    (project / ".dlt" / "config.toml").write_text("[runtime]\nlog_level = 'INFO'\n# [sources.singer.tap_x]\n")
    (project / ".dlt" / "example.secrets.toml").write_text("[sources.singer.tap_x.config]\naccount = '...'\n")

    assert ask(project) == "('a',) {} False"
    assert ask(project, SOURCES__SINGER__TAP_X__CONFIG__ACCOUNT="7") == "('a',) {'account': '7'} False"


def test_dlt_is_asked_too_if_its_directory_is_where_the_desktop_keeps_data(project: Path) -> None:
    (project / "data" / "dlt").mkdir(parents=True)
    (project / "data" / "dlt" / "config.toml").write_text("[sources.singer.tap_x.config]\naccount = 'mine'\n")

    assert ask(project).endswith(" False")
    assert ask(project, XDG_DATA_HOME=str(project / "data")).endswith(" True")


def test_a_value_where_the_settings_of_a_tap_belong_is_refused_by_its_place(project: Path) -> None:
    (project / ".dlt" / "config.toml").write_text("[sources.singer]\ntap_x = 'mine'\n")
    environ = {**os.environ, "HOME": str(project)}

    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=project, env=environ, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert ".dlt/*.toml [sources.singer] is a value of type mapping; expected a mapping of mappings" in done.stderr


def test_a_variable_for_a_whole_section_hides_those_for_parts_of_it(project: Path) -> None:
    variables = {"SOURCES__SINGER__TAP_X__CONFIG": "{}", "SOURCES__SINGER__TAP_X__CONFIG__ACCOUNT": "7"}

    assert ask(project, **variables) == "('a',) {} False"


@pytest.mark.parametrize("place", ["the project", "a directory above", "DLT_PROJECT_DIR"])
def test_what_dlts_files_say_is_heeded_wherever_dlt_finds_them(project: Path, place: str) -> None:
    directory = project if place == "the project" else project / "below"
    directory.mkdir(exist_ok=True)
    if place == "a directory above":
        # which dlt does only in a project that keeps its pipelines
        (project / "alto.yaml").write_text(
            "default: {data_dir: .dlt/data, taps: {tap-x: {command: [tap-x], streams: [a]}}}"
        )
    (project / ".dlt" / "secrets.toml").write_text("[sources.singer.tap_x.config]\naccount = 'mine'\n")

    variables = {"DLT_PROJECT_DIR": str(project)} if place == "DLT_PROJECT_DIR" else {}

    assert ask(directory, **variables) == "('a',) {'account': 'mine'} True"
