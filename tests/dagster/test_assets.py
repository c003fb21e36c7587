"""The streams of a project as assets of a real Dagster: what it is told before a run, and after."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import dlt_singer
from dlt_singer._types import JSON
from dlt_singer.testing import CRASH, STDERR, FakeTap, Table, record, schema, state
from tests.dagster.conftest import Dagster

pytestmark = pytest.mark.registry

DEFINE = """
from dlt_singer.dagster import singer_assets, singer_definitions
define = lambda **more: singer_definitions(destination="duckdb", dataset_name="raw", **more)
"""


def table(stream: str, *ids: int) -> Table:
    return Table(stream, [{"id": n} for n in ids], {"id": "integer"}, ["id"], "id")


def streams_of(call: dict[str, object]) -> list[object]:
    catalog = call["catalog"]
    assert isinstance(catalog, dict)
    return [entry["stream"] for entry in catalog["streams"]]


@pytest.fixture
def project(tap: FakeTap) -> FakeTap:
    """Two streams, their catalog kept."""
    tap.emits(table("users", 1, 2), table("orders", 1))
    dlt_singer.discover("tap-fake", project_dir=tap.project_dir)
    return tap


@pytest.mark.parametrize("known", ["the catalog is kept", "streams are given"])
def test_defining_assets_starts_no_process_and_does_not_import_dlt(
    tap: FakeTap, environment: Path, variables: dict[str, str], known: str
) -> None:
    tap.emits(table("users", 1))
    if known == "the catalog is kept":
        dlt_singer.discover("tap-fake", project_dir=tap.project_dir)
    else:
        tap.configure(streams=["users"])
    before = len(tap.calls)
    code = """
import sys, dagster
def refuse(event, arguments):
    refused = ("subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system")
    assert event not in refused, event
sys.addaudithook(refuse)
from dlt_singer.dagster import singer_definitions
definitions = singer_definitions(destination="duckdb")
print([key.path for key in definitions.resolve_all_asset_keys()], "dlt" in sys.modules)
"""

    said = subprocess.check_output(
        [environment / "python", "-c", code], cwd=tap.project_dir, env=variables, text=True
    )

    assert said.strip() == "[['tap_fake', 'users']] False"
    assert len(tap.calls) == before


def test_streams_nobody_knows_are_an_error_that_says_how_to_learn_them(tap: FakeTap, dagster: Dagster) -> None:
    result = dagster(
        DEFINE
        + "try:\n    define()\nexcept Exception as error:\n    result = type(error).__name__ + ': ' + str(error)"
    )

    assert "DiscoveryNeededError" in result
    assert "dlt-singer catalog tap-fake" in result
    assert tap.calls == []


def test_an_asset_shows_what_catalog_and_project_say_of_its_stream(tap: FakeTap, dagster: Dagster) -> None:
    tap.configure(
        metadata={
            "*": {"dagster": {"cron": "@daily", "owners": ["team:data"], "kinds": ["api"]}},
            "public-Users": {
                "dagster": {
                    "automation_condition": "on_cron",
                    "automation_condition_config": {"cron_schedule": "0 6 * * *", "cron_timezone": "utc"},
                    "freshness_lower_bound_delta_seconds": 108000,
                    "tags": {"pii": "yes"},
                    "group_name": "people",
                }
            },
        }
    )
    users = schema(
        "public-Users",
        {"userId": {"type": "integer", "description": "Who."}, "at": {"type": "string", "format": "date-time"}},
        ["userId"],
    )
    tap.emits(users, table("orders", 1))
    dlt_singer.discover("tap-fake", project_dir=tap.project_dir)

    result = dagster(
        DEFINE
        + """
