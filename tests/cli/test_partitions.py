"""Partitions of a tap on the command line: all of them, one of them, and what must name one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlt_singer.testing import FakeTap
from tests.cli.conftest import USERS, Cli


@pytest.fixture
def accounts(tap: FakeTap) -> FakeTap:
    """A tap of two accounts that have the same users."""
    return tap.emits(USERS).configure(partitions={"eu": {"account": 1}, "us": {"account": 2}})


def test_a_run_reads_all_partitions_or_the_one_that_is_named(accounts: FakeTap, cli: Cli) -> None:
    assert cli("run", accounts.name).code == 0
    assert cli("run", accounts.name, "--partition", "us").code == 0
    assert cli("run", f"{accounts.name}@eu").code == 0

    assert [sync["config"]["account"] for sync in accounts.syncs] == [1, 2, 2, 1]
    assert [sync.get("state") for sync in accounts.syncs[2:]] == [
        {"bookmarks": {"users": {"value": "2024-01-05"}}}
    ] * 2


def test_a_dry_run_shows_where_each_partition_starts(accounts: FakeTap, cli: Cli) -> None:
    cli("run", accounts.name)

    planned = json.loads(cli("run", accounts.name, "--dry-run", "--json").out)["streams"]

    assert [(each["stream"], each["table"], each["disposition"]) for each in planned] == [
        ("users@eu", "users", "merge"),
        ("users@us", "users", "merge"),
    ]
    assert [each["starts"] != "the beginning" for each in planned] == [True, True]


def test_the_state_of_one_is_shown_and_cleared(accounts: FakeTap, cli: Cli) -> None:
    cli("run", accounts.name)

    cli("state", "clear", f"{accounts.name}@eu")

    assert json.loads(cli("state", "show", f"{accounts.name}@us", "--json").out) is not None
    assert json.loads(cli("state", "show", f"{accounts.name}@eu", "--json").out) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["state", "show", "tap-fake"], "Name one: tap-fake@eu, tap-fake@us."),
        (["catalog", "tap-fake"], "Name one: tap-fake@eu, tap-fake@us."),
        (["run", "tap-fake@eu", "tap-fake@us", "-j", "2"], "Partitions of a tap share a pipeline"),
        (["run", "tap-fake", "--partition", "uk"], "has no partition 'uk'"),
    ],
    ids=["a state", "a catalog", "two at a time", "one that is not there"],
)
def test_what_cannot_be_meant_is_refused(accounts: FakeTap, cli: Cli, words: list[str], said: str) -> None:
    done = cli(*words)

    assert done.code != 0
    assert said in " ".join(done.err.split())


def test_every_partition_is_tried(accounts: FakeTap, cli: Cli, tmp_path: Path) -> None:
    tried = json.loads(cli("test", accounts.name, "--json").out)

    assert [(each["tap"], each["ok"]) for each in tried] == [("tap-fake@eu", True), ("tap-fake@us", True)]
