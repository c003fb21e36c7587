"""What each command shows and does, run in this process on a scripted tap; screens are kept as golden files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dlt_singer.testing import CRASH, STDERR, FakeTap, schema
from tests.cli.conftest import LOGS, USERS, Cli

Screen = Callable[[str, str], None]


@pytest.fixture
def project(tap: FakeTap, tmp_path: Path) -> Path:
    """A project whose file is as a person would write it."""
    command = yaml.safe_load((tmp_path / "alto.yaml").read_text())["default"]["taps"][tap.name]["command"]
    (tmp_path / "fake").write_text("#!/bin/sh\nexec " + " ".join(command) + ' "$@"\n')
    (tmp_path / "fake").chmod(0o755)
    (tmp_path / "alto.yaml").write_text(
        """\
default:
  load_path: raw
  taps:
    tap-fake:
      command: [./fake]
      capabilities: [catalog, discover, state]
      select: ["*.*", "!logs.level"]
      config:
        api_key: hunter22
        start_date: "2024-01-01"
      target-jsonl:
        destination_path: out
  targets:
    target-jsonl:
      pip_url: target-jsonl
      config: {destination_path: elsewhere, do_timestamp_file: false}
  utilities:
    cowsay:
      pip_url: cowsay
live:
  taps:
    tap-fake:
      config:
        start_date: "2023-01-01"