specs = {"/".join(spec.key.path): spec for spec in define().resolve_all_asset_specs()}
result = {
    key: {
        "kinds": sorted(spec.kinds), "group": spec.group_name, "owners": list(spec.owners),
        "tags": {k: v for k, v in spec.tags.items() if not k.startswith("dagster/")},
        "label": spec.automation_condition.get_label(),
        "stale after": spec.freshness_policy and spec.freshness_policy.fail_window.to_timedelta().total_seconds(),
        "columns": columns(spec.metadata["dagster/column_schema"]),
        "table": spec.metadata["dagster/table_name"],
    }
    for key, spec in specs.items()
}
"""
    )

    assert sorted(result) == ["raw/orders", "raw/public_users"]
    assert result["raw/public_users"] == {
        "kinds": ["api", "dlt", "duckdb", "singer"],
        "group": "people",
        "owners": ["team:data"],
        "tags": {"pii": "yes"},
        "label": "on_cron(0 6 * * *, utc)",
        "stale after": 108000,
        "columns": {
            "user_id": {"type": "bigint", "description": "Who.", "nullable": False, "unique": True},
            "at": {"type": "timestamp", "description": None, "nullable": True, "unique": False},
        },
        "table": "raw.public_users",
    }
    assert (result["raw/orders"]["group"], result["raw/orders"]["label"]) == ("tap_fake", "on_schedule(@daily)")


def test_what_is_said_of_assets_is_not_told_to_the_tap(project: FakeTap, dagster: Dagster) -> None:
    project.configure(metadata={"users": {"dagster": {"cron": "@daily"}, "schema-name": "x"}})

    dagster(DEFINE + "materialize(define())")

    (users, _) = project.syncs[-1]["catalog"]["streams"]
    root = next(entry["metadata"] for entry in users["metadata"] if not entry["breadcrumb"])
    assert "dagster" not in root
    assert root["schema-name"] == "x"


def test_a_materialisation_tells_rows_bookmark_columns_and_place(project: FakeTap, dagster: Dagster) -> None:
    first = dagster(DEFINE + "result = materialize(define(count_rows=True))")
    project.emits(table("users", 1, 2, 3), table("orders", 1))
    second = dagster(DEFINE + "result = materialize(define(count_rows=True))")

    assert first["success"]
    assert second["success"]
    users = second["assets"]["raw/users"]
    assert first["assets"]["raw/users"]["bookmark_from"] is None
    assert (users["bookmark_from"], users["bookmark_to"]) == ({"value": 2}, {"value": 3})
    assert (users["rows_loaded"], users["dagster/row_count"]) == (2, 3)
    assert (users["pipeline"], users["dataset"], users["destination"]) == ("tap_fake", "raw", "duckdb")
    assert users["dagster/table_name"] == "raw.users"
    assert users["load_id"] > first["assets"]["raw/users"]["load_id"]
    assert users["dagster/column_schema"]["id"]["type"] == "bigint"
    assert [streams_of(sync) for sync in project.syncs] == [["users", "orders"]] * 2


def test_one_process_may_run_a_step_as_often_as_it_likes(project: FakeTap, dagster: Dagster) -> None:
    result = dagster(DEFINE + "made = define()\nresult = [materialize(made)['success'] for _ in range(3)]")

    assert result == [True, True, True]
    assert project.syncs[-1]["state"] == {"bookmarks": {"users": {"value": 2}, "orders": {"value": 1}}}


def test_a_selection_starts_the_tap_with_only_its_streams(project: FakeTap, dagster: Dagster) -> None:
    result = dagster(DEFINE + "result = materialize(define(), 'raw/orders')")

    assert list(result["assets"]) == ["raw/orders"]
    assert [streams_of(sync) for sync in project.syncs] == [["orders"]]


def test_a_tap_that_fails_fails_the_step_with_its_own_reason(project: FakeTap, dagster: Dagster) -> None:
    project.emits(table("users", 1), STDERR("CRITICAL no such account"), CRASH(3))

    result = dagster(DEFINE + "result = materialize(define())")

    (failure,) = result["failures"]
    assert (result["success"], result["assets"]) == (False, {})
    assert "tap-fake" in failure["description"]
    assert "exit code 3" in failure["description"]
    assert "no such account" in failure["description"]
    assert failure["metadata"]["error"] == "TapExitError"
    assert failure["metadata"]["streams"] == ["users", "orders"]


def test_a_step_that_failed_is_retried_from_the_last_bookmark(project: FakeTap, dagster: Dagster) -> None:
    dagster(DEFINE + "materialize(define())")
    project.emits(table("users", 1, 2, 3), table("orders", 1), CRASH(3))

    result = dagster(
        DEFINE
        + """
result = materialize(define(retry_policy=dg.RetryPolicy(max_retries=1)))
"""
    )

    assert not result["success"]
    assert [sync["state"] for sync in project.syncs[1:]] == [
        {"bookmarks": {"users": {"value": 2}, "orders": {"value": 1}}}
    ] * 2


def test_a_stream_without_a_row_is_materialised_with_none(tap: FakeTap, dagster: Dagster) -> None:
    tap.emits(schema("users", {"id": "integer"}, ["id"]), state({}))
    tap.configure(streams=["users"])

    result = dagster(DEFINE + "result = materialize(define(count_rows=True))")

    users = result["assets"]["raw/users"]
    assert (users["rows_loaded"], users["dagster/row_count"], users["bookmark_to"]) == (0, 0, None)
    assert "id" in users["dagster/column_schema"]


def test_rows_of_lists_are_told_beside_their_tables(tap: FakeTap, dagster: Dagster) -> None:
    tags: JSON = {"type": "array", "items": {"type": "string"}}
    tap.emits(schema("users", {"id": "integer", "tags": tags}, ["id"]), record("users", id=1, tags=["a", "b"]))
    tap.configure(streams=["users"])

    result = dagster(DEFINE + "result = materialize(define())")

    assert result["assets"]["raw/users"]["rows_of_child_tables"] == {"users__tags": 2}


def test_a_refresh_is_asked_for_in_the_runs_configuration(project: FakeTap, dagster: Dagster) -> None:
    result = dagster(
        DEFINE
        + """
