"""The benchmarks measure what was really loaded, and say so when it was not what the tap sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import dlt
import duckdb
import pyarrow as pa
import pytest

from benchmarks import checksums, goals, plot, record, records, report
from benchmarks.__main__ import main
from benchmarks.figures import Figure, Measurement
from benchmarks.job import Job
from benchmarks.measuring import Plan
from benchmarks.peers import read_json
from benchmarks.peers.dlt_pipeline import extracted_rows, pipeline_of
from benchmarks.workloads import OURS, READ_JSON, TAP, WORKLOADS

THOUSANDTH = 0.001
SWAP_NAMES = """
    UPDATE raw.nested SET name = neighbours.name
    FROM (SELECT id - 2 * (id % 2) + 1 AS id, name FROM raw.nested) AS neighbours WHERE neighbours.id = nested.id
"""


def test_a_workload_is_run_by_its_peers_and_every_goal_is_judged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["W1", "--rows", str(THOUSANDTH), "--rounds", "1", "--backend", "rows", "--cache", str(tmp_path)]

    code = main([*arguments, "--peers", OURS, READ_JSON, TAP])

    printed = capfd.readouterr().out
    assert code == 0
    assert all(f"\n| {peer} | " in printed for peer in (OURS, READ_JSON, TAP))
    assert "| W1 | peak memory ≤ 700 MB |" in printed
    assert "| W1 | ≥ 8 × faster than target-duckdb | – | not measured |" in printed


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("SELECT 1", None),
        ("DELETE FROM raw.nested WHERE id % 7 = 0", "rows instead of 200"),
        ("UPDATE raw.nested SET total = total + 0.01 WHERE id % 200 = 3", "wrong values in total, rows as wholes"),
        ("UPDATE raw.nested SET items = '[]' WHERE items <> '[]'", "wrong values in items, rows as wholes"),
        (SWAP_NAMES, "wrong values in rows as wholes"),
    ],
    ids=["nothing", "rows that are missing", "one value", "a nested value", "values in each other's rows"],
)
def test_what_was_changed_on_the_way_is_found(change: str, wrong: str | None, tmp_path: Path) -> None:
    job = Job("W2a", READ_JSON, THOUSANDTH, "rows", str(tmp_path), str(tmp_path))
    read_json.prepare(job)()
    with duckdb.connect(job.database) as connection:
        connection.execute(change)

    found = checksums.difference(job, "database")

    assert found is None if wrong is None else wrong in str(found)


@pytest.mark.parametrize(
    ("lost", "wrong"), [(0, None), (1, "19,999 rows instead of 20,000")], ids=["all rows", "one row less"]
)
def test_what_was_extracted_is_checked_whether_as_arrow_or_as_rows(
    lost: int, wrong: str | None, tmp_path: Path
) -> None:
    job = Job("W5", OURS, THOUSANDTH, "auto", str(tmp_path), str(tmp_path))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        sent = connection.sql(records.everything(job.data, job.data_directory)).fetch_arrow_reader()
        table = pa.Table.from_batches(sent).drop_columns(["_stream"])
    pipeline = pipeline_of(job)

    pipeline.extract(
        dlt.resource([table.slice(0, 15_000), table.slice(15_000 + lost).to_pylist()], name=job.data.name)
    )

    assert extracted_rows(pipeline) == (15_000, 20_000 - lost)
    assert checksums.difference(job, "database") == wrong


def test_an_invalid_figure_reaches_no_goal_and_is_told_apart() -> None:
    fine = Figure(READ_JSON, 10, [Measurement(seconds=1.0)])
    broken = Figure(OURS, 10, [Measurement(seconds=1.0), Measurement(seconds=0.1, problem="9 rows instead of 10")])

    table = report.goals_table({"W1": {OURS: broken, READ_JSON: fine}})
    rows = report.page_of(WORKLOADS["W1"], {OURS: broken, READ_JSON: fine})

    assert "yes" not in table
    assert "| dlt-singer | **invalid**: 9 rows instead of 10 |" in rows


@pytest.mark.parametrize(
    ("seconds", "reached"),
    [(1.9, "yes, and the aim"), (3.0, "yes"), (3.5, "**no**")],
    ids=["aim", "must", "neither"],
)
def test_a_goal_is_reached_as_far_as_its_bounds_say(seconds: float, reached: str) -> None:
    goal = goals.at_most(3.4, READ_JSON, aim=2.0)
    figures = {
        OURS: Figure(OURS, 1, [Measurement(seconds=seconds)]),
        READ_JSON: Figure(READ_JSON, 1, [Measurement(seconds=1)]),
    }

    judged = goal.judge(figures)

    assert (judged.shown, judged.reached) == (f"{seconds:.2f} ×", reached)


def test_a_figure_is_the_median_of_its_rounds_and_memory_the_most_of_any() -> None:
    figure = Figure(OURS, 1, [Measurement(seconds=s, peak_bytes=p) for s, p in ((3.0, 5), (1.0, 9), (2.0, 7))])

    assert (figure.seconds, figure.spread, figure.peak_bytes) == (2.0, (1.0, 3.0), 9)


def test_figures_of_whole_runs_are_written_between_marks_beside_those_of_other_workloads(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for page in ("README.md", "docs/benchmarks.md"):
        marked = "before\n<!-- benchmarks: filled by `make bench` -->\nold\n<!-- end of benchmarks -->\nafter\n"
        (tmp_path / page).write_text(marked)
    figures = {name: Figure(name, 10, [Measurement(seconds=s)]) for name, s in ((OURS, 1.0), (READ_JSON, 0.5))}
    results = {"W1": figures}
    plan = Plan(tmp_path)

    report.write(results, plan, tmp_path)

    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| flat: 1,000,000 records of 12 columns, `replace` | 1 s | DuckDB read_json 0.5 s (0.5 ×) |" in text
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert "| W1 | peak memory ≤ 700 MB |" in page
    assert "| W7 | ≥ 99 % of rows as Arrow | – | not measured |  |" in page
    report.write({"W4": {OURS: Figure(OURS, 1, [Measurement(seconds=3.0)])}}, plan, tmp_path)
    page = (tmp_path / "docs" / "benchmarks.md").read_text()
    assert page.index("### W1") < page.index("### W4")
    for partial in (replace(plan, share=0.5), replace(plan, rounds=3)):
        with pytest.raises(SystemExit, match="Only runs of all rows"):
            report.write(results, partial, tmp_path)


def test_a_machine_is_named_once_with_the_days_it_was_measured_on() -> None:
    entries = [record.Entry("c", day, where, "v", 5, {}) for day, where in (("2", "A"), ("1", "B"), ("1", "A"))]

    assert record.days_and_machines(entries) == "1 and 2, A; 1, B"


def test_the_memory_over_time_is_kept_in_few_points_with_its_peaks(tmp_path: Path) -> None:
    held = [(n / 10, 1000 if n == 777 else n) for n in range(1001)]
    figures = {OURS: Figure(OURS, 1, [Measurement(seconds=100.0, memory=tuple(held))])}

    kept = record.updated(tmp_path / "figures.json", {"W5": figures}, 5, "c")["W5"].figures[OURS]

    (memory,) = (each.memory for each in kept.measurements)
    assert len(memory) == 21
    assert max(memory, key=lambda point: point[1]) == (75.0, 1000)
    assert memory[-1] == (100.0, 1000)
    assert kept.memory_growth == figures[OURS].memory_growth


def test_the_picture_is_an_svg_with_a_bar_for_each_valid_figure() -> None:
    figures = {name: Figure(name, 10, [Measurement(seconds=1.0)]) for name in (OURS, TAP)}
    figures[READ_JSON] = Figure(READ_JSON, 10, [Measurement(problem="broken")])

    picture = ET.fromstring(plot.drawn({"W1": figures}, "a < b"))

    assert len(picture.findall("{http://www.w3.org/2000/svg}rect")) == 2
