"""A state changed by hand is what the next run of the tap starts from, also on another machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from dlt_singer._types import JSON
from dlt_singer.errors import StateError
from dlt_singer.session.slots import Slot
from dlt_singer.state import change_state, clear_state, copies, keep_copy, read_copy, unwrapped, with_bookmark
from dlt_singer.state.change import _forgetful
from dlt_singer.storage import Store
from dlt_singer.testing import FakeTap, Table, singer_state

USERS = Table(
    "users",
    [{"id": number, "at": number} for number in range(1, 6)],
    {"id": "integer", "at": "integer"},
    ["id"],
    "at",
)
LOGS = Table("logs", [{"id": 1, "at": 1}], {"id": "integer", "at": "integer"}, ["id"], "at")


@pytest.fixture
def tap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTap:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("DLT_LOCAL_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return FakeTap(tmp_path).emits(USERS, LOGS)


@pytest.fixture
def pipeline(tap: FakeTap) -> Iterator[dlt.Pipeline]:
    yield new_pipeline()
    if Container()[PipelineContext].is_active():
        Container()[PipelineContext].deactivate()


def new_pipeline() -> dlt.Pipeline:
    return dlt.pipeline("by_hand", destination="duckdb", dataset_name="raw")


def test_the_next_run_starts_from_the_state_that_was_set(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    pipeline.run(tap.source())

    changed = change_state(pipeline, tap.name, {"bookmarks": {"users": {"value": 2}, "logs": {"value": 1}}})
    pipeline.run(tap.source())

    assert set(changed) == {"users", "logs"}
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}, "logs": {"value": 1}}}


def test_a_state_can_be_set_before_the_first_run(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    change_state(pipeline, tap.name, {"bookmarks": {"users": {"value": 4}}})

    pipeline.run(tap.source())

    assert tap.syncs[0]["state"] == {"bookmarks": {"users": {"value": 4}}}
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT id FROM users ORDER BY id") == [(4,), (5,)]


def test_a_state_that_was_set_is_restored_on_a_fresh_machine(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    change_state(pipeline, tap.name, {"bookmarks": {"users": {"value": 4}}})

    pipeline.drop()
    fresh = new_pipeline()
    fresh.run(tap.source())

    assert tap.syncs[0]["state"] == {"bookmarks": {"users": {"value": 4}}}


def test_a_state_of_no_stream_becomes_that_of_all_known_ones(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    change_state(pipeline, tap.name, {"cursor": 7}, ["users", "logs"])

    pipeline.run(tap.source())

    assert [call["state"] for call in tap.syncs] == [{"cursor": 7}]


def test_a_stream_that_the_new_state_leaves_out_starts_anew(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    pipeline.run(tap.source())

    change_state(pipeline, tap.name, {"bookmarks": {"users": {"value": 5}}})

    assert singer_state(pipeline) == {"bookmarks": {"users": {"value": 5}}}


def test_a_large_global_part_is_set_and_cleared(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    large: JSON = {"bookmarks": {"users": {"value": 5}}, "cursors": ["x" * 100] * 20}

    change_state(pipeline, tap.name, large)
    kept = singer_state(pipeline)
    clear_state(pipeline, tap.name)

    assert kept == large
    assert singer_state(pipeline) is None
    assert "x" * 100 not in str(pipeline.state)


def test_one_stream_can_be_cleared(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    pipeline.run(tap.source())

    cleared = clear_state(pipeline, tap.name, ["users"])
    pipeline.run(tap.source())

    assert cleared == ("users",)
    assert tap.syncs[-1]["state"] == {"bookmarks": {"logs": {"value": 1}}}


def test_clearing_a_stream_without_a_state_names_those_that_have_one(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    pipeline.run(tap.source())

    with pytest.raises(StateError, match=r"no state of stream 'user'.* logs, users"):
        clear_state(pipeline, tap.name, ["user"])


def test_clearing_what_is_not_there_clears_nothing(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    cleared = clear_state(pipeline, tap.name)

    assert cleared == ()


def test_a_state_cannot_be_changed_while_loads_are_pending(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    pipeline.extract(tap.source())

    with pytest.raises(StateError, match="loads pending"):
        change_state(pipeline, tap.name, {"bookmarks": {}})


@pytest.mark.parametrize("value", [None, [], "2024-01-01", 7])
def test_only_an_object_is_a_state(value: object, tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    with pytest.raises(StateError, match="is a JSON object"):
        change_state(pipeline, tap.name, value)  # type: ignore[arg-type]  # what a user may type


def test_a_state_of_no_stream_needs_to_know_one(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    with pytest.raises(StateError, match=r"names no stream of tap-fake.*`dlt-singer catalog tap-fake`"):
        change_state(pipeline, tap.name, {"cursor": 7})


def test_the_state_of_another_tap_in_the_pipeline_stays(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    change_state(pipeline, "tap-another", {"bookmarks": {"users": {"value": 1}}})
    change_state(pipeline, tap.name, {"bookmarks": {"users": {"value": 2}}})

    changed = change_state(pipeline, tap.name, {"bookmarks": {"users": {"value": 3}}})

    assert changed == ("users",)
    assert singer_state(pipeline) == {"bookmarks": {"users": {"value": 3}}}
    assert singer_state(pipeline, "tap-another") == {"bookmarks": {"users": {"value": 1}}}


def test_a_bookmark_goes_where_the_tap_keeps_it() -> None:
    assert with_bookmark({"users": 1, "x": 2}, "users", 3) == {"users": 3, "x": 2}
    assert with_bookmark({"bookmarks": {"logs": 1}}, "users", 3) == {"bookmarks": {"logs": 1, "users": 3}}
    assert with_bookmark(None, "users", 3) == {"bookmarks": {"users": 3}}


def test_the_wrappers_of_other_tools_are_taken_off() -> None:
    assert unwrapped({"singer_state": {"a": 1}}) == {"a": 1}
    assert unwrapped({"type": "STATE", "value": {"a": 1}}) == {"a": 1}
    assert unwrapped({"bookmarks": {}}) == {"bookmarks": {}}
    assert unwrapped({"type": "STATE", "at": 1}) == {"type": "STATE", "at": 1}
    assert unwrapped({"value": 1}) == {"value": 1}


def test_a_slot_that_is_set_keeps_what_holds_wherever_the_tap_starts() -> None:
    slot: Slot = {"tap": "tap-x", "stream": "users", "version": 3, "sequence": 9}

    assert _forgetful(slot) == {"version": 3, "sequence": 9}
    assert _forgetful({"tap": "tap-x"}) == _forgetful(None) == {}


def test_copies_are_listed_newest_first_also_those_of_alto(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("state/default/tap-x-to-p_raw.202301020304.json", b'{"n": 1}')
    keep_copy(store, "default", "tap-x", "p_raw", {"n": 2})
    keep_copy(store, "default", "tap-x", "p_raw_other", {"n": 3})

    found = copies(store, "default", "tap-x", "p_raw")

    assert [read_copy(store, copy) for copy in found] == [{"n": 2}, {"n": 1}]
    assert found[1].moment.isoformat() == "2023-01-02T03:04:00+00:00"