materialize(define())
result = materialize(define(), "raw/users", config={"refresh": "drop_resources"})
"""
    )

    assert result["assets"]["raw/users"]["rows_loaded"] == 2
    assert "state" not in project.syncs[-1]


def test_with_a_step_for_each_stream_each_has_a_pipeline_that_lives_without_a_disk(
    project: FakeTap, dagster: Dagster
) -> None:
    code = DEFINE + "result = materialize(define(step='stream', count_rows=True))"
    dagster(code)

    result = dagster(code, DLT_DATA_DIR=str(project.project_dir / "another disk"))

    users, orders = result["assets"]["raw/users"], result["assets"]["raw/orders"]
    assert (users["pipeline"], orders["pipeline"]) == ("tap_fake_users", "tap_fake_orders")
    assert (users["bookmark_from"], orders["bookmark_from"]) == ({"value": 2}, {"value": 1})
    assert (users["dagster/row_count"], orders["dagster/row_count"]) == (2, 1)
    assert sorted(streams_of(sync) for sync in project.syncs) == [["orders"], ["orders"], ["users"], ["users"]]


def test_partitions_of_a_tap_are_partitions_of_its_assets_each_with_a_pipeline_of_its_own(
    project: FakeTap, dagster: Dagster
) -> None:
    project.configure(partitions={"eu": {"account": 1}, "us": {"account": 2}})
    dlt_singer.discover("tap-fake", project_dir=project.project_dir)

    result = dagster(
        DEFINE
        + """
assets = define()
loaded = [materialize(assets, partition=key) for key in ("us", "eu", "us")]
result = {
    "keys": [key.path for key in assets.resolve_all_asset_keys()],
    "partitions": list(assets.assets[0].partitions_def.get_partition_keys()),
    "pipelines": [each["assets"]["raw/users"]["pipeline"] for each in loaded],
    "from": [each["assets"]["raw/users"]["bookmark_from"] for each in loaded],
}
"""
    )

    assert sorted(result["keys"]) == [["raw", "orders"], ["raw", "users"]]
    assert result["partitions"] == ["eu", "us"]
    assert result["pipelines"] == ["tap_fake_us", "tap_fake_eu", "tap_fake_us"]
    assert result["from"] == [None, None, {"value": 2}]
    assert [sync["config"]["account"] for sync in project.syncs] == [2, 1, 2]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"corn": "@daily"}, "Did you mean 'cron'"),
        ({"automation_condition": "on_corn"}, "Did you mean 'on_cron'"),
        ({"automation_condition": "on_cron"}, "cannot be made from []"),
        ({"cron": 7}, "Give a cron expression"),
        ({"cron": "every day"}, "cron"),
    ],
    ids=["an unknown key", "an unknown condition", "a missing argument", "a wrong type", "a wrong schedule"],
)
def test_a_slip_in_what_is_said_of_an_asset_is_told_at_once(
    project: FakeTap, dagster: Dagster, options: dict[str, JSON], reason: str
) -> None:
    project.configure(metadata={"users": {"dagster": options}})

    result = dagster(
        DEFINE
        + "try:\n    define()\nexcept Exception as error:\n    result = type(error).__name__ + ': ' + str(error)"
    )

    assert reason in result
    assert "users" in result


def test_two_taps_that_would_be_one_asset_are_told_apart_by_name(tap: FakeTap, dagster: Dagster) -> None:
    taps = {name: {"command": ["tap-of-none"], "streams": ["a.b"]} for name in ("tap-odd", "tap-even")}
    (tap.project_dir / "alto.local.json").write_text(json.dumps({"default": {"taps": taps}}))

    result = dagster("""
        from dlt_singer.dagster import singer_definitions
        try:
            singer_definitions(["tap-odd", "tap-even"], dataset_name="raw")
        except Exception as error:
            result = str(error)
    """)

    assert "Streams of tap-odd and tap-even would both be the asset raw/a_b" in result
    assert "load_path" in result


def test_two_streams_that_would_be_one_asset_are_told_by_name(tap: FakeTap, dagster: Dagster) -> None:
    taps = {"tap-odd": {"command": ["tap-of-none"], "streams": ["a.b", "a_b"]}}
    (tap.project_dir / "alto.local.json").write_text(json.dumps({"default": {"taps": taps}}))

    result = dagster("""
        from dlt_singer.dagster import singer_definitions
        try:
            singer_definitions(["tap-odd"], dataset_name="raw")
        except Exception as error:
            result = str(error)
    """)

    assert "Streams 'a.b' and 'a_b' of tap-odd would both be the asset raw/a_b" in result
    assert "'a_b': {\"table_name\"" in result


def test_a_load_that_fails_fails_the_step_with_dlts_own_error(project: FakeTap, dagster: Dagster) -> None:
    nowhere = {"DESTINATION__DUCKDB__CREDENTIALS": "duckdb:////dev/null/nowhere.duckdb"}

    result = dagster(DEFINE + "result = materialize(define(), 'raw/users')", **nowhere)

    assert (result["success"], result["assets"]) == (False, {})
    assert result["failures"] == [{"description": None, "metadata": {}}]
    assert project.syncs == []


def test_a_translator_of_ones_own_changes_what_it_likes(project: FakeTap, dagster: Dagster) -> None:
    result = dagster(
        DEFINE
        + """
