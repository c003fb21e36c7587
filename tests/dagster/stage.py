"""Runs orders of the tests in forks of a process that has imported Dagster; knows nothing of what they test.

Reads `{"code", "cwd", "environ"}` line by line from stdin, answers each with `{"result"}` or `{"error"}`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import dagster as dg

# Imported once for all forks.
import dagster_dlt  # noqa: F401
import dlt.destinations.impl.duckdb.duck  # noqa: F401
import pyarrow.parquet  # noqa: F401

import dlt_singer.dagster.report
import dlt_singer.source.factory
import dlt_singer.source.load  # noqa: F401

instance = dg.DagsterInstance.ephemeral()
"""In memory: each fork goes on with a copy of its own."""


def materialize(
    definitions: Any,  # noqa: ANN401 - Definitions, or assets
    *selection: str,
    config: dict[str, Any] | None = None,
    partition: str | None = None,
) -> dict[str, Any]:
    """Materialise assets in this process, and tell what Dagster's events say."""
    assets = definitions.assets if isinstance(definitions, dg.Definitions) else definitions
    ops = {each.op.name: {"config": config} for each in assets} if config else {}
    chosen = dg.AssetSelection.assets(*(key.split("/") for key in selection)) if selection else None
    outcome = dg.materialize(
        assets,
        selection=chosen,
        instance=instance,
        run_config={"ops": ops},
        partition_key=partition,
        raise_on_error=False,
    )
    return told(outcome.success, outcome.all_events)


def told(success: bool, events: Sequence[Any]) -> dict[str, Any]:  # noqa: FBT001 - the two go together
    """Return what was materialised and what has failed, as JSON."""
    materialized = {}
    failures = []
    for event in events:
        if event.is_step_materialization:
            found = event.step_materialization_data.materialization
            materialized["/".join(found.asset_key.path)] = {k: plain(v) for k, v in found.metadata.items()}
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            metadata = {key: plain(value) for key, value in told.metadata.items()} if told else {}
            failures.append({"description": told and told.description, "metadata": metadata})
    return {"success": success, "assets": materialized, "failures": failures}


def plain(value: Any) -> Any:  # noqa: ANN401 - a MetadataValue
    """Return a metadata value as JSON."""
    inner = getattr(value, "value", value)
    return columns(inner) if isinstance(inner, dg.TableSchema) else inner


def columns(schema: Any) -> dict[str, Any]:  # noqa: ANN401 - a TableSchema
    """Return a table schema as JSON."""
    return {
        column.name: {
            "type": column.type,
            "description": column.description,
            "nullable": column.constraints.nullable,
            "unique": column.constraints.unique,
        }
        for column in schema.columns
    }


def _obey(order: dict[str, Any]) -> dict[str, Any]:
    os.chdir(order["cwd"])
    for name in list(os.environ):
        if name.startswith(("ALTO_", "SOURCES__", "DESTINATION__", "DLT_")):
            del os.environ[name]
    os.environ.update(order["environ"])
    sys.path.insert(0, order["cwd"])
    story = sys.modules["story"] = ModuleType("story")
    vars(story).update(dg=dg, instance=instance, materialize=materialize, columns=columns)
    try:
        exec(compile(order["code"], "<story>", "exec", dont_inherit=True), vars(story))
        return {"result": getattr(story, "result", None)}
    except BaseException:  # noqa: BLE001 - the test shows it
        return {"error": traceback.format_exc()}


def _serve() -> None:
    # Dagster imports the rest of itself.
    dg.materialize([dg.asset(name="first")(lambda: None)], instance=instance)
    answers = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.write(answers, (json.dumps(_obey(json.loads(line)), default=str) + "\n").encode())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            os.write(answers, (json.dumps({"error": f"The fork ended with status {status}."}) + "\n").encode())


if __name__ == "__main__":
    _serve()
