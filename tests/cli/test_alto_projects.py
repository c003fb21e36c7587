"""Projects as alto writes and documents them are taken as they are; what they cannot say stands beside them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
import yaml

from dlt_singer.testing import FakeTap
from tests.cli.conftest import Cli

STARTER = """\
default:
  project_name: "0a1b2c3d"
  extensions:
    - evidence
  load_path: raw
  environment:
    FIRST_PROJECT: 1
  taps:
    tap-fake:
      pip_url: "git+https://git.invalid/taps/tap-fake.git#egg=tap_fake"
      load_path: people
      capabilities:
        - state
        - catalog
      select:
        - "*.*"
        - ~*.name
      config: {}
      target-jsonl:
        do_timestamp_file: true
  targets:
    target-jsonl:
      pip_url: target-jsonl==0.1.4
      config:
        destination_path: "@format output/{this.load_path}"
  utilities:
    painter:
      pip_url: "painter[oil]>=0.2.0a25"
      environment:
        PEX_INHERIT_PATH: fallback
ci:
  load_path: cicd
  targets:
    target-jsonl:
      config:
        destination_path: "@format /workspace/{this.load_path}"
prod:
  filesystem: gcs
  bucket: somewhere
  filesystem_kwargs:
    token: "@format {env[CLOUD_CREDENTIALS]}"
  taps:
    tap-base:
      pip_url: tap-base==0.4.3
      config: {user: reader}
    tap-base--eu:
      inherit_from: tap-base
      metadata:
        "*": {replication-key: changed_at, replication-method: INCREMENTAL}
      config:
        host: >-
          @format
          db://{this.taps.tap_base.config.user}:{this.taps.tap_base.config.password}@eu
"""


@pytest.fixture
def starter(tap: FakeTap, tmp_path: Path) -> Path:
    """The project, and in `alto.local.yaml` where a tap is that can be reached."""
    command = yaml.safe_load((tmp_path / "alto.yaml").read_text())["default"]["taps"][tap.name]["command"]
    (tmp_path / "alto.yaml").write_text(STARTER)
    local = {"default": {"taps": {tap.name: {"command": command}}}}
    (tmp_path / "alto.local.yaml").write_text(yaml.safe_dump(local))
    return tmp_path


def config_of(cli: Cli, *words: str) -> object:
    said = cli("config", *words, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)["config"]


def test_its_taps_run_once_there_is_a_salt(starter: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    unsalted = cli("doctor")
    monkeypatch.setenv("SOURCES__SINGER__MASK_SALT", "pepper and salt")
    salted = cli("doctor")
    run = cli("run", "tap-fake")

    assert (unsalted.code, salted.code, run.code) == (1, 0, 0)
    assert "no `mask_salt`" in unsalted.out
    assert "extensions are not run here, and no tap needs them: evidence" in salted.out
    with duckdb.connect(str(starter / "fake.duckdb")) as loaded:
        assert loaded.sql("select min(length(name)), count(*) from people.users").fetchall() == [(64, 5)]


def test_a_targets_settings_are_made_with_the_load_path_of_the_tap_that_feeds_it(starter: Path, cli: Cli) -> None:
    assert config_of(cli, "target-jsonl") == {"destination_path": "output/raw"}
    fed = {"destination_path": "output/people", "do_timestamp_file": True}
    assert config_of(cli, "target-jsonl--tap-fake") == fed
    assert config_of(cli, "target-jsonl", "--tap", "tap-fake") == fed
    assert config_of(cli, "target-jsonl", "--env", "ci") == {"destination_path": "/workspace/cicd"}


def test_a_name_with_two_hyphens_is_a_plugin_if_there_is_one(
    starter: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALTO_TAPS__TAP_BASE__CONFIG__PASSWORD", "hunter22")

    assert config_of(cli, "tap-base--eu", "--env", "prod") == {
        "user": "reader",
        "password": "***",
        "host": "db://***@eu",
    }


def test_a_tap_that_lacks_a_secret_does_not_hide_the_others(starter: Path, cli: Cli) -> None:
    said = cli("list", "--env", "prod")

    assert said.code == 0
    assert "tap-base " in said.out
    assert "tap-base--eu: taps.tap-base--eu.config.host refers to" in said.out
    assert list(json.loads(cli("list", "--env", "prod", "--json").out)["broken"]) == ["tap-base--eu"]


def test_a_dump_is_a_project_again(starter: Path, cli: Cli) -> None:
    dumped = cli("dump").out
    shipped = starter / "elsewhere"
    shipped.mkdir()
    (shipped / "alto.json").write_text(dumped)

    said = cli("--project-dir", str(shipped), "list", "--json")

    assert [each["name"] for each in json.loads(said.out)["others"]] == ["target-jsonl", "painter"]
