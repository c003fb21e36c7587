"""`partitions:` of a tap: one program with several settings, each with a state of its own, into the same tables."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import pytest
import yaml
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

import dlt_singer
from dlt_singer.errors import NotSupportedError, SelectionError, SingerError, UnknownPluginError
from dlt_singer.orchestra.arguments import Refresh
from dlt_singer.state import change_state, clear_state, committed_states

Rows = Callable[[str], list[tuple[object, ...]]]
Fails = Callable[[type[SingerError]], AbstractContextManager[Any]]

PROGRAM = Path(__file__).with_name("tap_of_accounts.py")


@dataclass
class Project:
    """A project with a tap of two accounts, `eu` and `us`."""

    root: Path
    plans: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def has(self, account: str, **streams: dict[str, Any]) -> None:
        """Say what the tap finds in an account from now on."""
        self.plans[account] = streams
        self.write()

    def write(self, *, eu: Mapping[str, object] | None = None, **options: object) -> None:
        tap = {
            "command": [sys.executable, "-I", str(PROGRAM)],
            "capabilities": ["catalog", "discover", "state"],
            "config": {"notes": str(self.root / "notes"), "account": "nobody's", "streams": {}},
            "partitions": {
                name: {"account": name, "streams": plan, **((eu or {}) if name == "eu" else {})}
                for name, plan in self.plans.items()
            },
            **options,
        }
        (self.root / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-x": tap}}}))

    def source(self, partition: str | None = None, **arguments: Any) -> DltSource:  # noqa: ANN401 - those of `singer`
        return dlt_singer.singer("tap-x", partition=partition, project_dir=self.root, **arguments)

    def notes(self) -> list[tuple[str, str]]:
        """Return which accounts were begun and ended, in order; and forget it."""
        file = self.root / "notes"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
        return [(account, what) for account, what in lines]


def incremental(*ids: int, **more: object) -> dict[str, Any]:
    return {"method": "INCREMENTAL", "ids": list(ids), **more}


def full(*ids: int, **more: object) -> dict[str, Any]:
    return {"method": "FULL_TABLE", "ids": list(ids), **more}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two accounts with a stream of the same name."""
    made = Project(tmp_path)
    made.has("eu", users=incremental(1, 2, 5))
    made.has("us", users=incremental(3, 4))
    return made


@pytest.fixture
def users(rows: Rows) -> Callable[[], list[tuple[object, ...]]]:
    """Return a function that reads the table."""
    return lambda: [(account, number) for number, account in rows("users")]


Users = Callable[[], list[tuple[object, ...]]]
BOTH = [("eu", 1), ("eu", 2), ("us", 3), ("us", 4), ("eu", 5)]


def states(pipeline: dlt.Pipeline) -> dict[str, object]:
    """Return the bookmarks of each partition."""
    found = committed_states(pipeline.state)
    return {tap: {s: mark["id"] for s, mark in state["bookmarks"].items()} for tap, state in found.items()}  # type: ignore[index,call-overload,union-attr]  # as our tap says it


def test_all_partitions_load_into_the_same_tables_each_with_a_state_of_its_own(
    project: Project, pipeline: dlt.Pipeline, users: Users, sql: Rows
) -> None:
    pipeline.run(project.source())

    assert users() == BOTH
    assert sql("SELECT count(*) FROM users__tags") == [(len(BOTH),)]
    assert states(pipeline) == {"tap-x@eu": {"users": 5}, "tap-x@us": {"users": 4}}
    assert set(pipeline.state["sources"]["tap_x"]["resources"]) == {"users@eu", "users@us"}


def test_one_of_them_leaves_rows_and_bookmarks_of_the_others_alone(
    project: Project, pipeline: dlt.Pipeline, users: Users
) -> None:
    pipeline.run(project.source())
    project.has("us", users=incremental(3, 4, 6))

    pipeline.run(project.source("us"))

    assert users() == [*BOTH, ("us", 6)]
    assert states(pipeline) == {"tap-x@eu": {"users": 5}, "tap-x@us": {"users": 6}}


