"""A replay in shares: workers load them side by side, and together they are the same as one replay."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_singer
from dlt_singer import join_shares, reservoir_shares
from dlt_singer.errors import ReservoirError
from dlt_singer.source.shares import ReplayShare
from dlt_singer.source.writing import write
from dlt_singer.testing import FakeTap, Table

NAMES = ("users", "logs", "stock")


@pytest.fixture(autouse=True)
def mirrored(tap: FakeTap, own_directories: None) -> None:
    """Three runs in the reservoir."""
    for number in range(3):
        mirror(tap, number)


def mirror(tap: FakeTap, number: int) -> None:
    """Mirror keyed rows that change, rows of which the tap repeats those at its bookmark, and a full table."""
    users = [{"id": each, "seen": number} for each in (1, number + 2)]
    logs = [{"at": each} for each in (number, number, number + 1)]
    tap.emits(
        Table("users", users, {"id": "integer", "seen": "integer"}, ["id"], "seen"),
        Table("logs", logs, {"at": "integer"}, [], "at"),
        Table("stock", [{"id": number}], {"id": "integer"}, ["id"]),
    )
    write("tap-fake", project_dir=tap.project_dir)


def cut(project: Path, number: int, streams: Sequence[str] | None = None, **arguments: Any) -> list[ReplayShare]:  # noqa: ANN401 - those of `reservoir`
    now = datetime.now(timezone.utc).isoformat()
    return reservoir_shares("tap-fake", number, streams, project_dir=project, **{"until": now, **arguments})


def lake(project: Path, name: str) -> dlt.Pipeline:
    return dlt.pipeline(name, destination="duckdb", dataset_name="raw", pipelines_dir=str(project / "disk"))


def replay(project: Path, pipeline: dlt.Pipeline) -> dict[str, int]:
    """Replay what is new to a pipeline, and return the rows that were loaded."""
    dlt_singer.run(pipeline, dlt_singer.reservoir("tap-fake", project_dir=project), summary=False)
    trace = pipeline.last_trace
    info = trace.last_normalize_info if trace else None
    counts = info.row_counts if info else {}
    return {table: rows for table, rows in counts.items() if not table.startswith("_dlt")}


def tables(pipeline: dlt.Pipeline) -> dict[str, list[Any]]:
    columns = {"users": "id, seen", "logs": '"at"', "stock": "id"}
    with pipeline.sql_client() as client:
        return {name: sorted(client.execute_sql(f"SELECT {columns[name]} FROM {name}") or ()) for name in NAMES}


def test_shares_are_together_one_replay_and_later_ones_load_what_came_after(tap: FakeTap, tmp_path: Path) -> None:
    shares, together, alone = cut(tmp_path, 2), lake(tmp_path, "together"), lake(tmp_path, "alone")
    for share in reversed(shares):
        dlt_singer.run(share.pipeline(together), share.source, summary=False)
    join_shares(together, shares)
    replay(tmp_path, alone)
    at_first = tables(together), tables(alone)
    mirror(tap, 3)

    new = replay(tmp_path, together), replay(tmp_path, alone)

    assert at_first[0] == at_first[1]
    assert new[0] == new[1] == {"users": 2, "logs": 2, "stock": 1}
    assert tables(together) == tables(alone)


def test_runs_of_a_stream_that_only_adds_rows_are_dealt_out_and_other_streams_whole(tmp_path: Path) -> None:
    shares = cut(tmp_path, 3)

    runs = [(piece.stream, len(piece.runs)) for share in shares for piece in share.pieces]
    assert sorted(runs) == [("logs", 1), ("logs", 2), ("stock", 1), ("users", 3)]


def test_runs_with_other_columns_stay_together(tap: FakeTap, tmp_path: Path) -> None:
    tap.emits(Table("logs", [{"at": 9, "by": "me"}], {"at": "integer", "by": "string"}, [], "at"))
    write("tap-fake", ["logs"], project_dir=tmp_path)

    first, second = cut(tmp_path, 2, ["logs"])

    assert (len(first.pieces[0].runs), second.pieces) == (4, ())


def test_a_keyed_stream_that_is_to_be_appended_is_dealt_out_by_runs(tmp_path: Path) -> None:
    appended = {"users": {"write_disposition": "append"}}

    shares = cut(tmp_path, 3, ["users"], resource_options=appended)

    assert [len(share.pieces[0].runs) for share in shares] == [1, 1, 1]


def test_runs_that_end_after_the_cut_change_nothing_of_it(tap: FakeTap, tmp_path: Path) -> None:
    until = datetime.now(timezone.utc).isoformat()
    before = cut(tmp_path, 2, until=until)
    mirror(tap, 3)

    after = cut(tmp_path, 2, until=until)

    assert [(share.name, share.pieces) for share in before] == [(share.name, share.pieces) for share in after]


def test_shares_may_be_joined_in_any_order_and_again(tmp_path: Path) -> None:
    shares, pipeline = cut(tmp_path, 3), lake(tmp_path, "lake")
    for share in shares:
        dlt_singer.run(share.pipeline(pipeline), share.source, summary=False)

    joined = join_shares(pipeline, shares[::-1])
    state = pipeline.state["sources"]
    again = join_shares(pipeline, shares)

    assert set(joined) == set(NAMES)
    assert again == joined
    assert pipeline.state["sources"] == state
    assert replay(tmp_path, pipeline) == {}


def test_a_share_that_is_cut_otherwise_than_it_was_loaded_is_refused(tmp_path: Path) -> None:
    until, pipeline = datetime.now(timezone.utc).isoformat(), lake(tmp_path, "lake")
    before = cut(tmp_path, 2, ["logs"], until=until)[0]
    dlt_singer.run(before.pipeline(pipeline), before.source, summary=False)
    loaded = before.pieces[0].runs[-1]
    shutil.rmtree(tmp_path / ".alto/reservoir/default/tap-fake/_runs" / loaded)
    after = cut(tmp_path, 2, ["logs"], until=until)[0]

    with pytest.raises(PipelineStepFailed, match=f"Run {loaded} of stream 'logs' was loaded by this share before"):
        dlt_singer.run(after.pipeline(pipeline), after.source, summary=False)


def test_where_nothing_is_new_all_shares_are_empty(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc).isoformat()

    assert [share.pieces for share in cut(tmp_path, 2, since=now, until=now)] == [(), ()]


def test_a_full_table_of_all_partitions_is_in_one_share(tap: FakeTap, tmp_path: Path) -> None:
    tap.configure(partitions={"eu": {}, "us": {}})
    for partition in ("eu", "us"):
        write(f"tap-fake@{partition}", project_dir=tmp_path)

    shares = cut(tmp_path, 2)

    held = [[(piece.tap, piece.stream) for piece in share.pieces] for share in shares]
    taps = ("tap-fake@eu", "tap-fake@us")
    assert sorted(held[0] + held[1]) == sorted((tap, stream) for tap in taps for stream in NAMES)
    assert {len({tap for tap, stream in each if stream == "stock"}) for each in held} == {0, 2}


def test_shares_are_not_joined_before_each_of_them_is_loaded(tmp_path: Path) -> None:
    shares, pipeline = cut(tmp_path, 2), lake(tmp_path, "lake")
    dlt_singer.run(shares[0].pipeline(pipeline), shares[0].source, summary=False)

    with pytest.raises(ReservoirError, match=r"share_2_of_2_.* is not loaded"):
        join_shares(pipeline, shares)

    assert not pipeline.state.get("sources")
