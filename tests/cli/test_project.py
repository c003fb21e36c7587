"""`init` and `add`: a stranger's first minutes, with nothing but what is printed to go by."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dlt_singer.cli.adding import _comments
from dlt_singer.cli.scaffold import sample_tap
from dlt_singer.cli.show import setting_rows
from dlt_singer.config import load_project
from tests.cli.conftest import Cli

Screen = Callable[[str, str], None]
TAP = '''\
"""A tap that says what it takes."""

import json
import sys

ABOUT = {
    "capabilities": ["catalog", "discover", "state"],
    "settings": {
        "type": "object",
        "required": ["path", "api_key"],
        "properties": {
            "api_key": {"type": ["string", "null"], "secret": True, "description": "The key. Ask for it."},
            "path": {"type": "string", "description": "Where the files are."},
            "limit": {"type": ["integer", "null"], "default": 100, "description": "How many."},
            "stream_maps": {"type": "object"},
        },
    },
}
CATALOG = {"streams": [{
    "tap_stream_id": "words", "stream": "words", "key_properties": ["id"], "metadata": [],
    "schema": {"properties": {"id": {"type": "integer"}, "key": {"type": "string"}}},
}]}


def main():
    if "--about" in sys.argv:
        print(json.dumps(ABOUT))
    elif "--discover" in sys.argv:
        print(json.dumps(CATALOG))
    elif "--config" in sys.argv:
        config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
        stream = CATALOG["streams"][0]
        schema = {"type": "SCHEMA", "stream": "words", "schema": stream["schema"], "key_properties": ["id"]}
        print(json.dumps(schema))
        for number in range(config["limit"]):
            record = {"id": number, "key": config["path"]}
            print(json.dumps({"type": "RECORD", "stream": "words", "record": record}))
    else:
        print("usage: tap-words")
'''


PYTHON = ("--python", ".".join(map(str, sys.version_info[:2])))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a tap that can be built without the network."""
    root = tmp_path_factory.mktemp("source") / "tap-words"
    root.mkdir()
    (root / "tap_words.py").write_text(TAP)
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "tap-words"\nversion = "1"\n[project.scripts]\ntap-words = "tap_words:main"\n'
        '[tool.hatch.build.targets.wheel]\ninclude = ["tap_words.py"]\n'
    )
    return root


def test_init_writes_a_project_with_a_sample(cli: Cli, same_screen: Screen, tmp_path: Path) -> None:
    said = cli("init", "--yes")

    same_screen("init", said.screen)
    tap = load_project(tmp_path).tap("tap-carbon-intensity")
    assert (tmp_path / "taps" / "tap-carbon-intensity" / "pyproject.toml").is_file()
    assert tap.pip_url == "./taps/tap-carbon-intensity"
    assert load_project(tmp_path, "live").tap("tap-carbon-intensity").public_config() == {"sample": False}
    assert load_project(tmp_path).data_dir == tmp_path / ".alto" / "dlt"
    compile((tmp_path / "carbon_intensity_pipeline.py").read_text(), "pipeline", "exec")


def test_init_asks_nothing_without_a_terminal_and_takes_a_directory(cli: Cli, tmp_path: Path) -> None:
    said = cli("init", "new", "--no-sample", "--destination", "postgres")

    assert said.code == 0
    assert "cd new" in said.out
    assert load_project(tmp_path / "new").project_name == "new"
    assert 'destination_type = "postgres"' in (tmp_path / "new" / ".dlt" / "config.toml").read_text()
    assert not (tmp_path / "new" / "taps").exists()


@pytest.mark.parametrize(
    ("words", "answers"),
    [(["init"], "weather\nfilesystem\nn\n"), (["init", "--no-sample"], "weather\nfilesystem\n")],
    ids=["about all", "about no sample that was declined already"],
)
def test_init_asks_at_a_terminal(words: list[str], answers: str, cli: Cli, tmp_path: Path) -> None:
    said = cli(*words, answers=answers)

    assert (said.code, said.out.count("sample tap")) == (0, 1 if words == ["init"] else 0)
    assert load_project(tmp_path).project_name == "weather"
    assert 'destination_type = "filesystem"' in (tmp_path / ".dlt" / "config.toml").read_text()
    assert len(load_project(tmp_path).taps) == 0


