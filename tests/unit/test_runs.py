"""Which runs of a stream count, what a replay must load of them, and what a run may take over from a dead one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.errors import DamagedReservoirError, LineageError
from dlt_singer.runs import (
    Checkpoint,
    Cursor,
    Manifest,
    Manner,
    Progress,
    Resumption,
    RunStart,
    StoredFile,
    StreamEnd,
    StreamStart,
    Unfinished,
    Window,
    decode,
    encode,
    follow,
    plan,
    resumption,
)
from dlt_singer.runs.records import FORMAT
from dlt_singer.runs.times import moment_in, stamp

KEYED = Manner(whole=False, keyed=True)
KEYLESS = Manner(whole=False, keyed=False)
WHOLE = Manner(whole=True, keyed=True)
ALWAYS = Window()


def run(
    number: int,
    parent: str | None = None,
    lineage: str | None = None,
    *,
    pipeline: str = "p",
    **end: Any,  # noqa: ANN401 - fields of StreamEnd
) -> Manifest:
    name, at = f"r{number:03d}", f"2026-01-01T00:00:{number:02d}.000000Z"
    stream = StreamStart("users", parent, lineage or name)
    start = RunStart(name, "tap-x", at, {"users": stream}, pipeline=pipeline, destination="duckdb", dataset="raw")
    return Manifest(start, at, {"users": StreamEnd("schema", 1, 1, **end)}, (), msgspec.Raw(b"{}"))


def chain_of(*manifests: Manifest, lineage: str | None = None) -> list[str]:
    chain = follow(manifests, "users", lineage)
    return [] if chain is None else [manifest.run for manifest in chain.runs]


def planned(
    manner: Manner, cursor: Cursor | None, *manifests: Manifest, window: Window = ALWAYS
) -> tuple[list[str], bool]:
    chain = follow(manifests, "users")
    assert chain is not None
    found = plan(chain, manner, cursor, window, {manifest.run: manifest for manifest in manifests})
    return [manifest.run for manifest in found.runs], found.renewed


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 1, 31), "2026-01-31T00:00:00.000000Z"),
        (datetime(2026, 1, 31, 12), "2026-01-31T12:00:00.000000Z"),  # noqa: DTZ001 - a zone is what it lacks
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000000Z"),
    ],
    ids=["a date", "a time without a zone", "a text with a zone"],
)
def test_a_moment_is_utc_in_whatever_form_it_is_given(value: str | date, expected: str) -> None:
    assert stamp(moment_in(value)) == expected


def test_runs_follow_their_parents() -> None:
    assert chain_of(run(3, "r002", "r001"), run(1), run(2, "r001", "r001")) == ["r001", "r002", "r003"]


def test_a_later_run_with_the_same_parent_takes_the_place_of_an_earlier() -> None:
    runs = [run(1), run(2, "r001", "r001"), run(3, "r001", "r001"), run(4, "r003", "r001")]

    assert chain_of(*runs) == ["r001", "r003", "r004"]


def test_what_follows_a_superseded_run_does_not_count_either() -> None:
    runs = [run(1), run(2, "r001", "r001"), run(3, "r002", "r001"), run(4, "r001", "r001")]

    assert chain_of(*runs) == ["r001", "r004"]


def test_a_first_run_that_was_lost_is_superseded_by_the_next_first_run() -> None:
    assert chain_of(run(1), run(2), run(3, "r002", "r002")) == ["r002", "r003"]


def test_a_refresh_ends_the_lineage_before_it() -> None:
    runs = [run(1), run(2, "r001", "r001"), run(3), run(4, "r003", "r003")]

    assert chain_of(*runs) == ["r003", "r004"]
    assert chain_of(*runs, lineage="r001") == ["r001", "r002"]


def test_a_refresh_that_was_lost_changes_nothing() -> None:
    assert chain_of(run(1), run(2), run(3, "r001", "r001")) == ["r001", "r003"]


def test_lineages_of_two_pipelines_have_to_be_told_apart() -> None:
    runs = [run(1), run(2, pipeline="q"), run(3, "r001", "r001"), run(4, "r002", "r002", pipeline="q")]

    with pytest.raises(LineageError) as caught:
        chain_of(*runs)

    assert "r001 (pipeline 'p'" in caught.value.reason
    assert "r002 (pipeline 'q'" in caught.value.reason
    assert chain_of(*runs, lineage="q") == ["r002", "r004"]
    assert chain_of(*runs, lineage="r001") == ["r001", "r003"]
    with pytest.raises(LineageError, match="no lineage 'z'"):
        chain_of(*runs, lineage="z")


def test_a_chain_whose_first_runs_were_pruned_begins_later() -> None:
    chain = follow([run(2, "r001", "r001"), run(3, "r002", "r001")], "users")

    assert chain is not None
    assert not chain.begins
    assert [manifest.run for manifest in chain.runs] == ["r002", "r003"]
    assert chain.missing == ()


def test_a_run_that_is_missing_in_the_middle_is_named() -> None:
    chain = follow([run(1), run(3, "r002", "r001")], "users")

    assert chain is not None
    assert chain.missing == ("r002",)
    assert [manifest.run for manifest in chain.runs] == ["r001", "r003"]


def test_a_stream_nobody_has_mirrored_has_no_chain() -> None:
    assert follow([run(1)], "orders") is None


def test_a_replay_loads_what_came_after_its_cursor() -> None:
    runs = [run(1), run(2, "r001", "r001"), run(3, "r002", "r001")]

    assert planned(KEYLESS, None, *runs) == (["r001", "r002", "r003"], False)
    assert planned(KEYLESS, Cursor("r001"), *runs) == (["r002", "r003"], False)
    assert planned(KEYLESS, Cursor("r001", begun=True), *runs) == (["r001", "r002", "r003"], False)
    assert planned(KEYLESS, Cursor("r003"), *runs) == ([], False)


def test_a_full_table_is_loaded_from_its_latest_complete_run() -> None:
    runs = [run(1), run(2, "r001", "r001"), run(3, "r002", "r001", complete=False)]

    assert planned(WHOLE, None, *runs) == (["r002"], False)
    assert planned(WHOLE, Cursor("r001"), *runs) == (["r002"], False)
    assert planned(WHOLE, Cursor("r002"), *runs) == ([], False)
    assert planned(WHOLE, Cursor("r002", begun=True), *runs) == (["r002"], False)


def test_a_full_table_without_a_complete_run_is_not_loaded() -> None:
    assert planned(WHOLE, None, run(1, complete=False)) == ([], False)


def test_after_a_superseded_run_keys_go_on_at_the_fork_and_rows_without_keys_begin_anew() -> None:
    runs = [run(1), run(2, "r001", "r001"), run(3, "r001", "r001")]

    assert planned(KEYED, Cursor("r002"), *runs) == (["r003"], False)
    assert planned(KEYLESS, Cursor("r002"), *runs) == (["r001", "r003"], True)


def test_after_a_refresh_rows_without_keys_begin_anew() -> None:
    runs = [run(1), run(2)]

    assert planned(KEYED, Cursor("r001"), *runs) == (["r002"], False)
    assert planned(KEYLESS, Cursor("r001"), *runs) == (["r002"], True)


def test_a_new_table_version_makes_the_runs_before_it_needless() -> None:
    runs = [run(1, versions=(1,)), run(2, "r001", "r001", versions=(7,)), run(3, "r002", "r001")]

    assert planned(KEYED, None, *runs) == (["r002", "r003"], False)
    assert planned(Manner(whole=False, keyed=True, mixes_versions=True), None, *runs)[0] == ["r001", "r002", "r003"]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-01-01T00:00:02", None, ["r002", "r003"]),
        (None, "2026-01-01T00:00:03", ["r001", "r002"]),
        ("2026-01-01T00:00:02", "2026-01-01T00:00:03", ["r002"]),
    ],
    ids=["since", "until", "both"],
)
def test_a_window_leaves_out_runs(since: str | None, until: str | None, expected: list[str]) -> None:
    runs = [run(1), run(2, "r001", "r001"), run(3, "r002", "r001")]

    assert planned(KEYED, None, *runs, window=Window(since, until)) == (expected, False)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[bool, bool, bool]]:
    """Runs as (committed, refreshed, replayed elsewhere after it)."""
    steps = draw(st.lists(st.tuples(st.booleans(), st.sampled_from([False, False, False, True]), st.booleans())))
    return steps or [(True, False, True)]


@given(histories())
def test_whenever_somebody_replays_the_last_replay_has_exactly_what_the_pipeline_has(
    history: list[tuple[bool, bool, bool]],
) -> None:
    manifests: dict[str, Manifest] = {}
    at_home: list[str] = []
    elsewhere: dict[str, list[str]] = {"keyless": [], "whole": []}
    cursors: dict[str, Cursor | None] = {"keyless": None, "whole": None}

    def replay() -> None:
        chain = follow(manifests.values(), "users")
        assert chain is not None
        for kind, manner in (("keyless", KEYLESS), ("whole", WHOLE)):
            found = plan(chain, manner, cursors[kind], ALWAYS, manifests)
            if found.runs and (found.renewed or manner.whole):
                elsewhere[kind] = []
            elsewhere[kind] += [manifest.run for manifest in found.runs]
            cursors[kind] = Cursor(found.runs[-1].run) if found.runs else cursors[kind]

    for number, (committed, refreshed, replayed) in enumerate([*history, (True, False, True)]):
        before = [] if refreshed else at_home
        parent = before[-1] if before else None
        made = run(number, parent, manifests[parent].start.streams["users"].lineage if parent else None)
        manifests[made.run] = made
        if committed:
            at_home = [*before, made.run]
        if replayed:
            replay()

    assert elsewhere["keyless"] == at_home
    assert elsewhere["whole"] == at_home[-1:]


def dead(
    *checkpoints: Checkpoint,
    method: str | None = "INCREMENTAL",
    parent: str | None = None,
    **start: Any,  # noqa: ANN401 - fields of RunStart
) -> Unfinished:
    streams = {
        name: StreamStart(name, parent, "r001", replication_method=method if name == "users" else "INCREMENTAL")
        for name in ("users", "orders")
    }
    return Unfinished.of(RunStart("r001", "tap-x", "2026", streams, **start), checkpoints)


def checkpoint(number: int, covers: Mapping[str, int], *files: StoredFile) -> Checkpoint:
    return Checkpoint("r001", number, files, msgspec.Raw(b"{}"), dict(covers), "2026")


def file(stream: str, first: int, messages: int) -> StoredFile:
    return StoredFile(f"{stream}/{first}", stream, "id", first, messages, messages, 1, 1, "hash")


def now(
    *streams: str,
    parent: str | None = None,
    selection_hash: str = "",
    **start: Any,  # noqa: ANN401 - fields of RunStart
) -> RunStart:
    found = {name: StreamStart(name, parent, "r002", selection_hash=selection_hash) for name in streams}
    return RunStart("r002", "tap-x", "2027", found, **start)


MOVED = Progress(None, {"at": 5})
STUCK = Progress(None, None)


def resumed(found: Unfinished, begins: RunStart, *, rest_moved: bool = False, **progress: Progress) -> Resumption:
    states = {name: progress.get(name, MOVED) for name in begins.streams}
    return resumption(found, begins, states, rest_moved=rest_moved)


def test_what_a_state_covers_is_taken_and_no_message_more() -> None:
    found = dead(checkpoint(1, {"users": 3}, file("users", 0, 4)), checkpoint(2, {"users": 6}, file("users", 4, 4)))

    resumption = resumed(found, now("users", "orders"), orders=STUCK)

    assert resumption.taken == {"users": 6}
    assert [(each.first, each.counted) for each in resumption.files] == [(0, 4), (4, 2)]
    assert resumption.left == ("'orders': its bookmark had not moved",)


def test_checkpoints_count_as_far_as_they_follow_one_another() -> None:
    found = dead(checkpoint(1, {"users": 1}, file("users", 0, 1)), checkpoint(3, {"users": 9}, file("users", 5, 4)))

    assert resumed(found, now("users"), users=MOVED).taken == {"users": 1}


@pytest.mark.parametrize(
    ("found", "begins", "progress", "reason"),
    [
        (dead(), now("users"), MOVED, "it had stored nothing"),
        (dead(checkpoint(1, {"users": 1})), now("users", plugin_key="new"), MOVED, "settings have changed"),
        (dead(checkpoint(1, {"users": 1})), now("users", selection_hash="new"), MOVED, "what is selected"),
        (dead(checkpoint(1, {"users": 1})), now("users", masks={"*.email": "null"}), MOVED, "(rules)"),
        (dead(checkpoint(1, {"users": 1})), now("users", salt="other"), MOVED, "(the salt)"),
        (dead(checkpoint(1, {"users": 1})), now("users", dataset="other"), MOVED, "another place"),
        (dead(checkpoint(1, {"users": 1})), now("users", parent="r000"), MOVED, "continued another run"),
        (dead(checkpoint(1, {"users": 1}), method="FULL_TABLE"), now("users"), MOVED, "a full table"),
        (dead(checkpoint(1, {"users": 1})), now("users"), STUCK, "had not moved"),
        (dead(checkpoint(1, {"users": 1})), now("events"), MOVED, "was not read then"),
        (
            dead(checkpoint(1, {"users": 1})),
            now("users"),
            Progress(None, {"partitions": [{"progress_markers": {}}]}),
            "not resumable",
        ),
    ],
    ids=[
        "nothing stored", "other settings", "other selection", "other masks", "another salt", "another place",
        "another parent", "a full table", "no progress", "another stream", "progress markers",
    ],
)  # fmt: skip
def test_nothing_is_taken_that_may_not_be_true(
    found: Unfinished, begins: RunStart, progress: Progress, reason: str
) -> None:
    resumption = resumed(found, begins, users=progress, events=progress)

    assert not resumption.taken
    assert reason in resumption.refused


def test_the_same_rules_in_another_order_mask_otherwise() -> None:
    rules = {"*.email": "null", "users.*": "sha256"}
    found = dead(checkpoint(1, {"users": 1}), masks=rules)

    assert resumed(found, now("users", masks=rules)).taken
    assert "(rules)" in resumed(found, now("users", masks=dict(reversed(rules.items())))).refused


def test_a_rest_of_the_state_that_moved_is_taken_with_all_streams_or_not_at_all() -> None:
    found = dead(checkpoint(1, {"users": 1, "orders": 1}))

    assert resumed(found, now("users", "orders"), rest_moved=True).taken == {"users": 1, "orders": 1}
    assert "moved, too" in resumed(found, now("users", "orders"), rest_moved=True, orders=STUCK).refused
    assert "moved, too" in resumed(found, now("users"), rest_moved=True).refused


def test_a_run_that_ended_well_and_was_lost_is_taken_whole_but_for_streams_that_were_limited() -> None:
    limited, whole = run(2, "r001", "r001", complete=False), run(2, "r001", "r001")
    begins = now("users", parent="r001", **_place())

    assert resumed(Unfinished.of_manifest(whole), begins, users=MOVED).refused == ""
    assert "limited" in resumed(Unfinished.of_manifest(limited), begins, users=MOVED).refused


def test_a_first_run_that_ended_well_is_not_taken_because_a_refresh_may_have_followed_it() -> None:
    found = resumed(Unfinished.of_manifest(run(1)), now("users", **_place()), users=MOVED)

    assert "refreshed since" in found.refused


def test_a_run_that_has_nothing_to_do_with_this_one_is_passed_over_in_silence() -> None:
    found = resumed(dead(checkpoint(1, {"users": 1})), now("users", parent="r000"), users=MOVED)

    assert found.unrelated


def _place() -> dict[str, str]:
    return {"pipeline": "p", "destination": "duckdb", "dataset": "raw"}


def test_a_record_says_the_same_after_a_round_trip() -> None:
    state = msgspec.Raw(b'{"at": 1.10}')
    start = RunStart("r", "t", "2026", {"a": StreamStart("a", None, "r", remembered={"x": 1})}, state)
    manifest = Manifest(start, "2027", {"a": StreamEnd("i", 1, 1, bookmark={"at": 1})}, (file("a", 0, 1),), state)

    assert decode(encode(manifest), Manifest, "final.json") == manifest
    assert b'{"at": 1.10}' in encode(manifest)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"format": %d}' % (FORMAT + 1), "newer version"),
        (b'{"format": 1}', "no record of a run"),
        (b'{"form', "no record of a run"),
    ],
    ids=["newer", "something else", "cut off"],
)
def test_a_record_that_cannot_be_read_is_named(text: bytes, said: str) -> None:
    with pytest.raises(DamagedReservoirError, match=said) as caught:
        decode(text, Manifest, "_runs/r/final.json")

    assert caught.value.path == "_runs/r/final.json"
    assert caught.value.remedy


def test_after_pruning_a_replay_goes_on_with_what_is_left() -> None:
    runs = [run(3, "r002", "r001"), run(4, "r003", "r001")]

    assert planned(KEYLESS, Cursor("r002"), *runs) == (["r003", "r004"], False)
    assert planned(KEYLESS, Cursor("r003"), *runs[1:]) == (["r004"], False)
    assert planned(KEYLESS, Cursor("r005"), *runs) == ([], False)
