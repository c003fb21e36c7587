"""A stream is a dlt resource like any other, whatever a user makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import dlt
import pytest
from dlt.extract.resource import DltResource

import dlt_singer.source
from dlt_singer.errors import SelectionError, SingerError, UnknownStreamError
from dlt_singer.testing import FakeTap, Table, activate_version, record, schema, singer_state, state

Rows = Callable[[str], list[tuple[object, ...]]]
Fails = Callable[[type[SingerError]], AbstractContextManager[Any]]

USERS = schema("users", {"id": "integer"}, ["id"], replication_method="FULL_TABLE")
ORDERS = schema("orders", {"id": "integer"}, ["id"], replication_method="FULL_TABLE")


def table(stream: str, *ids: int) -> Table:
    return Table(stream, [{"id": each} for each in ids], {"id": "integer"}, ["id"], "id")


def test_one_source_object_run_twice_keeps_the_rows_of_a_stream_skipped_the_second_time(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(USERS, record("users", id=1), ORDERS, record("orders", id=1))
    source = tap.source()
    pipeline.run(source)

    tap.emits(ORDERS, record("orders", id=2), extra_streams=[USERS])
    pipeline.run(source)

    assert rows("users") == [(1,)]
    assert rows("orders") == [(2,)]


def test_one_source_object_run_twice_continues_from_its_bookmark(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1, 2))
    source = tap.source()
    pipeline.run(source)

    tap.emits(table("users", 1, 2, 3))
    pipeline.run(source)

    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}}}
    assert rows("users") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("name", ["singr"])
def test_a_name_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(AttributeError, match=r"module 'dlt_singer.source' has no attribute 'singr'"):
        getattr(dlt_singer.source, name)


def test_two_taps_load_in_one_run(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    other = FakeTap(tap.project_dir, "tap-other")
    tap.emits(table("users", 1))
    other.emits(table("orders", 2))

    pipeline.run([tap.source(), other.source()])

    assert rows("users") == [(1,)]
    assert rows("orders") == [(2,)]
    assert singer_state(pipeline, "tap-other") == {"bookmarks": {"orders": {"value": 2}}}


def test_one_tap_under_two_names_in_one_run_keeps_two_states(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1), table("orders", 1, 2))

    pipeline.run([tap.source(streams=["users"], name="first"), tap.source(streams=["orders"], name="second")])
    pipeline.run(tap.source(streams=["orders"], name="second"))

    assert tap.syncs[-1]["state"] == {"bookmarks": {"orders": {"value": 2}}}
    assert rows("users") == [(1,)]
    assert rows("orders") == [(1,), (2,)]


def test_options_of_a_stream_that_is_not_there_are_refused_those_of_one_left_out_are_fine(tap: FakeTap) -> None:
    tap.emits(table("users", 1), table("orders", 1))
    tap.source()

    with pytest.raises(UnknownStreamError, match=r"'user', which .* does not have\. Did you mean 'users'"):
        tap.source(resource_options={"user": {"write_disposition": "append"}})

    tap.source(streams=["orders"], resource_options={"users": {"write_disposition": "append"}})


def test_each_stream_works_alone_in_a_foreign_source_under_a_name_with_a_dot(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1, 2), table("orders", 1, 2))
    made = tap.source(
        resource_options={name: {"name": f"raw.{name}", "table_name": name} for name in ("users", "orders")}
    )

    def wrapped(resource: DltResource) -> object:
        @dlt.source(name=resource.name.replace(".", "__"))
        def foreign() -> Iterator[DltResource]:
            yield resource

        return foreign()

    for _ in range(2):
        for resource in made.resources.values():
            pipeline.run(wrapped(resource))

    assert rows("users") == rows("orders") == [(1,), (2,)]
    assert [sync.get("state") for sync in tap.syncs] == [
        None,
        None,
        {"bookmarks": {"users": {"value": 2}}},
        {"bookmarks": {"orders": {"value": 2}}},
    ]


def test_resources_collected_in_a_foreign_source_share_one_run_of_the_tap(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1), table("orders", 1))

    @dlt.source
    def foreign() -> Iterable[DltResource]:
        return [resource.with_name(f"my_{name}") for name, resource in tap.source().resources.items()]

    pipeline.run(foreign())
    pipeline.run(foreign())

    assert len(tap.syncs) == 2
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 1}, "orders": {"value": 1}}}
    assert rows("my_users") == rows("my_orders") == [(1,)]


def test_a_stream_is_run_as_a_bare_resource(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(table("users", 1), table("orders", 1))

    pipeline.run(tap.source().resources["users"])
    pipeline.run(tap.source().resources["users"])

    assert rows("users") == [(1,)]
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 1}}}


def test_only_the_selected_streams_are_asked_of_the_tap(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(table("users", 1), table("orders", 1), table("items", 1))

    pipeline.run(tap.source().with_resources("users", "items"))

    (sync,) = tap.syncs
    assert [stream["stream"] for stream in sync["catalog"]["streams"]] == ["users", "items"]
    assert set(pipeline.default_schema.data_table_names()) == {"users", "items"}


@pytest.mark.parametrize("selected", [True, False], ids=["stream loaded too", "stream not loaded"])
def test_a_transformer_is_fed_by_a_stream(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, *, selected: bool
) -> None:
    @dlt.transformer(primary_key="user", write_disposition="merge")
    def names(users: list[dict[str, int]]) -> Iterator[list[dict[str, object]]]:
        yield [{"user": user["id"], "name": f"user {user['id']}"} for user in users]

    tap.emits(table("users", 1, 2))
    for _ in range(2):
        source = tap.source()
        source.resources["names"] = source.resources["users"] | names
        source.resources["users"].selected = selected
        pipeline.run(source)

    assert rows("names") == [(1, "user 1"), (2, "user 2")]
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}}}
    assert ("users" in pipeline.default_schema.data_table_names()) is selected
    if selected:
        assert rows("users") == [(1,), (2,)]


def test_a_transformer_is_fed_by_every_batch_of_a_stream(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, batches_of_two: None
) -> None:
    @dlt.transformer(primary_key="user")
    def names(users: list[dict[str, int]]) -> Iterator[list[dict[str, object]]]:
        yield [{"user": user["id"], "name": f"user {user['id']}"} for user in users]

    source = tap.emits(table("users", 1, 2, 3, 4, 5)).source()
    source.resources["names"] = source.resources["users"] | names

    pipeline.run(source)

    assert rows("users") == [(1,), (2,), (3,), (4,), (5,)]
    assert len(rows("names")) == 5


@pytest.mark.parametrize("of", ["the source", "its resource"])
def test_a_stream_is_read_without_a_pipeline(tap: FakeTap, of: str) -> None:
    tap.emits(table("users", 1, 2))
    source = tap.source()

    read = list(cast("Iterable[dict[str, object]]", source if of == "the source" else source.resources["users"]))

    assert [row["id"] for row in read] == [1, 2]


def test_a_new_version_is_read_without_a_pipeline_too(tap: FakeTap) -> None:
    incremental = schema("users", {"id": "integer"}, ["id"], replication_method="INCREMENTAL")
    tap.emits(incremental, record("users", version=2, id=1), activate_version("users", 2))

    read = list(cast("Iterable[dict[str, object]]", tap.source()))

    assert [row["id"] for row in read] == [1]


def test_a_stream_that_the_rules_switch_off_is_refused_and_told_from_one_that_is_not_there(tap: FakeTap) -> None:
    tap.emits(table("users", 1), table("orders", 1)).configure(select=["users.*"])
    tap.source()

    with pytest.raises(
        SelectionError, match=r"'orders' of tap-fake is switched off by its 'select' rules"
    ) as caught:
        tap.source(streams=["orders"], refresh_catalog=False)
    with pytest.raises(UnknownStreamError, match=r"no stream 'order'. Did you mean 'orders'"):
        tap.source(streams=["order"], refresh_catalog=False)

    assert "Add 'orders.*' to the rules." in caught.value.remedy


def test_a_rule_that_matches_nothing_is_warned_about_and_the_others_count(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    tap.emits(table("users", 1), table("orders", 1)).configure(select=["users.*", "user_*.*"])

    pipeline.run(tap.source())

    assert "'user_*.*'" in caplog.text
    assert pipeline.default_schema.data_table_names() == ["users"]


def test_streams_of_a_tap_that_cannot_discover_have_to_be_named(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1)).configure(capabilities=["state"])

    with pytest.raises(UnknownStreamError, match="does not say that it has discovery") as caught:
        tap.source(refresh_catalog=False)
    pipeline.run(tap.source(streams=["users"], refresh_catalog=False))

    assert caught.value.remedy.startswith("Give streams=[...]")
    assert rows("users") == [(1,)]


def test_a_parent_that_a_tap_reads_for_its_child_is_no_stream_nobody_asked_for(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    tap.configure(metadata={"orders": {"parent-tap-stream-id": "users"}})
    more = [schema("logs", {"id": "integer"}), record("logs", id=1)]
    tap.emits(USERS, ORDERS, record("users", id=1), record("orders", id=7), *more)

    pipeline.run(tap.source(streams=["orders"]))

    assert rows("orders") == [(7,)]
    assert "sends stream 'logs' unasked" in caplog.text
    assert "'users'" not in caplog.text


def test_a_stream_read_by_two_resources_of_one_run_is_refused(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails
) -> None:
    tap.emits(table("users", 1))
    source = tap.source()
    source.resources["again"] = source.resources["users"].with_name("again")

    with fails(SelectionError) as failure:
        pipeline.run(source)

    assert "'users'" in failure.text
    assert "'again'" in failure.text


def test_a_stream_nobody_asked_for_is_skipped(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(USERS, ORDERS, record("users", id=1), record("orders", id=1), state({"bookmarks": {"users": 1}}))

    pipeline.run(tap.source(streams=["users"]))

    assert rows("users") == [(1,)]
    assert pipeline.default_schema.data_table_names() == ["users"]


def test_two_pipelines_in_two_threads_do_not_see_each_other(tap: FakeTap, tmp_path: Path) -> None:
    other = FakeTap(tap.project_dir, "tap-other")
    tap.emits(table("users", *range(50)))
    other.emits(table("users", *range(50, 90)))
    sources = [tap.source(), other.source()]

    def load(number: int) -> list[object]:
        file = str(tmp_path / f"thread{number}.duckdb")
        pipeline = dlt.pipeline(f"thread{number}", destination=dlt.destinations.duckdb(file), dataset_name="raw")
        pipeline.run(sources[number])
        with pipeline.sql_client() as client:
            return [row[0] for row in client.execute_sql("SELECT id FROM users ORDER BY id") or []]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(load, range(2)))

    assert found == [list(range(50)), list(range(50, 90))]
