"""`list`, `config`, `about` and `catalog` where there is little to show, or what is asked for is not theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dlt_singer.testing import FakeTap, record, schema
from tests.cli.conftest import Cli


def write(tmp_path: Path, **project: object) -> None:
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": project}))


def test_a_project_without_taps_says_how_to_get_one(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, taps={}, targets={"target-y": {"pip_url": "target-y"}})

    said = cli("list").out

    assert "No taps yet. Add one: dlt-singer add tap-<name>" in said
    assert "target-y" in said


def test_a_project_whose_only_tap_is_broken_is_not_told_to_get_one(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, taps={"tap-x": {}})

    said = cli("list").out

    assert "No taps yet" not in said
    assert "Not to be used as they are written:\n  tap-x: " in said


def test_only_a_targets_config_is_shown_as_a_tap_changes_it(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, taps={"tap-x": {"command": ["x"]}}, utilities={"painter": {"command": ["paint"]}})

    said = cli("config", "painter", "--tap", "tap-x")

    assert said.code == 2
    assert said.err == "Error: Only a target's config differs by tap; 'painter' is a utility.\n"


def test_a_tap_that_tells_no_settings_is_said_to(tap: FakeTap, cli: Cli) -> None:
    said = cli("about", tap.name)

    assert said.out.splitlines() == [
        "tap-fake can: does not say", "It does not say which settings it takes.",
    ]  # fmt: skip


def test_a_schema_shows_how_many_digits_a_column_has(tap: FakeTap, cli: Cli) -> None:
    tap.emits(schema("prices", {"price": {"type": "number", "multipleOf": 0.01}}), record("prices", price=1.5))

    assert "decimal(" in cli("schema", tap.name).out


@pytest.mark.parametrize("command", ["select", "schema"])
def test_without_a_kept_catalog_a_tap_that_must_not_be_asked_is_not(command: str, tap: FakeTap, cli: Cli) -> None:
    tap.configure(discover=False)

    said = cli(command, tap.name)

    assert said.code == 2
    assert "not kept in the store, and discovery is off" in " ".join(said.err.split())
    assert "Run `dlt-singer catalog tap-fake`." in said.err
    assert tap.calls == []
