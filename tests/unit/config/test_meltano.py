"""Meltano's extractors as taps here, and a note for everything else."""

from __future__ import annotations

from typing import Any

import yaml

from dlt_singer._types import JSON
from dlt_singer.config.meltano import from_meltano

MELTANO = """
version: 1
default_environment: dev
project_id: 0
environments:
- name: dev
- name: prod
  config:
    plugins:
      extractors:
      - name: tap-github
        config:
          start_date: '2020-01-01'
plugins:
  extractors:
  - name: tap-github
    variant: meltanolabs
    pip_url: git+https://example.org/tap-github.git
    config:
      auth_token: $GITHUB_TOKEN
      repositories: [a/b, '${OWNER}/c']
      user.name: me
      user.age: 3
    select:
    - '!issues.body'
    - issues.*
    select_filter: ['!comments']
    metadata:
      issues: {replication-method: INCREMENTAL}
    load_schema: github
    env: {TZ: UTC}
    python: '3.10'
  - name: tap-github--archive
    inherit_from: tap-github
    config: {start_date: '2015-01-01'}
  - name: tap-gitlab
    variant: meltanolabs
  - name: tap-unknown
    custom_key: 1
  loaders:
  - name: target-postgres
    pip_url: target-postgres
  utilities:
  - name: dbt
jobs:
- name: all
  tasks: [tap-github target-postgres]
"""
LOCKS: dict[str, dict[str, JSON]] = {
    "tap-gitlab": {"pip_url": "meltanolabs-tap-gitlab", "executable": "tap-gitlab"}
}


def converted() -> tuple[dict[str, Any], str]:
    made = from_meltano(yaml.safe_load(MELTANO), LOCKS)
    return dict(made.sections), "\n".join(made.notes)


def test_an_extractor_becomes_a_tap() -> None:
    sections, _ = converted()

    assert sections["default"]["taps"]["tap-github"] == {
        "pip_url": "git+https://example.org/tap-github.git",
        "python": "3.10",
        "metadata": {"issues": {"replication-method": "INCREMENTAL"}},
        "load_path": "github",
        "environment": {"TZ": "UTC"},
        "select": ["issues.*", "!issues.body"],
        "config": {
            "auth_token": "@format {env[GITHUB_TOKEN]}",
            "repositories": ["a/b", "@format {env[OWNER]}/c"],
            "user": {"name": "me", "age": 3},
        },
    }


def test_inheritance_and_environments_are_kept() -> None:
    sections, _ = converted()

    assert sections["default"]["taps"]["tap-github--archive"] == {
        "inherit_from": "tap-github",
        "config": {"start_date": "2015-01-01"},
    }
    assert sections["prod"] == {"taps": {"tap-github": {"config": {"start_date": "2020-01-01"}}}}


def test_a_package_comes_from_the_lock_file_else_it_is_a_guess_that_is_named() -> None:
    sections, notes = converted()

    taps = sections["default"]["taps"]
    assert taps["tap-gitlab"] == {"pip_url": "meltanolabs-tap-gitlab", "executable": "tap-gitlab"}
    assert taps["tap-unknown"] == {"pip_url": "tap-unknown"}
    assert "tap-unknown: has no pip_url" in notes


def test_a_tap_that_inherits_from_meltanos_hub_becomes_one_of_its_own() -> None:
    child: JSON = {"name": "tap-gitlab--mine", "inherit_from": "tap-gitlab", "config": {"id": 1}}

    made = from_meltano({"plugins": {"extractors": [child]}}, LOCKS)

    tap: JSON = {"pip_url": "meltanolabs-tap-gitlab", "executable": "tap-gitlab", "config": {"id": 1}}
    assert made.sections == {"default": {"taps": {"tap-gitlab--mine": tap}}}
    assert made.notes == ["tap-gitlab--mine: inherits from 'tap-gitlab' of Meltano's hub; made a tap of its own."]


def test_parts_of_a_setting_win_over_a_plain_value_of_it() -> None:
    config: JSON = {"user": "me", "user.name": "you", "user.home.city": "Rome"}

    made = from_meltano({"plugins": {"extractors": [{"name": "tap-x", "pip_url": "x", "config": config}]}}, {})

    tap: JSON = {"pip_url": "x", "config": {"user": {"name": "you", "home": {"city": "Rome"}}}}
    assert made.sections == {"default": {"taps": {"tap-x": tap}}}


def test_an_environment_that_would_be_laid_over_nothing_is_left_out_by_name() -> None:
    environments: JSON = [
        {"name": "default", "config": {"plugins": {"extractors": [{"name": "tap-x", "config": {"a": 1}}]}}},
        {"name": "default"},
    ]

    made = from_meltano({"environments": environments}, {})

    assert made.sections == {"default": {"taps": {}}}
    assert made.notes == ["environment 'default' is left out: here it is what applies everywhere."]


def test_everything_that_is_left_out_is_named() -> None:
    _, notes = converted()

    for text in (
        "select_filter '!comments'",
        "'custom_key'",
        "target-postgres (loaders)",
        "dbt (utilities)",
        "job 'all'",
    ):
        assert text in notes


def test_an_empty_project_has_no_taps() -> None:
    assert from_meltano({}, {}).sections == {"default": {"taps": {}}}
