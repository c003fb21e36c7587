"""`init` and `add`: a stranger's first minutes, with nothing but what is printed to go by."""

from __future__ import annotations

import io
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dlt_singer.cli import main
from dlt_singer.cli.scaffold import sample_tap
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


def test_init_asks_at_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("weather\nfilesystem\nn\n"))
    monkeypatch.setattr(sys, "stdout", Terminal())

    assert main(["init"]) == 0

    assert load_project(tmp_path).project_name == "weather"
    assert 'destination_type = "filesystem"' in (tmp_path / ".dlt" / "config.toml").read_text()
    assert len(load_project(tmp_path).taps) == 0


def test_init_leaves_alone_what_is_there(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n*.duckdb")

    cli("init", "--yes")
    again = cli("init", "--yes")

    assert (tmp_path / ".gitignore").read_text().splitlines()[:3] == ["mine", "*.duckdb", ".alto/"]
    assert (again.code, "has a project already" in again.err) == (2, True)


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

    said = cli("add", "tap-words", "--pip-url", str(package), "--set", "limit=3", "--quiet")

    same_screen("add", said.screen.replace(str(package), "./tap-words"))
    assert yaml.safe_load((tmp_path / "alto.yaml").read_text())["default"]["taps"]["tap-words"] == {
        "pip_url": str(package),
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
    assert cli("clean", "build:tap-words").code == 0
    refused = cli("build", "tap-words", "--no-build")
    assert (refused.code, "building is not allowed" in " ".join(refused.err.split())) == (1, True)


@pytest.mark.registry
@pytest.mark.timeout(300)
def test_a_secret_never_goes_into_the_project_file(package: Path, cli: Cli, tmp_path: Path) -> None:
    cli("init", "--yes", "--no-sample")

    said = cli("add", "tap-words", "--pip-url", str(package), "--set", "api_key=hunter22", "--set", "path=x")

    secrets = tmp_path / "alto.secrets.yaml"
    assert said.code == 0
    assert "hunter22" not in (tmp_path / "alto.yaml").read_text() + said.screen
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

    assert (unknown.code, "Did you mean 'path'?" in unknown.err) == (2, True)
    assert (malformed.code, "the value is no YAML" in malformed.err) == (2, True)
    assert (tmp_path / "alto.yaml").read_text() == before


def test_a_tap_needs_a_project(cli: Cli) -> None:
    assert "No project file" in cli("add", "tap-x").err