def test_init_leaves_alone_what_is_there(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n*.duckdb")

    cli("init", "--yes")
    again = cli("init", "--yes")

    assert (tmp_path / ".gitignore").read_text().splitlines()[:3] == ["mine", "*.duckdb", ".alto/"]
    assert (again.code, "has a project already" in again.err) == (2, True)


def test_init_says_nothing_of_files_that_have_all_they_need(cli: Cli, tmp_path: Path) -> None:
    cli("init", "--yes")
    (tmp_path / "alto.yaml").unlink()
    sample = tmp_path / "taps" / "tap-carbon-intensity" / "pyproject.toml"
    sample.write_text("mine")
    ignored = (tmp_path / ".gitignore").read_text()

    written = json.loads(cli("init", "--yes", "--json").out)["written"]

    assert written == ["alto.yaml"]
    assert (sample.read_text(), (tmp_path / ".gitignore").read_text()) == ("mine", ignored)


@pytest.mark.parametrize(
    ("text", "why"), [(b"{", "There is no JSON in"), (b"\xfc", "it is not UTF-8")], ids=["no JSON", "no UTF-8"]
)
def test_a_lock_file_of_meltano_that_cannot_be_read_is_named(
    cli: Cli, tmp_path: Path, text: bytes, why: str
) -> None:
    (tmp_path / "meltano.yml").write_text("plugins: {}")
    lock = tmp_path / "plugins" / "extractors" / "tap-x.lock"
    lock.parent.mkdir(parents=True)
    lock.write_bytes(text)

    said = cli("init", "--from-meltano", "meltano.yml")

    assert said.code == 2
    assert "tap-x.lock" in said.err
    assert why in said.err


def test_a_meltano_project_becomes_one_of_ours(cli: Cli, same_screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(
        "plugins:\n  extractors:\n  - name: tap-x\n    config: {token: $TOKEN}\n  loaders:\n  - name: target-y\n"
        "environments:\n- name: prod\n  config: {plugins: {extractors: [{name: tap-x, config: {deep: 1}}]}}\n"
    )
    (tmp_path / "plugins" / "extractors").mkdir(parents=True)
    (tmp_path / "plugins" / "extractors" / "tap-x--v.lock").write_text('{"name": "tap-x", "pip_url": "tap-x-v"}')

    said = cli("init", "--from-meltano", "meltano.yml")

    same_screen("init-from-meltano", said.screen)
    assert load_project(tmp_path).tap("tap-x").pip_url == "tap-x-v"
    assert load_project(tmp_path, "prod").tap("tap-x").public_config()["deep"] == 1


def test_the_sample_is_the_tap_of_this_repository() -> None:
    assert (sample_tap() / "tap_carbon_intensity" / "sample.json.gz").is_file()


@pytest.mark.registry
@pytest.mark.timeout(300)
def test_an_added_tap_is_built_asked_written_down_and_runs_by_its_hints(
    package: Path, cli: Cli, same_screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("init", "--yes", "--no-sample")

    said = cli("add", "tap-words", "--pip-url", str(package), "--set", "limit=3", "--quiet", *PYTHON)

    same_screen("add", said.screen.replace(str(package), "./tap-words"))
    assert yaml.safe_load((tmp_path / "alto.yaml").read_text())["default"]["taps"]["tap-words"] == {
        "pip_url": str(package),
        "python": PYTHON[1],
        "config": {"limit": 3},
    }
    assert "# path:  # string, required. Where the files are." in (tmp_path / "alto.yaml").read_text()
    about = cli("about", "tap-words").screen
    same_screen("about", about)
    doctor = cli("doctor", "tap-words")
    assert (doctor.code, "Required and not set: api_key, path." in doctor.out) == (1, True)

    monkeypatch.setenv("SOURCES__SINGER__TAP_WORDS__CONFIG__API_KEY", "hunter22")
    monkeypatch.setenv("SOURCES__SINGER__TAP_WORDS__CONFIG__PATH", "here")

    assert cli("doctor", "tap-words").code == 0
    assert json.loads(cli("run", "tap-words", "--no-build", "--json").out)["tables"] == {"words": 3}
    assert cli("list", "--json").out.count('"yes"') == 1
    look = "import os, tap_words; print(tap_words.ABOUT['capabilities'], [n for n in os.environ if n[:3] == 'PEX'])"
    invoke = [sys.executable, "-m", "dlt_singer", "invoke", "--python", "tap-words", "--", "-c", look]
    done = subprocess.run(invoke, capture_output=True, text=True, check=True)
    assert done.stdout == "['catalog', 'discover', 'state'] []\n"
    assert cli("clean", "build:tap-words").code == 0
    refused = cli("build", "tap-words", "--no-build")
    assert (refused.code, "building is not allowed" in " ".join(refused.err.split())) == (1, True)


@pytest.mark.registry
@pytest.mark.timeout(300)
def test_a_secret_never_goes_into_the_project_file(package: Path, cli: Cli, tmp_path: Path) -> None:
    cli("init", "--yes", "--no-sample")

    said = cli("add", "tap-words", "--pip-url", str(package), "--set", "api_key=hunter22")

    secrets = tmp_path / "alto.secrets.yaml"
    assert said.code == 0
    assert "hunter22" not in (tmp_path / "alto.yaml").read_text() + said.screen
    assert load_project(tmp_path).tap("tap-words").public_config() == {"api_key": "***"}
    assert yaml.safe_load(secrets.read_text())["default"]["taps"]["tap-words"]["config"] == {"api_key": "hunter22"}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    refused = cli("add", "tap-words", "--pip-url", str(package))
    assert (refused.code, "already" in refused.err) == (2, True)


@pytest.mark.registry
@pytest.mark.timeout(300)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_written(
    package: Path, cli: Cli, tmp_path: Path
) -> None:
    cli("init", "--yes", "--no-sample")
    before = (tmp_path / "alto.yaml").read_text()

    unknown = cli("add", "tap-words", "--pip-url", str(package), "--set", "pth=x")
    malformed = cli("add", "tap-words", "--pip-url", str(package), "--set", "limit=a: b: c")
    incomplete = cli("add", "tap-words", "--pip-url", str(package), "--set", "limit")

    assert (unknown.code, "Did you mean 'path'?" in unknown.err) == (2, True)
    assert (malformed.code, "the value is no YAML" in malformed.err) == (2, True)
    assert (incomplete.code, "--set limit: write it as KEY=VALUE." in incomplete.err) == (2, True)
    assert (tmp_path / "alto.yaml").read_text() == before


@pytest.mark.parametrize(
    ("words", "tried", "reason"),
    [
        ([], ["tap-nowhere", "meltanolabs-tap-nowhere"], "No package for tap-nowhere: 'tap-nowhere' and 'melt"),
        (["--pip-url", "tap-elsewhere"], [], "Error: Installing its requirements failed"),
    ],
    ids=["by its name", "where it was said to be"],
)
def test_a_tap_that_no_package_is_found_of_is_not_written(
    words: list[str],
    tried: list[str],
    reason: str,
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    cli("init", "--yes", "--no-sample")
    before = (tmp_path / "alto.yaml").read_text()

    said = cli("add", "tap-nowhere", *words)

    assert (said.code, reason in said.err) == (1, True)
    passed_over = [line for line in said.err.splitlines() if ": not as " in line]
    assert passed_over == [f"tap-nowhere: not as '{each}'" for each in tried]
    assert ("dlt-singer add tap-nowhere --pip-url <requirement" in said.err) is (not words)
    assert (tmp_path / "alto.yaml").read_text() == before


def test_of_a_tap_with_many_settings_the_first_are_written_and_the_rest_counted() -> None:
    settings = setting_rows({"properties": {f"n{number}": {"type": "integer"} for number in range(30)}}, {})

    lines = _comments(settings, {"n0": 1})

    assert lines[0] == "n1:  # integer."
    assert (len(lines), lines[-1]) == (26, "and 4 more: dlt-singer about <this tap>")


def test_a_tap_needs_a_project(cli: Cli) -> None:
    assert "No project file" in cli("add", "tap-x").err
