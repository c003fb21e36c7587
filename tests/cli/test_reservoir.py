"""`reservoir`: what a run with --reservoir has mirrored is listed, and loaded again without the tap."""

from __future__ import annotations

import json

from dlt_singer.testing import FakeTap
from tests.cli.conftest import Cli


def test_a_mirrored_run_is_listed_replayed_and_reset(tap: FakeTap, cli: Cli) -> None:
    empty = cli("reservoir", "ls", tap.name)
    cli(f"{tap.name}:reservoir")
    calls = len(tap.calls)

    listed = json.loads(cli("reservoir", "ls", tap.name, "--json").out)
    first = json.loads(cli("reservoir", "replay", tap.name, "--json").out)
    again = json.loads(cli("reservoir", "replay", tap.name, "--json").out)
    reset = cli("reservoir", "reset", tap.name)
    anew = json.loads(cli("reservoir", "replay", tap.name, "--json").out)

    assert "No run yet" in empty.out
    assert [(run["records"], run["pipeline"]) for run in listed] == [(7, "fake")]
    assert (first["tables"], first["pipeline"]) == ({"logs": 2, "users": 5}, "fake_reservoir")
    assert sum(again["tables"].values()) == 0
    assert reset.out == "tap-fake, fake_reservoir: the next replay loads all of logs, users.\n"
    assert anew["tables"] == first["tables"]
    assert len(tap.calls) == calls