from dlt_singer.dagster import SingerTranslator
class Bronze(SingerTranslator):
    def get_asset_spec(self, asset):
        return super().get_asset_spec(asset).replace_attributes(key=["bronze", asset.stream])
result = materialize(define(translator=Bronze()), "bronze/users")
"""
    )

    assert list(result["assets"]) == ["bronze/users"]
    assert [streams_of(sync) for sync in project.syncs] == [["users"]]


def test_dagster_dlt_loads_a_source_of_ours_and_its_subsets(project: FakeTap, dagster: Dagster) -> None:
    project.configure(metadata={"users": {"dagster": {"group_name": "people"}}})

    result = dagster("""
import dlt
from dagster_dlt import DagsterDltResource, dlt_assets
from dlt_singer import singer
from dlt_singer.dagster import SingerDltTranslator

pipeline = dlt.pipeline("dagster_dlt", destination="duckdb", dataset_name="raw")
@dlt_assets(dlt_source=singer("tap-fake"), dlt_pipeline=pipeline, dagster_dlt_translator=SingerDltTranslator())
def assets(context: dg.AssetExecutionContext, dlt: DagsterDltResource):
    yield from dlt.run(context=context).fetch_row_count()

users = [dg.AssetKey(["raw", "users"])]
outcome = dg.materialize([assets], selection=users, resources={"dlt": DagsterDltResource()}, instance=instance)
result = {
    "success": outcome.success,
    "groups": {"/".join(spec.key.path): spec.group_name for spec in assets.specs},
    "kinds": sorted(next(iter(assets.specs)).kinds),
}
""")

    assert result["success"]
    assert result["groups"] == {"raw/users": "people", "raw/orders": "tap_fake"}
    assert result["kinds"] == ["dlt", "duckdb", "singer"]
    assert [streams_of(sync) for sync in project.syncs] == [["users"]]


def test_a_factory_that_wraps_each_resource_in_a_source_of_its_own_takes_single_streams(
    project: FakeTap, dagster: Dagster
) -> None:
    code = """
import dlt
from dagster_dlt import DagsterDltResource, dlt_assets
from dlt_singer import singer_resource
from dlt_singer.dagster import SingerDltTranslator

def assets_of(resource):
    schema, table = resource.name.split(".")

    @dlt.source()
    def source():
        yield resource

    @dlt_assets(
        name=f"{schema}__{table}", dlt_source=source(), dagster_dlt_translator=SingerDltTranslator(),
        dlt_pipeline=dlt.pipeline(f"{schema}__{table}", destination="duckdb", dataset_name=schema),
    )
    def assets(context: dg.AssetExecutionContext, dlt: DagsterDltResource):
        yield from dlt.run(context=context)

    return assets

made = []
for stream in ("users", "orders"):
    resource = singer_resource("tap-fake", stream, name=f"crm.{stream}", table_name=stream)
    daily = {"cron_schedule": "@daily", "cron_timezone": "utc"}
    resource.meta = {"dagster": {"automation_condition": "on_schedule", "automation_condition_config": daily}}
    made.append(assets_of(resource))
outcome = dg.materialize(made, resources={"dlt": DagsterDltResource()}, instance=instance)
result = {
    "success": outcome.success,
    "labels": {"/".join(spec.key.path): spec.automation_condition.get_label() for a in made for spec in a.specs},
}
"""

    results = [dagster(code) for _ in range(2)]

    assert [result["success"] for result in results] == [True, True]
    assert results[0]["labels"] == {"crm/users": "on_schedule(@daily)", "crm/orders": "on_schedule(@daily)"}
    assert sorted(map(streams_of, project.syncs)) == [["orders"], ["orders"], ["users"], ["users"]]
    states = [sync.get("state") for sync in project.syncs if streams_of(sync) == ["users"]]
    assert states == [None, {"bookmarks": {"users": {"value": 2}}}]
