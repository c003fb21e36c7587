"""Every way dlt has to reset a stream resets its bookmark too, and that of no other stream."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import dlt
import pytest

from dlt_singer.testing import FakeTap, Table, singer_state

Rows = Callable[[str], list[tuple[object, ...]]]
Shape = Literal["bookmarks", "top", "opaque"]
Refresh = Literal["drop_sources", "drop_resources", "drop_data"]
DLT = Path(sys.executable).with_name("dlt")


def table(stream: str, ids: Sequence[int], shape: Shape) -> Table:
    return Table(stream, [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id", shape)


@pytest.fixture
def loaded(request: pytest.FixtureRequest, tap: FakeTap, pipeline: dlt.Pipeline) -> FakeTap:
    """The tap after a run that loaded 1 to 3 of users and orders; since then 1 has gone from both, and 4 come."""
    shape = request.getfixturevalue("shape")
    tap.emits(table("users", [1, 2, 3], shape), table("orders", [1, 2, 3], shape))
    pipeline.run(tap.source())
    tap.emits(table("users", [2, 3, 4], shape), table("orders", [2, 3, 4], shape))
    return tap


RELOADED = [(2,), (3,), (4,)]
CONTINUED = [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize(
    ("refresh", "shape"), [("drop_resources", "opaque"), ("drop_data", "top"), ("drop_sources", "bookmarks")]
)
def test_a_refresh_of_all_streams_reloads_all_from_the_start(
    loaded: FakeTap, pipeline: dlt.Pipeline, rows: Rows, refresh: Refresh, shape: Shape
) -> None:
    pipeline.run(loaded.source(), refresh=refresh)

    assert "state" not in loaded.syncs[-1]
    assert len(loaded.syncs) == 2
    assert rows("users") == rows("orders") == RELOADED


@pytest.mark.parametrize(
    ("refresh", "shape"),
    [("drop_resources", "bookmarks"), ("drop_resources", "opaque"), ("drop_data", "top"), ("drop_data", "opaque")],
)
def test_a_refresh_of_one_stream_leaves_the_others_where_they_are(
    loaded: FakeTap, pipeline: dlt.Pipeline, rows: Rows, refresh: Refresh, shape: Shape
) -> None:
    pipeline.run(loaded.source().with_resources("users"), refresh=refresh)
    pipeline.run(loaded.source())

    assert rows("users") == RELOADED
    assert rows("orders") == CONTINUED


def test_a_refresh_of_the_source_forgets_unselected_streams_too(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", [1, 2], "top"), table("orders", [1, 2], "top"))
    pipeline.run(tap.source())
    pipeline.run(tap.source().with_resources("users"), refresh="drop_sources")
    assert singer_state(pipeline) == {"users": 2}

    pipeline.run(tap.source())

    assert tap.syncs[-1]["state"] == {"users": 2}
    assert rows("users") == rows("orders") == [(1,), (2,)]


@pytest.mark.parametrize("shape", ["top", "opaque"])
def test_a_stream_dropped_on_the_command_line_is_reloaded_and_no_other(
    loaded: FakeTap, new_pipeline: Callable[[], dlt.Pipeline], rows: Rows, tmp_path: Path, shape: Shape
) -> None:
    done = dlt_command(tmp_path, "pipeline", "stories", "drop", "users")
    assert "users" in done

    pipeline = new_pipeline()
    pipeline.run(loaded.source())

    assert rows("users") == RELOADED
    assert rows("orders") == CONTINUED


def test_a_drop_of_everything_on_the_command_line_reloads_everything(
    tap: FakeTap, pipeline: dlt.Pipeline, new_pipeline: Callable[[], dlt.Pipeline], rows: Rows, tmp_path: Path
) -> None:
    tap.emits(table("users", [1, 2], "opaque"), table("orders", [1, 2], "opaque"))
    pipeline.run(tap.source())
    dlt_command(tmp_path, "pipeline", "stories", "drop", "--drop-all")

    new_pipeline().run(tap.source())

    assert "state" not in tap.syncs[-1]
    assert rows("users") == rows("orders") == [(1,), (2,)]


def test_a_fresh_worker_does_not_bring_back_the_bookmark_of_a_dropped_stream(
    tap: FakeTap, pipeline: dlt.Pipeline, new_pipeline: Callable[[], dlt.Pipeline], rows: Rows, tmp_path: Path
) -> None:
    tap.emits(table("users", [1, 2], "bookmarks"), table("orders", [1, 2], "bookmarks"))
    pipeline.run(tap.source())
    dlt_command(tmp_path, "pipeline", "stories", "drop", "users")
    shutil.rmtree(tmp_path / "dlt")

    new_pipeline().run(tap.source())

    assert tap.syncs[-1]["state"] == {"bookmarks": {"orders": {"value": 2}}}
    assert rows("users") == rows("orders") == [(1,), (2,)]


def dlt_command(cwd: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(DLT), "-y", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