"""
    )
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("list", ["list"]),
        ("config", ["config", "tap-fake"]),
        ("config-of-an-environment", ["config", "tap-fake", "--env", "live"]),
        ("config-of-a-target", ["config", "target-jsonl"]),
        ("config-accent", ["config:target-jsonl--tap-fake"]),
        ("dump", ["dump", "taps", "tap-fake", "config"]),
        ("catalog", ["catalog", "tap-fake"]),
        ("select", ["select", "tap-fake"]),
        ("select-stream", ["select", "tap-fake", "logs"]),
        ("schema", ["schema", "tap-fake"]),
        ("run", ["run", "tap-fake"]),
        ("run-dry", ["run", "tap-fake", "--dry-run"]),
        ("state-show-before-a-run", ["state", "show", "tap-fake"]),
        ("build-nothing", ["build", "tap-fake"]),
        ("run-target", ["run", "target-jsonl"]),
        ("run-into-target", ["tap-fake:target-jsonl"]),
        ("run-utility", ["run", "cowsay"]),
        ("run-unknown", ["run", "tap-fak"]),
        ("run-no-match", ["run", "tap-z*"]),
        ("run-unknown-stream", ["run", "tap-fake", "--streams", "user"]),
        ("dump-unknown", ["dump", "tap"]),
    ],
)  # fmt: skip
def test_screens_are_as_they_were(
    name: str, words: list[str], project: Path, cli: Cli, same_screen: Screen
) -> None:
    said = cli(*words)

    same_screen(name, said.screen)
    assert "hunter22" not in said.screen


def test_list_knows_what_has_been_discovered(project: Path, cli: Cli, same_screen: Screen) -> None:
    cli("catalog", "tap-fake")

    said = cli("list")
    document = json.loads(cli("list", "--json").out)

    same_screen("list-discovered", said.screen)
    assert [(tap["name"], tap["streams"], tap["built"]) for tap in document["taps"]] == [("tap-fake", 2, "command")]
    assert [each["name"] for each in document["others"]] == ["target-jsonl", "cowsay"]


def test_a_catalog_is_asked_for_once_and_again_on_request(tap: FakeTap, cli: Cli) -> None:
    cli("catalog", tap.name)
    cli("catalog", tap.name)
    once = len(tap.calls)
    cli("catalog", tap.name, "--refresh")

    assert (once, len(tap.calls)) == (1, 2)


def test_a_catalog_is_compared_with_the_kept_one(tap: FakeTap, cli: Cli, same_screen: Screen) -> None:
    cli("catalog", tap.name)
    tap.emits(USERS)

    same_screen("catalog-diff", cli("catalog", tap.name, "--diff").screen)
    assert cli("catalog", tap.name, "--diff", "--json").out.strip() == "[]"


def test_apply_prints_the_catalog_as_the_tap_is_given_it(project: Path, cli: Cli) -> None:
    catalog = json.loads(cli("apply:tap-fake").out)

    logs = next(stream for stream in catalog["streams"] if stream["tap_stream_id"] == "logs")
    selected = {tuple(entry["breadcrumb"]): entry["metadata"].get("selected") for entry in logs["metadata"]}
    assert selected == {(): True, ("properties", "line"): True, ("properties", "level"): False}


def test_a_run_goes_on_from_its_bookmark_and_full_starts_anew(tap: FakeTap, cli: Cli) -> None:
    first = json.loads(cli("run", tap.name, "--json").out)
    second = json.loads(cli("run", tap.name, "--json").out)
    full = json.loads(cli("run", tap.name, "--full", "--json").out)

    assert [each["tables"]["users"] for each in (first, second, full)] == [5, 1, 5]
    assert (first["pipeline"], first["dataset"], first["destination"]) == ("fake", "tap_fake", "duckdb")


def test_a_tap_with_the_name_of_its_dataset_is_loaded_by_a_pipeline_with_another(
    tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALTO_LOAD_PATH", "fake")

    said = cli("run", tap.name, "--json")

    assert (said.code, json.loads(said.out)["pipeline"]) == (0, "fake_pipeline")


def test_a_run_reads_only_the_streams_it_is_told(tap: FakeTap, cli: Cli) -> None:
    said = json.loads(cli("run", tap.name, "--streams", "logs", "--dataset", "other", "--json").out)

    assert said["tables"] == {"logs": 2}
    assert said["dataset"] == "other"


def test_a_limit_ends_each_stream_early(tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import functools

    import dlt_singer.session
    from dlt_singer.session import Limits

    monkeypatch.setattr(dlt_singer.session, "Limits", functools.partial(Limits, batch_rows=2))

    said = json.loads(cli("run", tap.name, "--streams", "users", "--limit", "2", "--json").out)

    assert said["tables"] == {"users": 2}


def test_each_environment_has_a_pipeline_of_its_own(project: Path, cli: Cli) -> None:
    said = json.loads(cli("run", "tap-fake", "--env", "live", "--json").out)

    assert (said["pipeline"], said["dataset"]) == ("fake_live", "raw")


def test_a_failed_run_ends_with_1_and_says_why(tap: FakeTap, cli: Cli, same_screen: Screen) -> None:
    tap.emits(USERS, STDERR("CRITICAL 401 Unauthorized"), CRASH(3))

    said = cli("run", tap.name, "--quiet")

    assert said.code == 1
    same_screen("run-failed", said.screen)


def test_a_destination_that_dlt_does_not_have_is_refused(tap: FakeTap, cli: Cli) -> None:
    said = cli("run", tap.name, "--destination", "dukdb")

    assert said.code == 2
    assert said.err == "Error: dlt has no destination 'dukdb'. Did you mean 'duckdb'?\n"


def test_a_dry_run_says_where_streams_would_start(tap: FakeTap, cli: Cli, same_screen: Screen) -> None:
    cli("run", tap.name)
    before = len(tap.calls)

    same_screen("run-dry-after-a-run", cli("run", tap.name, "--dry-run").screen)
    assert len(tap.calls) == before


def test_catalogs_can_be_forgotten(tap: FakeTap, cli: Cli, same_screen: Screen) -> None:
    cli("catalog", tap.name)

    same_screen("clean-catalog", cli("clean", f"catalog:{tap.name}").screen)
    assert cli("list", "--json").out.count('"not discovered"') == 1
    assert cli("clean", "catalog").out == f"{tap.name}: nothing in the store\n"


def test_files_are_moved_in_and_out_of_the_store(tap: FakeTap, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")

    cli("fs", "push", "note.txt", "state/notes/")
    cli("fs", "push", "note.txt", "state/notes/two.txt")
    listed = cli("fs", "ls", "state/notes").out.splitlines()
    cli("fs", "pull", "state/notes", "copy")
    refused = cli("fs", "rm", "state/notes")
    removed = cli("fs", "rm", "state/notes", "--yes")

    assert listed == ["state/notes/note.txt", "state/notes/two.txt"]
    assert (tmp_path / "copy/state/notes/note.txt").read_text() == "hello"
    assert (refused.code, "Say --yes" in refused.err) == (2, True)
    assert removed.out.splitlines() == [f"removed {key}" for key in listed]
    assert cli("fs", "rm", "state/notes").code == 2


def test_several_streams_of_a_schema_can_be_asked_for_as_json(tap: FakeTap, cli: Cli) -> None:
    tables = json.loads(cli("schema", tap.name, "users", "--json").out)

    assert [(each["table"], each["disposition"], each["primary_key"]) for each in tables] == [
        ("users", "merge", ["id"])
    ]
    assert [column["name"] for column in tables[0]["columns"]] == ["id", "name", "updated_at", "_sdc_sequence"]


def test_the_project_may_be_named(tap: FakeTap, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    said = cli("list", "--root", str(tmp_path))

    assert said.code == 0
    assert cli("list", "--project-dir", "/nowhere/at/all").code == 2


@pytest.mark.parametrize(
    ("data_dir", "variable"),
    [(None, None), (".alto/dlt", None), (".alto/dlt", "DLT_DATA_DIR")],
    ids=["at home", "in the project", "where a variable says"],
)
def test_from_a_directory_below_the_projects_dlt_settings_hold_wherever_pipelines_are_kept(
    data_dir: str | None, variable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DLT_DATA_DIR", "DLT_LOCAL_DIR"):
        monkeypatch.delenv(name)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    FakeTap(tmp_path).emits(LOGS)
    if data_dir:
        project = yaml.safe_load((tmp_path / "alto.yaml").read_text())
        project["default"]["data_dir"] = data_dir
        (tmp_path / "alto.yaml").write_text(yaml.safe_dump(project))
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.singer.tap_fake.config]\naccount = 'mine'\n")
    (tmp_path / "below").mkdir()
    command = [sys.executable, "-m", "dlt_singer", "config", "tap-fake", "--json"]

    done = subprocess.run(command, cwd=tmp_path / "below", capture_output=True, text=True, check=True)

    assert json.loads(done.stdout)["config"] == {"account": "mine"}


def test_streams_of_one_tap_are_not_asked_of_several(tap: FakeTap, cli: Cli, tmp_path: Path) -> None:
    FakeTap(tmp_path, "tap-other").emits(LOGS)

    assert "several" in cli("run", "tap-*", "--streams", "users").err
    assert "one tap" in cli("run", "tap-*", "--pipeline-name", "x").err
    assert "several" in cli("run", "tap-*", "--partition", "eu").err


def test_the_destination_stands_behind_the_tap_as_alto_writes_it(tap: FakeTap, cli: Cli) -> None:
    words = ("run", f"{tap.name}:filesystem", "--dry-run", "--json")

    said, same = json.loads(cli(*words).out), json.loads(cli(*words, "--destination", "filesystem").out)
    other = cli(*words, "--destination", "duckdb")

    assert said == same
    assert said["destination"] == "filesystem"
    assert other.code == 2
    assert "'tap-fake:filesystem' names another destination than --destination duckdb." in other.err


@pytest.mark.parametrize("option", [[], ["--json"]], ids=["text", "JSON"])
def test_letters_that_the_terminal_lacks_are_escaped(tmp_path: Path, option: list[str]) -> None:
    project = tmp_path / "Prüfung"
    project.mkdir()
    FakeTap(project).emits(schema("größe", {"länge": "integer"}))
    command = [sys.executable, "-m", "dlt_singer", "catalog", "tap-fake", *option]
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert r"Pr\xfcfung" in done.stderr
    if option:
        assert json.loads(done.stdout)["streams"][0]["stream"] == "größe"
    else:
        assert r"gr\xf6\xdfe" in done.stdout
