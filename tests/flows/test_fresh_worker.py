"""Committed state outlives the worker: it is restored from the destination, and copied to the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_singer
from dlt_singer.testing import CRASH, FakeTap, Table, singer_state

Rows = Callable[[str], list[tuple[object, ...]]]
NewPipeline = Callable[[], dlt.Pipeline]


def users(*ids: int) -> Table:
    return Table("users", [{"id": each} for each in ids], {"id": "integer"}, (), "id")


def run_plainly(pipeline: dlt.Pipeline, tap: FakeTap) -> None:
    pipeline.run(tap.source())


def run_by_us(pipeline: dlt.Pipeline, tap: FakeTap) -> None:
    dlt_singer.run(pipeline, tap.source())


@pytest.mark.parametrize("run", [run_plainly, run_by_us], ids=["pipeline.run", "dlt_singer.run"])
def test_a_fresh_worker_restores_the_state_from_the_destination(
    tap: FakeTap,
    new_pipeline: NewPipeline,
    rows: Rows,
    tmp_path: Path,
    run: Callable[[dlt.Pipeline, FakeTap], None],
) -> None:
    tap.emits(users(1, 1, 2, 2))
    run(new_pipeline(), tap)
    shutil.rmtree(tmp_path / "dlt")

    tap.emits(users(1, 1, 2, 2, 2, 3))
    run(new_pipeline(), tap)

    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}}}
    assert rows("users") == [(1,), (1,), (2,), (2,), (2,), (3,)]


def test_the_committed_state_is_copied_before_the_next_tap_starts(
    tap: FakeTap, pipeline: dlt.Pipeline, copies: Callable[[], list[object]]
) -> None:
    tap.emits(users(1))
    pipeline.run(tap.source())
    assert copies() == []

    tap.emits(users(1, 2), CRASH(1))
    with pytest.raises(PipelineStepFailed):
        pipeline.run(tap.source())

    assert copies() == [{"bookmarks": {"users": {"value": 1}}}]


def test_our_run_copies_the_state_right_after_the_load_and_keeps_every_copy(
    tap: FakeTap, pipeline: dlt.Pipeline, copies: Callable[[], list[object]], tmp_path: Path
) -> None:
    for last in (1, 2, 2):
        tap.emits(users(*range(last + 1)))
        dlt_singer.run(pipeline, tap.source())

    assert copies() == [{"bookmarks": {"users": {"value": 1}}}, {"bookmarks": {"users": {"value": 2}}}]
    newest = tmp_path / ".alto/state/default/tap-fake-to-stories_raw.json"
    assert json.loads(newest.read_text()) == singer_state(pipeline)


def test_a_package_whose_state_was_not_noted_here_before_the_kill_is_loaded_once(
    tap: FakeTap, new_pipeline: NewPipeline, rows: Rows
) -> None:
    tap.emits(users(1, 1, 2))
    dlt_singer.run(new_pipeline(), tap.source())
    pipeline = new_pipeline()
    noted = Path(pipeline.working_dir, "state.json")
    before = noted.read_bytes()
    tap.emits(users(1, 1, 2, 2, 3))
    pipeline.extract(tap.source())
    # dlt commits the package first, with the state in it, and then writes the state down.
    noted.write_bytes(before)

    dlt_singer.run(new_pipeline(), tap.source())

    assert rows("users") == [(1,), (1,), (2,), (2,), (3,)]
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 3}}}


def test_a_package_whose_run_was_killed_before_dlt_removed_what_was_normalized_is_loaded_once(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, tmp_path: Path
) -> None:
    tap.emits(users(1))
    pipeline.run(tap.source())
    tap.emits(users(1, 2))
    pipeline.extract(tap.source())
    extracted = next(Path(pipeline.working_dir, "normalize", "extracted").iterdir())
    shutil.copytree(extracted, tmp_path / "kept")
    pipeline.normalize()
    shutil.copytree(tmp_path / "kept", extracted)

    tap.emits(users(1, 2, 3))
    dlt_singer.run(pipeline, tap.source())

    assert rows("users") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("restores", ["true", "false"])
def test_our_run_loads_what_an_earlier_one_left_pending_and_then_the_source(
    tap: FakeTap, new_pipeline: NewPipeline, rows: Rows, monkeypatch: pytest.MonkeyPatch, restores: str
) -> None:
    monkeypatch.setenv("RESTORE_FROM_DESTINATION", restores)
    pipeline = new_pipeline()
    tap.emits(users(1))
    pipeline.run(tap.source())
    tap.emits(users(1, 2))
    pipeline.extract(tap.source())

    tap.emits(users(1, 2, 3))
    dlt_singer.run(pipeline, tap.source())

    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}}}
    assert rows("users") == [(1,), (2,), (3,)]
    assert not pipeline.has_pending_data


def test_copies_of_another_environment_are_kept_apart(tap: FakeTap, pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    tap.emits(users(1))
    with (tmp_path / "alto.yaml").open("a") as file:
        file.write("live: {}\n")

    dlt_singer.run(pipeline, tap.source(env="live"))

    assert (tmp_path / ".alto/state/live/tap-fake-to-stories_raw.json").exists()


@pytest.fixture
def copies(tmp_path: Path) -> Callable[[], list[object]]:
    """Return a function that reads the dated copies of the state, oldest first."""

    def read() -> list[object]:
        dated = sorted((tmp_path / ".alto/state/default").glob("tap-fake-to-stories_raw.*.json"))
        return [json.loads(file.read_text()) for file in dated]

    return read
