"""`on_error: keep_completed`: of a run that fails, the streams that had ended are loaded, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import last_summaries, reservoir, run, singer
from dlt_singer.cli import main
from dlt_singer.errors import ConfigError, NotSupportedError, TapError, TapExitError, TapProtocolError, reason_of
from dlt_singer.testing import (
    CRASH,
    FakeTap,
    Step,
    Table,
    activate_version,
    record,
    schema,
    singer_state,
    state,
)

Rows = Callable[[str], list[tuple[object, ...]]]

USERS = schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")
STOCK = schema("stock", {"id": "integer"}, ["id"], replication_method="FULL_TABLE")
ORDERS = schema("orders", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")


@pytest.fixture(autouse=True)
def keeping(tap: FakeTap) -> FakeTap:
    return tap.configure(reservoir=True, on_error="keep_completed")


def users(*ids: int) -> Table:
    return Table("users", [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id")


def stock(*ids: int) -> Table:
    return Table("stock", [{"id": each} for each in ids], {"id": "integer"}, ["id"])


def logs(*moments: int) -> Table:
    return Table("logs", [{"at": each} for each in moments], {"at": "integer"}, [], "at")


def orders(*ids: int) -> Table:
    return Table("orders", [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id")


def fails(pipeline: dlt.Pipeline, tap: FakeTap, *steps: Step | Table, **arguments: Any) -> TapError:  # noqa: ANN401 - those of `run`
    tap.emits(*steps)
    with pytest.raises(PipelineStepFailed) as caught:
        run(pipeline, tap.source(), **arguments)
    error = reason_of(caught.value)
    assert isinstance(error, TapError)
    return error


def tables(pipeline: dlt.Pipeline) -> set[str]:
    """Return the tables that any load has made."""
    found: list[str] = list(pipeline.default_schema.tables) if pipeline.default_schema_name else []
    return {name for name in found if not name.startswith("_dlt")}


def test_the_streams_that_had_ended_are_loaded_with_their_bookmarks_and_the_run_still_fails(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    error = fails(pipeline, tap, users(1, 2), stock(7, 8), ORDERS, record("orders", id=1), CRASH(3))

    assert isinstance(error, TapExitError)
    assert (error.exit_code, error.completed) == (3, ("stock", "users"))
    assert "Loaded afterwards, because they had ended: stock, users" in str(error)
    assert (rows("users"), rows("stock")) == ([(1,), (2,)], [(7,), (8,)])
    assert tables(pipeline) == {"users", "stock"}
    assert singer_state(pipeline) == {"bookmarks": {"users": {"value": 2}, "stock": {"value": None}}}


def test_the_next_run_goes_on_without_duplicates_and_without_loss(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(logs(1, 2, 2), users(1), stock(1), orders(1))
    run(pipeline, tap.source())
    fails(pipeline, tap, logs(2, 2, 3, 3), users(1, 2), stock(2), ORDERS, record("orders", id=2), CRASH(1))
    tap.emits(logs(3, 3, 3, 4), users(2, 3), stock(3), orders(1, 2, 3))

    run(pipeline, tap.source())

    started_from = tap.syncs[-1]["state"]["bookmarks"]
    assert (started_from["users"], started_from["orders"]) == ({"value": 2}, {"value": 1})
    assert rows("logs") == [(1,), (2,), (2,), (3,), (3,), (3,), (4,)]
    assert (rows("users"), rows("stock"), rows("orders")) == (
        [(1,), (2,), (3,)],
        [(3,)],
        [(1,), (2,), (3,)],
    )


def test_what_was_kept_is_in_a_replay_of_the_reservoir_once(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    fails(pipeline, tap, logs(1, 2), stock(1), ORDERS, record("orders", id=1), CRASH(1))
    tap.emits(logs(2, 3), stock(2), orders(1, 2))
    run(pipeline, tap.source())

    copy = dlt.pipeline("copy", destination="duckdb", dataset_name="raw")
    copy.run(reservoir("tap-fake", project_dir=tap.project_dir))

    with copy.sql_client() as client:
        found = {
            table: [row[0] for row in client.execute_sql(f'SELECT * FROM "{table}" ORDER BY 1') or []]
            for table in ("logs", "stock", "orders")
        }
    pipeline.activate()
    assert found == {"logs": [1, 2, 3], "stock": [2], "orders": [1, 2]}


FULL = (STOCK, record("stock", id=1))
BEGUN = (ORDERS, record("orders", id=1), CRASH(1))


def test_a_stream_whose_part_of_the_state_says_that_it_is_not_over_has_not_ended(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    error = fails(pipeline, tap, *FULL, state({"bookmarks": {"stock": {"progress_markers": {}}}}), *BEGUN)

    assert error.completed == ()


def test_a_parent_has_not_ended_when_its_child_begins(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.configure(metadata={"orders": {"parent-tap-stream-id": "stock"}})

    error = fails(pipeline, tap, *FULL, state({}), *BEGUN)

    assert error.completed == ()


def test_a_full_table_that_had_not_ended_keeps_what_it_had(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(users(1), stock(1, 2, 3))
    run(pipeline, tap.source())

    error = fails(pipeline, tap, users(1, 2), STOCK, record("stock", id=4), state({"bookmarks": {}}), CRASH(1))

    assert error.completed == ("users",)
    assert (rows("users"), rows("stock")) == ([(1,), (2,)], [(1,), (2,), (3,)])


def test_a_new_table_version_replaces_the_table_when_it_is_kept(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(USERS, record("users", id=1, version=1), activate_version("users", 1), ORDERS)
    run(pipeline, tap.source())

    fails(pipeline, tap, USERS, record("users", id=2, version=2), activate_version("users", 2),
          state({"bookmarks": {"users": {"version": 2}}}), *BEGUN)  # fmt: skip

    assert rows("users") == [(2,)]


def test_what_had_ended_before_output_that_is_refused_is_loaded(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(users(1), record("orders", id=1), extra_streams=[ORDERS])
    with pytest.raises(PipelineStepFailed) as caught:
        run(pipeline, tap.source())

    error = reason_of(caught.value)

    assert isinstance(error, TapProtocolError)
    assert error.completed == ("users",)
    assert rows("users") == [(1,)]


def test_runs_side_by_side_keep_what_each_has_ended(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.configure(parallel=2)
    error = fails(pipeline, tap, users(1), stock(1), logs(1), ORDERS, record("orders", id=1), CRASH(1))

    assert set(error.completed) >= {"users"}
    assert all(rows(stream) for stream in error.completed)


def test_a_transformer_of_a_stream_that_had_ended_is_loaded_too(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    @dlt.transformer(name="doubled")
    def doubled(items: list[dict[str, int]]) -> list[dict[str, int]]:
        return [{"twice": each["id"] * 2} for each in items]

    tap.emits(users(1, 2), ORDERS, record("orders", id=1), CRASH(1))
    source = tap.source()
    source.resources["doubled"] = source.users | doubled

    with pytest.raises(PipelineStepFailed):
        run(pipeline, source)

    assert rows("doubled") == [(2,), (4,)]


@pytest.mark.parametrize("refresh", ["drop_resources", "drop_sources"])
def test_a_refresh_that_fails_drops_only_what_is_loaded_anew(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, refresh: str
) -> None:
    tap.emits(users(1, 2), orders(1, 2))
    run(pipeline, tap.source())

    fails(pipeline, tap, users(3), ORDERS, record("orders", id=9), CRASH(1), refresh=refresh)

    assert (rows("users"), rows("orders")) == ([(3,)], [(1,), (2,)])


def test_a_run_that_took_over_another_keeps_what_that_had_brought(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.configure(on_error="fail")
    fails(pipeline, tap, USERS, ORDERS, record("users", id=1), state({"bookmarks": {"users": {"value": 1}}}),
          CRASH(1))  # fmt: skip
    tap.configure(on_error="keep_completed")

    error = fails(pipeline, tap, users(1, 2), ORDERS, record("orders", id=1), CRASH(1))

    assert error.completed == ("users",)
    assert rows("users") == [(1,), (2,)]


def test_both_runs_are_summed_up_and_the_last_trace_is_that_of_the_one_that_failed(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    fails(pipeline, tap, users(1, 2), ORDERS, record("orders", id=1), CRASH(1))

    failed, kept = last_summaries(pipeline)
    trace = pipeline.last_trace

    assert (failed.origin, failed.result) == ("tap", "failed")
    assert (kept.origin, kept.result, [each.stream for each in kept.streams]) == ("failed run", "ok", ["users"])
    assert trace is not None
    assert trace.steps[-1].step_exception is not None


def test_nothing_is_loaded_by_default(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.configure(on_error="fail")

    error = fails(pipeline, tap, users(1, 2), ORDERS, record("orders", id=1), CRASH(1))

    assert error.completed == ()
    assert tables(pipeline) == set()


def test_without_a_reservoir_it_is_refused_by_name(tap: FakeTap, tmp_path: Path) -> None:
    tap.emits(users(1))

    with pytest.raises(ConfigError, match="`on_error: keep_completed` of tap-fake needs a reservoir"):
        singer("tap-fake", on_error="keep_completed", reservoir=False, project_dir=tmp_path)
    assert tap.calls == []


def test_under_a_bare_pipeline_run_it_is_refused_by_name_before_the_tap_is_started(
    tap: FakeTap, pipeline: dlt.Pipeline
) -> None:
    tap.emits(users(1))

    with pytest.raises(PipelineStepFailed) as caught:
        pipeline.run(tap.source())

    assert isinstance(reason_of(caught.value), NotSupportedError)
    assert "`on_error: keep_completed` of tap-fake needs `dlt_singer.run(pipeline, source)`" in str(caught.value)
    assert tap.syncs == []


def test_the_command_line_loads_what_had_ended_and_exits_with_1(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    tap.emits(users(1, 2), ORDERS, record("orders", id=1), CRASH(1))

    code = main(["run", "tap-fake", "--pipeline-name", "stories", "--destination", "duckdb", "--dataset", "raw"])

    assert code == 1
    assert "Loaded afterwards, because they had ended: users" in capsys.readouterr().err
    assert rows("users") == [(1,), (2,)]
