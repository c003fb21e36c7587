"""Masks and their salt, as the project says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlt_singer.config import Overlays, load_project
from dlt_singer.errors import ConfigError
from tests.unit.config.conftest import LoadYaml

TAP = "taps: {tap-x: {command: [x], mask: {'*.email': sha256, users.notes: null, users.phone: 'null'}"


def test_a_mask_has_an_effect_for_each_pattern_and_yamls_null_is_a_word(load: LoadYaml) -> None:
    tap = load(f"default: {{{TAP}}}}}}}").tap("tap-x")

    assert dict(tap.mask) == {"*.email": "sha256", "users.notes": "null", "users.phone": "null"}
    tap.require_supported()


@pytest.mark.parametrize("mask", ["{users.email: md5}", "{users.email: {}}", "[users.email]", "sha256"])
def test_another_word_is_refused_with_those_there_are(load: LoadYaml, mask: str) -> None:
    with pytest.raises(ConfigError, match=r"tap-x\.mask.*sha256, null or redact"):
        load(f"default: {{taps: {{tap-x: {{command: [x], mask: {mask}}}}}}}").tap("tap-x")


@pytest.mark.parametrize(
    ("project", "tap", "salt"),
    [("mask_salt: a1,", "", "a1"), ("mask_salt: a1,", ", mask_salt: b2", "b2"), ("", ", mask_salt: b2", "b2")],
    ids=["the project's", "the tap's over it", "the tap's alone"],
)
def test_the_salt_is_a_secret_wherever_it_stands(load: LoadYaml, project: str, tap: str, salt: str) -> None:
    loaded = load(f"default: {{{project} {TAP}{tap}}}}}}}")
    plugin = loaded.tap("tap-x")

    assert plugin.resolved_mask_salt() == salt
    assert str(plugin.mask_salt) == "***"
    assert salt not in f"{plugin.public_settings()}{loaded.public_settings()}"


def test_a_salt_from_dlts_configuration_may_look_like_a_number(tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").write_text(f"default: {{{TAP}}}}}}}")

    project = load_project(tmp_path, overlays=Overlays(environ={"MASK_SALT": "12345678"}))

    assert project.tap("tap-x").resolved_mask_salt() == "12345678"


@pytest.mark.parametrize("key", ["", ", mask_salt: ''"], ids=["none", "an empty one"])
def test_a_missing_salt_is_told_with_how_to_set_one(load: LoadYaml, key: str) -> None:
    tap = load(f"default: {{{TAP}{key}}}}}}}").tap("tap-x")

    with pytest.raises(ConfigError, match=r"'tap-x' masks with sha256 but has no `mask_salt`") as caught:
        tap.resolved_mask_salt()

    assert "alto.secrets.yaml" in caught.value.remedy


def test_a_layer_may_change_one_pattern(tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").write_text(f"default: {{{TAP}}}}}}}")

    project = load_project(tmp_path, overlays=Overlays(arguments={"tap_x": {"mask": {"*.email": "redact"}}}))

    assert dict(project.tap("tap-x").mask) == {"*.email": "redact", "users.notes": "null", "users.phone": "null"}
