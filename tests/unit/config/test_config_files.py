from collections.abc import Callable
from pathlib import Path

import pytest

from dlt_singer.config import Project, load_project
from dlt_singer.errors import (
    ConfigError,
    ProjectNotFoundError,
)

LoadYaml = Callable[..., Project]


def test_the_project_is_found_from_a_directory_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    (tmp_path / "alto.yaml").write_text("default: {project_name: found}")
    monkeypatch.chdir(below)

    project = load_project(environ={})

    assert (project.project_name, project.root) == ("found", tmp_path)


def test_a_given_directory_is_not_left(tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").touch()
    below = tmp_path / "below"
    below.mkdir()

    with pytest.raises(ProjectNotFoundError, match=f"No project file .* in {below}"):
        load_project(below, environ={})


def test_two_project_files_side_by_side_are_both_named(tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").touch()
    (tmp_path / "alto.toml").touch()

    with pytest.raises(ConfigError, match=r"alto\.yaml and alto\.toml"):
        load_project(tmp_path, environ={})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alto.yaml", "default: {taps: {tap-x: {pip_url: tap-x, config: {since: 2024-01-02, n: 1.5}}}}"),
        ("alto.yml", "DEFAULT:\n  TAPS:\n    tap-x: {pip_url: tap-x, config: {since: '2024-01-02', n: 1.5}}"),
        ("alto.toml", '[default.taps.tap-x]\npip_url = "tap-x"\nconfig = {since = 2024-01-02, n = 1.5}'),
        (
            "alto.json",
            '{"default": {"taps": {"tap-x": {"pip_url": "tap-x", "config": {"since": "2024-01-02", "n": 1.5}}}}}',
        ),
    ],
    ids=["yaml", "yml in capitals", "toml", "json"],
)
def test_every_format_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    tap = load_project(tmp_path, environ={}).tap("tap-x")

    assert tap.config == {"since": "2024-01-02", "n": 1.5}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alto.yaml", "default:\n  a: hunter2\n  b: *hunter2\n"),
        ("alto.yaml", "default:\n  a: [hunter2\n"),
        ("alto.toml", "[default]\na = hunter2\n"),
        ("alto.json", '{"default":\n {"a": hunter2}}'),
    ],
    ids=["yaml alias", "yaml bracket", "toml", "json"],
)
def test_a_broken_file_is_named_with_its_line_but_not_quoted(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(ConfigError, match=rf"{name} cannot be read: .*line \d") as caught:
        load_project(tmp_path, environ={})

    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default:\n\ta: 1\n", r"found character '\t' that cannot start"),
        ("default\n  a: 1\nb: 2\n", "mapping values are not allowed"),
        ("default:\n  a: [1\n  b: hunter2\n", "expected ',' or ']', but got ':'"),
    ],
    ids=["a tab", "a colon is missing", "a bracket is missing"],
)
def test_what_the_parser_expected_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "alto.yaml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path, environ={})

    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_key_that_stands_twice_is_refused(load: LoadYaml) -> None:
    with pytest.raises(ConfigError, match="twice"):
        load("default:\n  project_name: a\n  project_name: b")