def test_partitions_are_read_in_turn(project: Project, pipeline: dlt.Pipeline, users: Users) -> None:
    project.write(eu={"waits_for": "us", "waits_s": 0.5})

    pipeline.run(project.source())

    assert project.notes() == [("eu", "begins"), ("eu", "ends"), ("us", "begins"), ("us", "ends")]
    assert users() == BOTH


def test_so_many_partitions_are_read_at_a_time_as_parallel_says(
    project: Project, pipeline: dlt.Pipeline, users: Users
) -> None:
    project.has("asia", users=incremental(6))
    project.write(parallel=2, eu={"waits_for": "us"})

    pipeline.run(project.source())

    running = [1 if what == "begins" else -1 for _, what in project.notes()]
    assert max(itertools.accumulate(running)) == 2
    assert users() == [*BOTH, ("asia", 6)]


def test_a_stream_that_replaces_its_table_replaces_it_with_the_rows_of_all_partitions(
    project: Project, pipeline: dlt.Pipeline, users: Users
) -> None:
    project.has("eu", users=full(1, 2))
    project.has("us", users=full(3))
    pipeline.run(project.source())
    project.has("eu", users=full(7))

    pipeline.run(project.source())

    assert users() == [("us", 3), ("eu", 7)]


def test_one_partition_does_not_replace_the_table_of_all(
    project: Project, pipeline: dlt.Pipeline, users: Users, fails: Fails
) -> None:
    project.has("eu", users=full(1, 2))
    project.has("us", users=full(3))
    pipeline.run(project.source())

    with fails(SelectionError) as failure:
        pipeline.run(project.source("eu"))

    assert "Stream 'users' of tap-x@eu replaces its table, and the rows of tap-x@us would be lost" in failure.text
    assert users() == [("eu", 1), ("eu", 2), ("us", 3)]


def test_a_stream_of_which_one_partition_says_nothing_is_not_replaced_by_the_others(
    project: Project, pipeline: dlt.Pipeline, users: Users, fails: Fails
) -> None:
    project.has("eu", users=full(1))
    project.has("us", users=full(3))
    pipeline.run(project.source())
    project.has("us", users=full(silent=True))

    with fails(SelectionError) as failure:
        pipeline.run(project.source())

    assert "of tap-x@us nothing came" in failure.text
    assert users() == [("eu", 1), ("us", 3)]


def test_who_says_how_a_stream_is_written_may_load_one_partition_of_it(
    project: Project, pipeline: dlt.Pipeline, users: Users
) -> None:
    project.has("eu", users=full(1))
    project.has("us", users=full(3))
    merged = {"users": {"write_disposition": "merge"}}

    for partition in ("eu", "us"):
        pipeline.run(project.source(partition, resource_options=merged))

    assert users() == [("eu", 1), ("us", 3)]


def test_the_first_table_version_of_a_partition_adds_to_the_table_and_a_later_one_is_refused(
    project: Project, pipeline: dlt.Pipeline, users: Users, fails: Fails
) -> None:
    project.has("eu", users=incremental(1, version=1))
    project.has("us", users=incremental(3, version=1))
    for partition in ("eu", "us"):
        pipeline.run(project.source(partition))
    project.has("eu", users=incremental(1, version=2))

    with fails(SelectionError) as failure:
        pipeline.run(project.source())

    assert "tap-x@eu began a new version of stream 'users'" in failure.text
    assert users() == [("eu", 1), ("us", 3)]


@pytest.mark.parametrize("refresh", ["drop_resources", "drop_data"])
def test_a_refresh_of_all_starts_all_of_them_again(
    project: Project, pipeline: dlt.Pipeline, users: Users, refresh: Refresh
) -> None:
    pipeline.run(project.source())
    project.has("eu", users=incremental(1))

    pipeline.run(project.source(), refresh=refresh)

    assert users() == [("eu", 1), ("us", 3), ("us", 4)]
    assert states(pipeline) == {"tap-x@eu": {"users": 1}, "tap-x@us": {"users": 4}}


