"""Nothing is started before a run asks for it, and nothing but the project decides what is started."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pytest

import dlt_singer
from dlt_singer import singer
from dlt_singer.errors import DiscoveryNeededError
from dlt_singer.testing import FakeTap, Table

Rows = Callable[[str], list[tuple[object, ...]]]

USERS = Table("users", [{"id": 1}], {"id": "integer"}, ["id"], "id")
ORDERS = Table("orders", [{"id": 1}], {"id": "integer"}, ["id"], "id")


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make it an error to start a process, in any way Python knows."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", refuse)
        patched.setattr("_posixsubprocess.fork_exec", refuse)
        for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen"):
            patched.setattr(os, name, refuse)
        yield


@pytest.fixture
def project(tap: FakeTap) -> FakeTap:
    """The tap in a project without any caches."""
    return tap.emits(USERS, ORDERS)


@pytest.mark.usefixtures("no_process")
def test_a_source_with_given_streams_starts_nothing(project: FakeTap) -> None:
    source = singer("tap-fake", streams=["users", "orders"])

    assert list(source.resources) == ["users", "orders"]
    assert source.name == "tap_fake"
    assert project.calls == []


def test_a_source_with_a_kept_catalog_starts_nothing(project: FakeTap, request: pytest.FixtureRequest) -> None:
    assert dlt_singer.discover("tap-fake") == ("users", "orders")
    request.getfixturevalue("no_process")

    source = singer("tap-fake")

    assert list(source.resources) == ["users", "orders"]
    assert [resource.table_name for resource in source.resources.values()] == ["users", "orders"]
    assert len(project.calls) == 1


def test_without_streams_and_catalog_the_tap_is_asked_once_and_says_so(
    project: FakeTap, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dlt_singer")

    for _ in range(2):
        assert list(singer("tap-fake").resources) == ["users", "orders"]

    assert len(project.calls) == 1
    (line,) = caplog.messages
    assert "tap-fake: discovering its streams" in line


def test_with_only_a_project_file_a_run_works_without_another_step(
    project: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    pipeline.run(singer("tap-fake"))

    assert rows("users") == rows("orders") == [(1,)]


def test_with_given_streams_and_no_catalog_the_run_discovers(
    project: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    pipeline.run(singer("tap-fake", streams=["orders"]))

    assert rows("orders") == [(1,)]
    assert [stream["stream"] for stream in project.syncs[0]["catalog"]["streams"]] == ["orders"]


@pytest.mark.usefixtures("no_process")
def test_without_discovery_the_error_names_the_command(project: FakeTap) -> None:
    with pytest.raises(DiscoveryNeededError, match=r"dlt-singer catalog tap-fake"):
        singer("tap-fake", discover=False)


def test_bare_environment_variables_change_nothing(
    project: FakeTap, pipeline: dlt.Pipeline, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ENV", "NAME", "STREAMS", "CONFIG", "BACKEND", "SELECT", "SOURCE", "METADATA", "RESERVOIR"):
        monkeypatch.setenv(name, "nonsense")

    source = singer("tap-fake")
    pipeline.run(source)

    assert source.name == "tap_fake"
    assert rows("users") == rows("orders") == [(1,)]
    assert project.syncs[0]["config"] == {}


def test_the_project_is_found_from_a_directory_below_it(
    project: FakeTap, pipeline: dlt.Pipeline, rows: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pipelines").mkdir()
    monkeypatch.chdir(tmp_path / "pipelines")

    pipeline.run(singer("tap-fake", streams=["users"]))

    assert rows("users") == [(1,)]


def test_settings_of_dlt_lie_over_those_of_the_project(
    project: FakeTap, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.configure(config={"url": "https://file.example", "page_size": 10, "region": "eu"})
    monkeypatch.setenv("SOURCES__SINGER__TAP_FAKE__CONFIG__PAGE_SIZE", "20")

    pipeline.run(singer("tap-fake", config={"region": "us"}))

    assert project.syncs[0]["config"] == {"url": "https://file.example", "page_size": 20, "region": "us"}


def test_what_dlt_is_told_about_a_source_is_no_setting_of_the_tap(
    project: FakeTap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOURCES__SINGER__TAP_FAKE__DATA_WRITER__BUFFER_MAX_ITEMS", "100")
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.singer.tap_fake.extract]\nworkers = 2\n")

    assert singer("tap-fake", streams=["users"]).name == "tap_fake"


@pytest.mark.usefixtures("no_process")
def test_listing_columns_and_hints_of_a_source_starts_nothing(project: FakeTap) -> None:
    source = singer("tap-fake", streams=["users"])

    computed = source.resources["users"].compute_table_schema()

    assert computed["name"] == "users"
