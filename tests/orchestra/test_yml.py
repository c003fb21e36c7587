"""The pipelines of `orchestra/` have the shape that Orchestra takes, and start scripts that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlt_singer.orchestra.arguments import VARIABLES

REPOSITORY = Path(__file__).parents[2]
FILES = sorted((REPOSITORY / "orchestra").glob("*.yml"))
TOP = {"version", "name", "pipeline", "inputs", "schedule", "configuration", "webhook"}
GROUP = {"tasks", "depends_on", "name", "matrix", "condition"}
TASK = {
    "integration",
    "integration_job",
    "parameters",
    "depends_on",
    "name",
    "connection",
    "treat_failure_as_warning",
}
PARAMETERS = {
    "source", "branch", "project_dir", "package_manager", "python_version", "build_command", "command",
    "environment_variables", "set_outputs",
}  # fmt: skip
OURS = {
    *VARIABLES.values(),
    *(f"DLT_SINGER_{word}" for word in ("TAP", "SINCE", "UNTIL", "SHARE", "JOIN")),
    "DLT_SINGER_PIPELINES",
    "DLT_SINGER_PARALLEL",
}

pytestmark = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_it_has_the_keys_of_a_pipeline(file: Path) -> None:
    pipeline = read(file)

    assert pipeline["version"] == "v1"
    assert pipeline["webhook"] == {"enabled": False}
    assert set(pipeline) <= TOP
    for group in pipeline["pipeline"].values():
        assert {"tasks", "depends_on", "name"} <= set(group) <= GROUP
    for task in tasks(pipeline):
        assert TASK - {"treat_failure_as_warning"} <= set(task) <= TASK


def test_its_tasks_are_python_scripts_from_git_that_publish_outputs(file: Path) -> None:
    for task in tasks(read(file)):
        parameters = task["parameters"]

        assert (task["integration"], task["integration_job"]) == ("PYTHON", "PYTHON_EXECUTE_SCRIPT")
        assert set(parameters) <= PARAMETERS
        assert (parameters["source"], parameters["package_manager"], parameters["project_dir"]) == (
            "GIT",
            "PIP",
            ".",
        )
        assert isinstance(parameters["python_version"], str)
        assert parameters["set_outputs"] is True
        assert "[orchestra]" in parameters["build_command"]


def test_its_commands_start_scripts_that_are_there(file: Path) -> None:
    for task in tasks(read(file)):
        interpreter, script, *_ = task["parameters"]["command"].split()

        assert interpreter == "python"
        assert (REPOSITORY / script).is_file()


def test_variables_are_one_json_object_of_plain_texts_under_names_that_mean_something(file: Path) -> None:
    for task in tasks(read(file)):
        variables = json.loads(task["parameters"].get("environment_variables", "{}"))

        assert all(isinstance(value, str) for value in variables.values())
        assert {name for name in variables if not name.startswith("SOURCES__SINGER__")} <= OURS


def test_every_reference_leads_somewhere(file: Path) -> None:
    text, pipeline = file.read_text(), read(file)
    inputs = set(pipeline.get("inputs", {}))
    matrix = {name for group in pipeline["pipeline"].values() for name in group.get("matrix", {}).get("inputs", {})}

    referred = re.findall(r"\$\{\{ (\w+)\.(\w+) \}\}", text)

    assert {name for kind, name in referred if kind == "inputs"} == inputs
    assert {name for kind, name in referred if kind == "MATRIX"} == matrix
    assert {kind for kind, _ in referred} <= {"inputs", "MATRIX", "ENV"}
    assert len(referred) == text.count("${{")


def test_one_run_at_a_time_with_retries_and_an_end(file: Path) -> None:
    configuration = read(file)["configuration"]

    assert configuration["concurrency"] == {"max_active": 1}
    assert configuration["retries"] > 0
    assert configuration["retry_delay"] <= 60, "minutes"
    assert configuration["timeout"] >= 600, "seconds"


def test_a_schedule_has_six_fields_and_a_time_zone(file: Path) -> None:
    for schedule in read(file).get("schedule", []):
        assert set(schedule) == {"name", "cron", "timezone"}
        assert len(schedule["cron"].split()) == 6


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def tasks(pipeline: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for group in pipeline["pipeline"].values():
        yield from group["tasks"].values()