@pytest.mark.parametrize(("refresh", "partition"), [("drop_data", "us"), ("drop_sources", "eu")])
def test_a_refresh_of_one_is_refused_as_it_would_take_the_rows_of_others_along(
    project: Project, pipeline: dlt.Pipeline, users: Users, fails: Fails, refresh: Refresh, partition: str
) -> None:
    pipeline.run(project.source())

    with fails(SelectionError) as failure:
        pipeline.run(project.source(partition), refresh=refresh)

    assert f"dlt-singer state clear tap-x@{partition}" in failure.text
    assert users() == BOTH
    assert states(pipeline) == {"tap-x@eu": {"users": 5}, "tap-x@us": {"users": 4}}


def test_one_whose_state_is_cleared_is_read_from_its_beginning_into_the_table_as_it_is(
    project: Project, pipeline: dlt.Pipeline, users: Users
) -> None:
    pipeline.run(project.source())
    project.has("us", users=incremental(2, 4))

    clear_state(pipeline, "tap-x@us")
    pipeline.run(project.source("us"))

    assert users() == [("eu", 1), ("us", 2), ("us", 3), ("us", 4), ("eu", 5)]


def test_a_state_is_set_for_one_partition(project: Project, pipeline: dlt.Pipeline, users: Users) -> None:
    pipeline.run(project.source())
    project.has("us", users=incremental(3, 4, 6, 7))

    change_state(pipeline, "tap-x@us", {"bookmarks": {"users": {"id": 7}}})
    pipeline.run(project.source())

    assert users() == [*BOTH, ("us", 7)]


def test_each_has_a_reservoir_of_its_own_and_a_replay_brings_all_together(
    project: Project, pipeline: dlt.Pipeline, rows: Rows, tmp_path: Path
) -> None:
    project.write(reservoir=True)
    dlt_singer.run(pipeline, project.source())
    copy = dlt.pipeline("copy", destination="duckdb", dataset_name="raw")

    copy.run(dlt_singer.reservoir("tap-x", project_dir=project.root))

    with copy.sql_client() as sql:
        assert sql.execute_sql("SELECT account, id FROM users ORDER BY id") == BOTH
    lineages = sorted(path.name for path in (tmp_path / ".alto/reservoir/default").iterdir())
    assert lineages == ["tap-x@eu", "tap-x@us"]
    copies = {path.name for path in (tmp_path / ".alto/state/default").glob("*_raw.json")}
    assert copies == {"tap-x@eu-to-stories_raw.json", "tap-x@us-to-stories_raw.json"}


def test_settings_of_a_partition_lie_over_those_given_in_python(project: Project, pipeline: dlt.Pipeline) -> None:
    pipeline.run(project.source("us", config={"account": "mine"}))

    assert {account for account, _ in project.notes()} == {"us"}


def test_an_unknown_partition_is_refused_with_a_suggestion(project: Project) -> None:
    with pytest.raises(UnknownPluginError, match=r"no partition 'use'. Did you mean 'us'\? Its partitions: eu, us"):
        project.source("use")


def test_what_had_ended_of_one_is_not_kept_of_a_load_of_all(project: Project) -> None:
    project.write(on_error="keep_completed", reservoir=True)

    with pytest.raises(NotSupportedError, match="tap-x is for one partition at a time"):
        project.source()


def test_a_single_resource_names_its_partition(project: Project, pipeline: dlt.Pipeline, users: Users) -> None:
    def resource(partition: str | None = None) -> DltResource:
        return dlt_singer.singer_resource("tap-x", "users", partition=partition, project_dir=project.root)

    pipeline.run([resource("eu"), resource("us")])

    assert users() == BOTH
    with pytest.raises(SelectionError, match="Name it: tap-x@eu, tap-x@us"):
        resource()
