"""Care for a reservoir: listing, verification, compaction, pruning; nobody who reads meanwhile is disturbed."""

from __future__ import annotations

import os
import shutil
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from dlt_singer.errors import DamagedReservoirError, ReservoirError
from dlt_singer.messages import ActivateVersion, Message, Records, Schema, State
from dlt_singer.mirror import Limits, Recorder, Reservoir, compact, prune, rebuild, replay_stream, verify
from dlt_singer.mirror.holdings import Holdings
from dlt_singer.mirror.index import Index, read_index, write_index
from dlt_singer.mirror.writer import Writer
from dlt_singer.runs import Manifest, RunStart, StreamStart
from dlt_singer.storage import Store

STREAMS = {"users": "INCREMENTAL", "stock": "FULL_TABLE"}
LONG_AGO = time.time() - 3 * 86_400


@pytest.fixture
def reservoir(tmp_path: Path) -> Reservoir:
    return Reservoir(Store(tmp_path), "default", "tap-x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "reservoir/default/tap-x"


def begin(number: int, parent: str | None) -> RunStart:
    run = f"r{number}"
    streams = {
        name: StreamStart(name, parent, "r1", replication_method=method, key_properties=("id",))
        for name, method in STREAMS.items()
    }
    return RunStart(run, "tap-x", f"2026-01-0{number}T00:00:00.000000Z", streams)


def said(number: int) -> list[Message]:
    rows = [b'{"id":%d}' % each for each in range(number * 10, number * 10 + 3)]
    messages: list[Message] = []
    for name in STREAMS:
        messages += [Schema(name, msgspec.Raw(b'{"type":"object"}'), ["id"]), Records.bare(name, rows)]
    return [*messages, State(msgspec.Raw(b"{}"))]


def mirrored(reservoir: Reservoir, number: int, parent: str | None = None) -> Manifest:
    recorder = Recorder(reservoir, begin(number, parent))
    list(recorder.record(said(number)))
    return recorder.finish(dict.fromkeys(STREAMS, 3), {})


@pytest.fixture
def three(reservoir: Reservoir) -> list[Manifest]:
    """Three runs, one after the other."""
    return [mirrored(reservoir, 1), mirrored(reservoir, 2, "r1"), mirrored(reservoir, 3, "r2")]


def rows(reservoir: Reservoir, *manifests: Manifest) -> list[bytes]:
    ends = ((manifest, stream) for manifest in manifests for stream in manifest.streams)
    messages = (message for manifest, stream in ends for message in replay_stream(reservoir, manifest, stream))
    return [bytes(raw) for message in messages if isinstance(message, Records) for raw in message.raws]


def die(reservoir: Reservoir) -> None:
    """Leave what a run leaves that was killed."""
    start = msgspec.structs.replace(begin(2, "r1"), run="r2-dead")
    reservoir.put(start)
    writer = Writer(reservoir, start, Limits())
    for message in said(2):
        writer.take(message)
    writer.checkpoint()


def newest(reservoir: Reservoir) -> list[Manifest]:
    return sorted(reservoir.survey().manifests().values(), key=lambda run: run.run)


def test_of_runs_that_were_loaded_before_only_the_last_ones_are_read(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    (folder / "_runs/r1/final.json").write_text("damaged")

    recent = Holdings.of(reservoir, since="r2")

    assert sorted(recent.manifests) == ["r2", "r3"]
    assert recent.damaged == ()


def test_a_sound_reservoir_has_no_problem(reservoir: Reservoir, three: list[Manifest]) -> None:
    assert verify(reservoir) == []


def test_verification_names_everything_that_is_wrong(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    one, two, three_ = (run.files_of("users")[0].path for run in three)
    (folder / one).unlink()
    (folder / two).write_bytes(b"something else")
    (folder / "users/notes.txt").write_text("mine")
    shutil.copy(folder / three_, folder / "users" / "x-20260101000000000000000000.singer.gz")
    (folder / "_runs/r3/final.json").write_text('{"format": 9}')

    problems = {problem.path: problem for problem in verify(reservoir)}

    assert "is missing" in problems[one].what
    assert "not what was written" in problems[two].what
    assert "newer version" in problems["_runs/r3/final.json"].what
    assert problems["users/notes.txt"].harmless


def test_a_table_version_is_one_of_the_messages_that_were_written(reservoir: Reservoir) -> None:
    recorder = Recorder(reservoir, begin(1, None))
    list(recorder.record([*said(1), ActivateVersion("users", 1)]))
    recorder.finish(dict.fromkeys(STREAMS, 3), {})

    assert verify(reservoir) == []


def test_a_file_that_holds_more_or_less_than_was_written_is_named(
    reservoir: Reservoir, three: list[Manifest]
) -> None:
    first, *others = three[0].files
    noted = msgspec.structs.replace(first, messages=5, records=4)
    reservoir.put(msgspec.structs.replace(three[0], generation=2, files=(noted, *others)))

    (problem,) = verify(reservoir)

    assert problem.path == first.path
    assert problem.what == "It holds 3 messages and 3 records; 5 and 4 were written."


def test_files_of_alto_that_its_index_names_and_nobody_finds_are_named(
    reservoir: Reservoir, three: list[Manifest]
) -> None:
    theirs = "users/x/20200101000000000000.singer.gz"
    write_index(reservoir, Index({"users": (theirs,)}))

    (problem,) = verify(reservoir)

    assert problem.path == theirs
    assert problem.what == "alto's index names it for stream 'users', and it is missing."
    assert not problem.harmless


def test_what_a_run_that_died_has_stored_is_no_leftover_as_the_next_may_take_it_over(reservoir: Reservoir) -> None:
    die(reservoir)

    assert len(reservoir.survey().files) == 2
    assert verify(reservoir) == []


def test_after_a_compaction_all_rows_are_there_in_fewer_objects(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    before = rows(reservoir, *three)

    done = compact(reservoir)

    runs = newest(reservoir)
    assert (done.before, done.after) == (6, 2)
    assert [run.generation for run in runs] == [2, 2, 2]
    assert {file.path for run in runs for file in run.files} < reservoir.survey().files
    assert len({file.path for run in runs for file in run.files}) == 2
    assert rows(reservoir, *runs) == before
    assert [problem for problem in verify(reservoir) if not problem.harmless] == []


def test_who_began_to_read_before_a_compaction_reads_on_after_it(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    before = rows(reservoir, *three)
    compact(reservoir)
    for run in three:
        for file in run.files:
            (folder / file.path).unlink()

    assert rows(reservoir, *three) == before


def test_alto_does_not_look_again_at_what_it_has_read_before_a_compaction(
    reservoir: Reservoir, three: list[Manifest]
) -> None:
    index = read_index(reservoir)
    assert index is not None
    emitted = max(path.rpartition("/")[2] for path in index.files["users"])

    compact(reservoir)

    after = read_index(reservoir)
    assert after is not None
    assert [path for path in after.files["users"] if path.rpartition("/")[2] > emitted] == []
    assert len(after.files["users"]) == 1


def test_large_files_are_left_alone_and_a_second_compaction_finds_nothing(
    reservoir: Reservoir, three: list[Manifest]
) -> None:
    size = three[0].files[0].bytes

    assert compact(reservoir, object_bytes=size).before == 0
    assert compact(reservoir).before == 6
    assert compact(reservoir).before == 0


def test_no_object_gets_larger_than_it_may(reservoir: Reservoir, three: list[Manifest]) -> None:
    before, size = rows(reservoir, *three), max(file.bytes for run in three for file in run.files)

    done = compact(reservoir, object_bytes=2 * size + 1)

    runs = newest(reservoir)
    paths = {file.path for run in runs for file in run.files}
    assert (done.before, done.after) == (4, 2)
    assert sorted(reservoir.survey().sizes[path] <= 2 * size for path in paths) == [True] * 4
    assert rows(reservoir, *runs) == before


def test_a_compaction_puts_nothing_together_with_a_file_that_is_damaged(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    damaged = three[1].files_of("users")[0].path
    (folder / damaged).write_bytes(b"something else")

    with pytest.raises(DamagedReservoirError) as caught:
        compact(reservoir)

    assert caught.value.path == damaged
    assert "is not what was written there" in caught.value.reason
    assert newest(reservoir) == three


def test_what_was_put_together_before_is_put_together_with_what_came_since(
    reservoir: Reservoir, three: list[Manifest]
) -> None:
    compact(reservoir)
    later = [mirrored(reservoir, 4, "r3"), mirrored(reservoir, 5, "r4")]
    before = rows(reservoir, *three, *later)

    done = compact(reservoir)

    assert (done.before, done.after) == (6, 2)
    assert len({file.path for run in newest(reservoir) for file in run.files}) == 2
    assert rows(reservoir, *newest(reservoir)) == before


@pytest.mark.parametrize("left", ["an object without records", "half of the manifests"])
def test_a_compaction_that_was_killed_has_changed_nothing_anybody_reads(
    reservoir: Reservoir, three: list[Manifest], folder: Path, left: str
) -> None:
    before = rows(reservoir, *three)
    compact(reservoir)
    for number in (1, 2, 3) if left == "an object without records" else (2, 3):
        (folder / f"_runs/r{number}/final.2.json").unlink()

    assert rows(reservoir, *newest(reservoir)) == before
    assert compact(reservoir).before > 0
    assert rows(reservoir, *newest(reservoir)) == before


def test_two_compactions_at_once_do_each_other_no_harm(
    reservoir: Reservoir, three: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(reservoir, *three)
    first = reservoir.survey().manifests()
    compact(reservoir)
    later = newest(reservoir)
    monkeypatch.setattr("dlt_singer.mirror.folder.Survey.manifests", lambda *_: first)

    compact(reservoir)

    monkeypatch.undo()
    assert newest(reservoir) == later
    assert rows(reservoir, *newest(reservoir)) == before


def _age(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def test_pruning_by_age_keeps_the_newest_full_table_and_all_runs_after_it(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    between = datetime.fromisoformat(three[1].ended_at.replace("Z", "+00:00")) + timedelta(microseconds=1)

    done = prune(reservoir, before=between)

    left = newest(reservoir)
    assert done.runs == ("r1", "r2")
    assert [run.run for run in left] == ["r3"]
    assert reservoir.survey().files == {file.path for file in left[0].files}
    assert read_index(reservoir) is not None
    assert prune(reservoir, before=datetime.now(timezone.utc) + timedelta(days=1)).runs == ()


def test_pruning_keeps_what_somebody_has_not_loaded(reservoir: Reservoir, three: list[Manifest]) -> None:
    everything = {"users": "r3", "stock": "r3"}

    assert prune(reservoir, loaded_by=[everything, {"users": "r1", "stock": "r3"}]).runs == ()
    assert prune(reservoir, loaded_by=[everything, {"users": "r2", "stock": "r3"}]).runs == ("r1",)
    assert prune(reservoir, loaded_by=[{"users": "r3"}]).runs == ()
    assert prune(reservoir, loaded_by=[]).runs == ()


def test_pruning_removes_what_crashes_have_left_once_it_is_old(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    die(reservoir)
    young = prune(reservoir)
    _age(folder)

    old = prune(reservoir)

    assert (young.files, len(old.files)) == ((), 2)
    assert reservoir.survey().unfinished() == []
    assert len(rows(reservoir, *newest(reservoir))) == 18


def test_a_file_that_two_runs_share_stays_with_the_second(reservoir: Reservoir, three: list[Manifest]) -> None:
    (shared,) = three[0].files_of("users")
    reservoir.put(msgspec.structs.replace(three[2], generation=2, files=(*three[2].files, shared)))
    between = datetime.fromisoformat(three[1].ended_at.replace("Z", "+00:00")) + timedelta(microseconds=1)

    prune(reservoir, before=between)

    assert shared.path in reservoir.survey().files


def test_an_index_is_rebuilt_from_runs_that_count_and_files_of_alto(
    reservoir: Reservoir, three: list[Manifest], folder: Path
) -> None:
    superseded = mirrored(reservoir, 4, "r3")
    mirrored(reservoir, 5, "r3")
    theirs = folder / "users/x/20200101000000000000.singer.gz"
    theirs.parent.mkdir()
    shutil.copy(folder / three[0].files[0].path, theirs)
    (folder / "_reservoir.json").write_text("{")

    index = rebuild(reservoir)

    assert index == read_index(reservoir)
    assert index.theirs() == {"users": ("users/x/20200101000000000000.singer.gz",)}
    assert superseded.files_of("users")[0].path not in index.files["users"]
    assert len(index.files["users"]) == 5


def test_of_alto_s_files_those_that_are_gone_leave_the_index_when_it_is_rebuilt(
    reservoir: Reservoir, three: list[Manifest]
) -> None:
    theirs = [f"users/x/2020010{day}000000000000.singer.gz" for day in (1, 2)]
    reservoir.store.write(reservoir.key(theirs[1]), b"")
    write_index(reservoir, Index({"users": tuple(theirs)}, version=7))

    index = rebuild(reservoir)

    assert index.theirs() == {"users": (theirs[1],)}
    assert (len(index.files["users"]), len(index.files["stock"]), index.version) == (4, 3, 7)


def test_an_index_that_somebody_else_has_locked_is_not_rebuilt(
    reservoir: Reservoir, three: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    reservoir.store.write(reservoir.key("_reservoir.lock"), b"alto")

    with pytest.raises(ReservoirError, match="held by somebody else"):
        rebuild(reservoir)
