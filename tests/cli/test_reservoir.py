"""`reservoir`: what a run with --reservoir has mirrored is listed, and loaded again without the tap."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from dlt_singer.testing import CRASH, FakeTap
from tests.cli.conftest import USERS, Cli


def test_a_mirrored_run_is_listed_replayed_and_reset(tap: FakeTap, cli: Cli) -> None:
    empty = cli("reservoir", "ls", tap.name)
    cli("run", tap.name, "--reservoir")
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


def test_shares_are_listed_loaded_and_joined(tap: FakeTap, cli: Cli) -> None:
    cli("reservoir", "write", tap.name)
    until = ("--until", datetime.now(timezone.utc).isoformat(), "--json")

    listed = json.loads(cli("reservoir", "shares", tap.name, "1", *until).out)
    loaded = json.loads(cli("reservoir", "replay", tap.name, "--share", "1/1", *until).out)
    joined = json.loads(cli("reservoir", "join", tap.name, "1", *until).out)
    again = json.loads(cli("reservoir", "replay", tap.name, "--json").out)

    assert sorted((each["stream"], each["runs"], each["share"]) for each in listed) == [
        ("logs", 1, 1),
        ("users", 1, 1),
    ]
    assert (loaded["tables"], sorted(joined)) == ({"logs": 2, "users": 5}, ["logs", "users"])
    assert loaded["pipeline"].startswith("fake_reservoir_share_1_of_1_")
    assert sum(again["tables"].values()) == 0


def test_a_tap_is_written_without_a_destination(
    tap: FakeTap, cli: Cli, same_screen: Callable[[str, str], None]
) -> None:
    cli("catalog", tap.name)

    written = cli(f"{tap.name}:reservoir")
    listed = cli("reservoir", "ls", tap.name, "--json")
    replayed = json.loads(cli("reservoir", "replay", tap.name, "--json").out)

    same_screen("reservoir-write", written.screen)
    assert [(run["records"], run["pipeline"]) for run in json.loads(listed.out)] == [(7, None)]
    assert replayed["tables"] == {"logs": 2, "users": 5}


def test_a_write_whose_tap_failed_ends_with_1_and_can_be_gone_on_from(tap: FakeTap, cli: Cli) -> None:
    tap.emits(USERS, CRASH(3))

    failed = cli("reservoir", "write", tap.name)
    unknown = cli("reservoir", "write", tap.name, "--streams", "uers")

    assert (failed.code, "exit code 3" in failed.err) == (1, True)
    assert unknown.code == 2


def mirrored(tap: FakeTap, cli: Cli, runs: int) -> Path:
    for _ in range(runs):
        cli("run", tap.name, "--reservoir", "--quiet")
    return tap.project_dir / ".alto/reservoir/default" / tap.name


def test_verify_ends_with_1_once_a_file_is_not_what_was_written(tap: FakeTap, cli: Cli) -> None:
    folder = mirrored(tap, cli, runs=1)
    (folder / "notes.txt").write_text("mine")
    sound = cli("reservoir", "verify", tap.name)
    users = next(folder.glob("users/*/*.singer.gz"))
    users.write_bytes(users.read_bytes()[:-9])

    damaged = cli("reservoir", "verify", tap.name)

    assert (sound.code, damaged.code) == (0, 1)
    assert "Harmless: notes.txt" in sound.out
    assert "All files are what was written." in sound.out
    assert f"Damaged: {users.relative_to(folder)}" in damaged.out
    problems = json.loads(cli("reservoir", "verify", tap.name, "--json").out)
    assert {problem["path"]: problem["harmless"] for problem in problems} == {
        "notes.txt": True,
        str(users.relative_to(folder)): False,
    }


def test_small_files_are_put_together_and_load_as_before(tap: FakeTap, cli: Cli) -> None:
    mirrored(tap, cli, runs=2)

    compacted = cli("reservoir", "compact", tap.name)
    again = cli("reservoir", "compact", tap.name, "--json")
    replayed = json.loads(cli("reservoir", "replay", tap.name, "--json").out)

    assert "put 4 objects" in compacted.out
    assert json.loads(again.out) == {"before": 0, "after": 0, "bytes": 0}
    # The row at the bookmark came twice, and is merged.
    assert replayed["tables"] == {"logs": 2, "users": 6}


def test_what_would_be_pruned_is_shown_and_removed_only_once_somebody_says_yes(tap: FakeTap, cli: Cli) -> None:
    folder = mirrored(tap, cli, runs=3)
    words = ("reservoir", "prune", tap.name, "--before", "0d")
    before = sorted(folder.rglob("*"))

    shown = cli(*words, "--dry-run")
    refused = cli(*words)
    left = sorted(folder.rglob("*"))
    removed = json.loads(cli(*words, "--yes", "--json").out)
    nothing = cli(*words)

    assert "to remove: 2 runs, 4 files" in shown.out
    assert (refused.code, left) == (2, before)
    assert "Say --yes to remove them" in refused.err
    assert (removed["removed"], len(removed["runs"]), len(removed["files"])) == (True, 2, 4)
    assert len([*folder.glob("_runs/*/final.json")]) == 1
    assert nothing.out == f"{tap.name}: nothing to remove.\n"


def test_what_a_pipeline_has_not_replayed_is_not_pruned(tap: FakeTap, cli: Cli) -> None:
    mirrored(tap, cli, runs=1)
    cli("reservoir", "replay", tap.name)
    mirrored(tap, cli, runs=2)
    words = ("reservoir", "prune", tap.name, "--dry-run", "--json", "--loaded-by")

    behind = json.loads(cli(*words, "fake_reservoir").out)
    cli("reservoir", "replay", tap.name)
    caught_up = json.loads(cli(*words, "fake_reservoir").out)
    unknown = cli(*words, "elsewhere")

    assert (len(behind["runs"]), len(caught_up["runs"])) == (0, 2)
    assert (unknown.code, "has never run on this machine" in unknown.err) == (2, True)


@pytest.mark.parametrize(("answer", "left"), [("yes", 1), ("", 2)], ids=["yes", "nothing"])
def test_whoever_is_there_sees_what_would_be_pruned_and_is_asked(
    answer: str, left: int, tap: FakeTap, cli: Cli
) -> None:
    folder = mirrored(tap, cli, runs=2)

    said = cli("reservoir", "prune", tap.name, "--before", "0d", answers=f"{answer}\n")

    assert said.err.startswith(f"{tap.name}: to remove: 1 runs, ")
    assert "Remove them from" in said.out
    assert (f"{tap.name}: removed: 1 runs" in said.out) == (left == 1)
    assert len([*folder.glob("_runs/*/final.json")]) == left


@pytest.mark.parametrize("verb", ["ls", "verify", "compact", "prune"])
def test_screens_of_an_empty_reservoir(
    verb: str, tap: FakeTap, cli: Cli, same_screen: Callable[[str, str], None]
) -> None:
    same_screen(f"reservoir-{verb}-empty", cli("reservoir", verb, tap.name).screen)


def test_a_time_that_is_none_is_refused(tap: FakeTap, cli: Cli) -> None:
    refused = cli("reservoir", "prune", tap.name, "--before", "yesterday")

    assert (refused.code, "Write 2026-01-31, or 90d" in refused.err) == (2, True)
