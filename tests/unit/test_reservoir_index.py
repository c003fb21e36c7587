"""alto's index: our files are in it behind its last, under its lock; alto's own are told from ours."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from dlt_singer.messages import Records, Schema
from dlt_singer.mirror import Recorder, Reservoir
from dlt_singer.mirror.index import is_ours, locked, moment_of, read_index
from dlt_singer.runs import Manifest, RunStart, StreamStart
from dlt_singer.storage import Store

HEAD = "reservoir/default/tap-x/"
THEIRS = "users/x/20990101000000000000.singer.gz"


@pytest.fixture
def reservoir(tmp_path: Path) -> Reservoir:
    return Reservoir(Store(tmp_path), "default", "tap-x")


def mirrored(reservoir: Reservoir, run: str) -> Manifest:
    start = RunStart(run, "tap-x", "2026", {"users": StreamStart("users", None, run)})
    recorder = Recorder(reservoir, start)
    list(recorder.record([Schema("users", msgspec.Raw(b"{}")), Records.bare("users", [b'{"id":1}'])]))
    return recorder.finish({"users": 1}, {})


def document(reservoir: Reservoir) -> dict[str, list[str]]:
    text = reservoir.store.read(reservoir.key("_reservoir.json"))
    assert text is not None
    found: dict[str, list[str]] = json.loads(text)
    return found


def test_files_of_a_run_are_in_the_index_once_it_has_ended(reservoir: Reservoir) -> None:
    one, two = mirrored(reservoir, "r1"), mirrored(reservoir, "r2")

    assert document(reservoir) == {
        "__version__": 0,
        "users": [HEAD + one.files[0].path, HEAD + two.files[0].path],
    }
    assert not reservoir.store.exists(reservoir.key("_reservoir.lock"))


def test_files_get_names_behind_the_last_that_alto_has_seen(reservoir: Reservoir) -> None:
    text = json.dumps({"users": [HEAD + THEIRS], "orders": [], "__version__": 3})
    reservoir.store.write(reservoir.key("_reservoir.json"), text.encode())

    (ours,) = mirrored(reservoir, "r1").files

    assert moment_of(ours.path) > moment_of(THEIRS)
    assert document(reservoir) == {"users": [HEAD + THEIRS, HEAD + ours.path], "orders": [], "__version__": 3}
    assert reservoir.survey().files == {ours.path}


def test_while_alto_holds_its_lock_a_run_ends_without_the_index(
    reservoir: Reservoir, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    reservoir.store.write(reservoir.key("_reservoir.lock"), b"6f0c7d9e-alto")

    manifest = mirrored(reservoir, "r1")

    assert reservoir.survey().manifests() == {"r1": manifest}
    assert read_index(reservoir) is None
    assert "until the index is rebuilt" in caplog.text
    assert reservoir.store.read(reservoir.key("_reservoir.lock")) == b"6f0c7d9e-alto"


def test_a_lock_of_ours_that_was_left_behind_is_removed(
    reservoir: Reservoir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    old = datetime.now(timezone.utc) - timedelta(minutes=6)
    reservoir.store.write(reservoir.key("_reservoir.lock"), f"dlt-singer {old.timestamp():.0f} r0".encode())

    with locked(reservoir, "r1") as had:
        inside = reservoir.store.read(reservoir.key("_reservoir.lock")) or b""

    assert had
    assert inside.endswith(b" r1")


def test_an_index_that_cannot_be_read_is_as_good_as_none(reservoir: Reservoir) -> None:
    reservoir.store.write(reservoir.key("_reservoir.json"), b"{cut o")

    assert read_index(reservoir) is None


def test_files_of_alto_are_told_from_ours_by_their_names(reservoir: Reservoir) -> None:
    (ours,) = mirrored(reservoir, "r1").files
    index = read_index(reservoir)
    assert index is not None

    both = index.with_files({"users": [THEIRS]})

    assert both.theirs() == {"users": (THEIRS,)}
    assert is_ours(ours.path)
    assert is_ours(ours.path.replace(".singer.gz", "-0a1b2c.singer.gz"))
