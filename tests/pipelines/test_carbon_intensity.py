"""`make run`'s script and the README's example, as somebody who just cloned the project sees them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipelines.conftest import Clone, Loaded

SCRIPTS = Path(__file__).parents[2] / "pipelines"
ROWS = {"region": 18, "entry": 18 * 336, "generationmix": 18 * 336 * 9}
SETTINGS = "SOURCES__SINGER__TAP_CARBON_INTENSITY__CONFIG__"
# What a week shows is looked at in the one that was loaded for all; a day says the rest.
DAY = {f"{SETTINGS}END_DATE": "2024-01-02"}
ROWS_OF_A_DAY = {"region": 18, "entry": 18 * 48, "generationmix": 18 * 48 * 9}
README = Path(__file__).parents[2] / "README.md"

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]


def test_the_first_run_builds_the_tap_and_loads_a_week(loaded: Loaded) -> None:
    assert loaded.run.returncode == 0, loaded.run.stderr
    assert "Built tap-carbon-intensity" in loaded.run.stderr
    assert loaded.project.counts() == ROWS


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("region", {"regionid": "BIGINT", "dnoregion": "VARCHAR", "shortname": "VARCHAR"}),
        (
            "entry",
            {
                "regionid": "BIGINT",
                "from": "TIMESTAMP WITH TIME ZONE",
                "to": "TIMESTAMP WITH TIME ZONE",
                "forecast": "BIGINT",
                "index": "VARCHAR",
            },
        ),
        (
            "generationmix",
            {
                "regionid": "BIGINT",
                "from": "TIMESTAMP WITH TIME ZONE",
                "to": "TIMESTAMP WITH TIME ZONE",
                "fuel": "VARCHAR",
                "perc": "DOUBLE",
            },
        ),
    ],
    ids=["region", "entry", "generationmix"],
)
def test_columns_have_the_types_of_the_schema(loaded: Loaded, table: str, columns: dict[str, str]) -> None:
    found = loaded.project.ask(
        "SELECT column_name, data_type FROM duckdb_columns() "
        f"WHERE schema_name = 'raw' AND table_name = '{table}' AND column_name NOT LIKE '\\_%' ESCAPE '\\'"
    )

    assert set(found) == set(columns.items())


@pytest.mark.parametrize(
    ("table", "keys"),
    [("region", ["regionid"]), ("entry", ["from", "regionid"]), ("generationmix", ["from", "fuel", "regionid"])],
    ids=["region", "entry", "generationmix"],
)
def test_keys_are_set(loaded: Loaded, table: str, keys: list[str]) -> None:
    found = loaded.project.ask(
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'raw' AND NOT is_nullable "
        f"AND table_name = '{table}' AND column_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY 1"
    )

    assert [name for (name,) in found] == keys


def test_the_run_ends_by_showing_what_was_loaded(loaded: Loaded) -> None:
    shown = loaded.run.stdout

    assert "generationmix: 54,432 rows, 54,432 of them from this run" in shown
    assert "    from        timestamp   key" in shown
    assert "    perc        double" in shown
    assert "Great Britain, 01 January 2024 to 07 January 2024" in shown
    assert "    gas          32.1 %  ######" in shown


def test_the_run_says_in_one_line_that_the_week_is_simulated(loaded: Loaded) -> None:
    said = (loaded.run.stdout + loaded.run.stderr).splitlines()

    assert sum("simulated sample" in line for line in said) == 1


def test_a_second_run_builds_nothing_goes_on_from_the_bookmark_and_duplicates_nothing(project: Clone) -> None:
    project.load(**DAY)

    again = project.load(**DAY)

    assert "Building" not in again.stderr
    assert "discovering" not in again.stderr
    assert "bookmark value: 2024-01-01T23:30:00Z" in project.tap_log()
    assert "entry: 864 rows, 18 of them from this run" in again.stdout
    assert project.counts() == ROWS_OF_A_DAY


def test_it_runs_from_its_own_directory_with_the_same_tables_and_places(project: Clone) -> None:
    project.load(**DAY)

    done = project.python("carbon_intensity_pipeline.py", below="pipelines", env=DAY)

    assert "entry: 864 rows, 18 of them from this run" in done.stdout
    assert project.counts() == ROWS_OF_A_DAY
    here = {path.name for path in (project.root / "pipelines").iterdir()} - {"__pycache__"}
    assert here == {path.name for path in SCRIPTS.glob("*.py")}


@pytest.mark.parametrize("below", [".", "pipelines"], ids=["at the root", "in pipelines"])
def test_dlt_shows_the_pipeline_and_its_last_run(loaded: Loaded, below: str) -> None:
    info = loaded.project.dlt("pipeline", "carbon_intensity", "info", below=below)
    trace = loaded.project.dlt("pipeline", "carbon_intensity", "trace", below=below)

    assert str(loaded.project.root / ".alto" / "dlt") in info
    assert "generationmix with 1 table(s) and 1 resource state slot(s)" in info
    assert "- entry: 6048 row(s)" in trace


def test_two_clones_of_one_account_never_see_each_other(project: Clone, other: Clone) -> None:
    project.load(**DAY)
    short = other.load(**{f"{SETTINGS}END_DATE": "2024-01-03"})
    project.load(**DAY)
    again = other.load(**{f"{SETTINGS}END_DATE": "2024-01-04"})

    assert short.returncode == again.returncode == 0, again.stderr
    assert project.counts() == ROWS_OF_A_DAY
    assert other.counts()["entry"] == 18 * 144
    assert "bookmark value: 2024-01-02T23:30:00Z" in other.tap_log()
    assert str(project.root) in project.dlt("pipeline", "carbon_intensity", "info")
    assert str(other.root) in other.dlt("pipeline", "carbon_intensity", "info", below="pipelines")
    assert not (project.home / ".dlt" / "pipelines").exists()


def test_another_destination_is_a_matter_of_dlts_configuration(project: Clone) -> None:
    done = project.load(
        DESTINATION_TYPE="filesystem",
        DESTINATION__FILESYSTEM__BUCKET_URL=(project.root / "lake").as_uri(),
        **DAY,
    )

    assert "loaded to destination filesystem" in done.stdout
    assert "generationmix: 7,776 rows" in done.stdout
    assert not (project.root / "carbon_intensity.duckdb").exists()


@pytest.fixture
def refusing_api() -> Iterator[str]:
    """Return the address of an API that knows nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404, "nobody here")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_live_asks_the_api_and_its_answer_is_what_a_failed_run_shows(project: Clone, refusing_api: str) -> None:
    done = project.load(ALTO_ENV="live", **{f"{SETTINGS}API_URL": refusing_api})

    assert done.returncode == 1
    assert "tap-carbon-intensity ended with exit code 1: " in done.stderr
    assert "404" in done.stderr
    assert not any(line.startswith("Traceback") for line in done.stderr.splitlines())


def test_a_mistake_in_the_project_file_is_told_without_a_traceback(project: Clone) -> None:
    file = project.root / "alto.yaml"
    file.write_text(file.read_text().replace("sample: true", "sample: true\n      selects: []"))

    done = project.load()

    assert done.returncode == 2
    assert "Did you mean 'select'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_of_others_means_nothing_to_it(project: Clone) -> None:
    nonsense = dict.fromkeys(("ENV", "NAME", "STREAMS", "CONFIG", "BACKEND"), "nonsense")

    done = project.load(**nonsense, **DAY)

    assert done.returncode == 0, done.stderr
    assert project.counts() == ROWS_OF_A_DAY
    assert [log.name for log in (project.root / ".alto" / "logs").iterdir()] == ["default"]


def test_the_example_in_the_readme_prints_what_stands_below_it(project: Clone) -> None:
    text = README.read_text(encoding="utf-8")
    example, shown = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", text, re.DOTALL)[0]

    done = project.python("-c", example)

    assert done.stdout == shown, done.stderr
