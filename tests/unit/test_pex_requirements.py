"""`pip_url` is read as pip's command line was, and says by name what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.errors import ConfigError
from dlt_singer.pex.requirements import FLAGS, Package, parse_pip_url


def texts(pip_url: str, root: Path = Path("/project")) -> list[str]:
    return [package.text for package in parse_pip_url(pip_url, root).packages]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "taps" / "tap-x").mkdir(parents=True)
    (tmp_path / "constraints.txt").write_text("six<2")
    (tmp_path / "tap_y-1.0-py3-none-any.whl").touch()
    (tmp_path / "wheels").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("pip_url", "packages"),
    [
        pytest.param("tap-x", ["tap-x"], id="a name"),
        pytest.param("tap-x[s3,db]==1.0", ["tap-x[s3,db]==1.0"], id="extras and a version"),
        pytest.param("tap-x~=1.0  singer-python<7", ["tap-x~=1.0", "singer-python<7"], id="several"),
        pytest.param(
            "'tap-x>1; python_version < \"3.12\"' six",
            ['tap-x>1; python_version < "3.12"', "six"],
            id="a quoted marker",
        ),
        pytest.param("tap-x == 1.0 six", ["tap-x == 1.0", "six"], id="spaces around the version"),
        pytest.param("tap-x @ git+https://h/x.git", ["tap-x @ git+https://h/x.git"], id="PEP 508 URL"),
        pytest.param("git+https://h/x.git@v1", ["git+https://h/x.git@v1"], id="git without a name"),
        pytest.param("git+https://h/x.git@v1#egg=tap-x", ["tap-x @ git+https://h/x.git@v1"], id="git with an egg"),
        pytest.param(
            "git+https://h/x.git#egg=tap-x[s3]&subdirectory=taps/x",
            ["tap-x[s3] @ git+https://h/x.git#subdirectory=taps/x"],
            id="git with extras and a subdirectory",
        ),
        pytest.param("git+ssh://git@h/x.git#egg=x", ["x @ git+ssh://git@h/x.git"], id="git over ssh"),
        pytest.param("git+git@h.org:a/x.git#egg=x", ["x @ git+ssh://git@h.org/a/x.git"], id="git scp form"),
        pytest.param("git+file:///repo#egg=x", ["x @ git+file:///repo"], id="a local git repository"),
        pytest.param("https://h/x-1.0.zip#egg=x", ["x @ https://h/x-1.0.zip"], id="an archive's URL"),
    ],
)
def test_requirements_become_what_uv_takes(pip_url: str, packages: list[str]) -> None:
    assert texts(pip_url) == packages


@pytest.mark.parametrize(
    "pip_url",
    [
        "./taps/tap-x",
        "taps/tap-x",
        "taps/../taps/tap-x/",
        "-e ./taps/tap-x",
        "--editable ./taps/tap-x",
        "{root}/taps/tap-x",
        "file://{root}/taps/tap-x",
        "'tap-x @ ./taps/tap-x'",
        "tap-x @ file://{root}/taps/tap-x",
    ],
)
def test_a_local_directory_is_found_from_the_projects_root(project: Path, pip_url: str) -> None:
    found = parse_pip_url(pip_url.format(root=project), project)

    assert found.packages == (Package("taps/tap-x", project / "taps" / "tap-x"),)


def test_a_local_path_keeps_its_extras(project: Path) -> None:
    named, bare = parse_pip_url("'tap-x[s3] @ ./taps/tap-x' ./taps/tap-x[db]", project).packages

    assert (named.extras, bare.extras) == ("[s3]", "[db]")


def test_a_local_wheel_is_a_local_path(project: Path) -> None:
    (package,) = parse_pip_url("tap_y-1.0-py3-none-any.whl", project).packages

    assert package.path == project / "tap_y-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("pip_url", "lines"),
    [
        pytest.param("x --index-url https://h/simple", ["--index-url https://h/simple"], id="an index"),
        pytest.param("x -i=https://h/s", ["--index-url https://h/s"], id="with an equals sign"),
        pytest.param("x --no-pypi", ["--no-index"], id="pex's own word"),
    ],
)
def test_places_of_packages_go_into_a_file_because_they_may_hold_credentials(
    pip_url: str, lines: list[str]
) -> None:
    found = parse_pip_url(pip_url, Path("/project"))

    assert list(found.file_lines) == lines


def test_files_that_flags_name_are_found_from_the_projects_root(project: Path) -> None:
    found = parse_pip_url("tap-x -c constraints.txt --find-links wheels", project)

    assert found.file_lines == (
        f"--constraint {project}/constraints.txt",
        f"--find-links {project}/wheels",
    )
    assert found.files == (project / "constraints.txt",)


def test_a_requirements_file_is_enough() -> None:
    found = parse_pip_url(f"-r {__file__}", Path("/project"))

    assert found.packages == ()


def test_flags_for_installing_and_for_packing_are_told_apart() -> None:
    found = parse_pip_url("x --pre --no-build --inherit-path=fallback --resolver-version pip-2020-resolver", Path())

    assert found.install_flags == ("--prerelease=allow", "--no-build")
    assert found.pack_flags == ("--inherit-path=fallback",)


def test_an_unknown_flag_is_refused_by_name_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="'--no-buildd'") as caught:
        parse_pip_url("tap-x --no-buildd", Path("/project"))

    assert "Did you mean '--no-build'?" in caught.value.remedy
    assert all(flag in caught.value.remedy for flag in FLAGS)


@pytest.mark.parametrize(
    ("pip_url", "said"),
    [
        pytest.param("", "nothing to install", id="nothing"),
        pytest.param("--pre", "nothing to install", id="only flags"),
        pytest.param("x --index-url", "needs a value", id="a flag without its value"),
        pytest.param("'x", "cannot be split", id="an open quote"),
        pytest.param("./nowhere", "is not there", id="a missing directory"),
    ],
)
def test_what_cannot_be_used_is_a_config_error(tmp_path: Path, pip_url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_pip_url(pip_url, tmp_path)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(pip_url: str) -> None:
    try:
        found = parse_pip_url(pip_url, Path("/nonexistent"))
    except ConfigError:
        return

    assert found.packages or found.file_lines
