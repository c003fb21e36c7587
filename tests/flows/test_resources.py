"""Single streams in sources of the user's own, with everything that holds for `singer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import dlt
import pytest
from dlt.extract.resource import DltResource

from dlt_singer import singer_resource
from dlt_singer.errors import TapExitError, UnknownStreamError
from dlt_singer.testing import CRASH, FakeTap, Table, singer_state

Rows = Callable[[str], list[tuple[object, ...]]]


def table(stream: str, *ids: int) -> Table:
    return Table(stream, [{"id": n} for n in ids], {"id": "integer"}, ["id"], "id")


def collected(*resources: DltResource) -> object:
    @dlt.source(name="mine")
    def foreign() -> Iterable[DltResource]:
        return resources

    return foreign()


def test_one_stream_is_a_resource_of_a_source_of_ones_own(tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows) -> None:
    tap.emits(table("users", 1, 2), table("orders", 1))

    @dlt.source
    def source() -> Iterator[DltResource]:
        resource = singer_resource("tap-fake", "users", name="raw.users", table_name="users")
        # what some factories hang on a resource is theirs
        resource.meta = {"team": "data"}  # type: ignore[attr-defined]
        yield resource

    pipeline.run(source())
    pipeline.run(source())

    assert rows("users") == [(1,), (2,)]
    assert [[entry["stream"] for entry in sync["catalog"]["streams"]] for sync in tap.syncs] == [["users"]] * 2
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}}}
    hints = pipeline.default_schema.tables["users"]
    assert hints["columns"]["id"] | {"data_type": "bigint", "primary_key": True} == hints["columns"]["id"]
    assert hints["write_disposition"] == "merge"


def test_streams_of_one_tap_share_its_run_and_keep_bookmarks_of_their_own(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1), table("orders", 1, 2))

    for _ in range(2):
        pipeline.run(collected(singer_resource("tap-fake", "users"), singer_resource("tap-fake", "orders")))

    assert rows("users") == [(1,)]
    assert rows("orders") == [(1,), (2,)]
    assert len(tap.syncs) == 2
    assert tap.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 1}, "orders": {"value": 2}}}


def test_a_refresh_of_one_stream_starts_only_that_one_again(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(table("users", 1), table("orders", 1))
    pipeline.run(collected(singer_resource("tap-fake", "users"), singer_resource("tap-fake", "orders")))

    pipeline.run(collected(singer_resource("tap-fake", "orders")), refresh="drop_resources")

    assert "state" not in tap.syncs[-1]
    assert singer_state(pipeline) == {"bookmarks": {"users": {"value": 1}, "orders": {"value": 1}}}


def test_resources_with_other_settings_are_read_in_a_run_of_their_own(tap: FakeTap, pipeline: dlt.Pipeline) -> None:
    tap.emits(table("users", 1), table("orders", 1))

    pipeline.run(
        collected(
            singer_resource("tap-fake", "users", config={"account": "a"}),
            singer_resource("tap-fake", "orders", config={"account": "b"}),
        )
    )

    assert [sync["config"] for sync in tap.syncs] == [{"account": "a"}, {"account": "b"}]


def test_the_same_stream_of_two_accounts_goes_to_two_tables(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows
) -> None:
    tap.emits(table("users", 1))

    pipeline.run(
        collected(*(singer_resource("tap-fake", "users", name=f"users_{a}", config={"a": a}) for a in ("x", "y")))
    )

    assert rows("users_x") == rows("users_y") == [(1,)]


def test_a_tap_that_fails_fails_the_source_that_holds_the_resource(
    tap: FakeTap, pipeline: dlt.Pipeline, fails: Callable[..., object]
) -> None:
    tap.emits(table("users", 1), CRASH(3))

    with fails(TapExitError):  # type: ignore[attr-defined]  # a context manager, see conftest
        pipeline.run(collected(singer_resource("tap-fake", "users")))

    assert singer_state(pipeline) is None


def test_a_stream_the_tap_is_known_not_to_have_is_refused_at_once(tap: FakeTap) -> None:
    tap.emits(table("users", 1))
    tap.source()

    with pytest.raises(UnknownStreamError, match="Did you mean 'users'"):
        singer_resource("tap-fake", "user")


def test_making_one_asks_the_tap_nothing(tap: FakeTap) -> None:
    resource = singer_resource(
        "tap-fake", "users", name="raw.users", table_name="users", write_disposition="append"
    )

    assert (resource.name, resource.table_name, resource.write_disposition) == ("raw.users", "users", "append")
    assert tap.calls == []
