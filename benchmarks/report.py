"""Figures as Markdown: what was reached, what each peer took; and where they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from benchmarks import machine, plot, record
from benchmarks.figures import Figure
from benchmarks.goals import MB, OURS
from benchmarks.measuring import Plan
from benchmarks.peers import PEERS
from benchmarks.record import Entry
from benchmarks.workloads import TAP, WORKLOADS, Workload

Results: TypeAlias = Mapping[str, Mapping[str, Figure]]

_BEGIN, _END = "<!-- benchmarks: filled by `make bench` -->", "<!-- end of benchmarks -->"
_FULL_ROUNDS = 5


def goals_table(results: Results) -> str:
    """Return one row for each goal: what must be reached, what was measured, and whether it is reached."""
    lines = ["| workload | must reach | measured | reached | then aim for |", "|---|---|---|---|---|"]
    for key, figures in results.items():
        for goal in WORKLOADS[key].goals:
            judged = goal.judge(figures)
            aim = "" if goal.aim is None else f"{goal.aim:g}"
            lines.append(
                f"| {key} | {goal.says.format(f'{goal.must:g}')} | {judged.shown} | {judged.reached} | {aim} |"
            )
    return "\n".join(lines)


def beside_table(results: Results) -> str:
    """Return one row for each workload: what it is, what it took us, and what it took the others."""
    lines = ["| load | dlt-singer | beside it |", "|---|---:|---|"]
    for key, figures in results.items():
        ours = figures.get(OURS)
        if ours is None or not ours.valid:
            continue
        hidden = (OURS, TAP) if WORKLOADS[key].tap == "cat" else (OURS,)
        others = [each for each in figures.values() if each.peer not in hidden and each.valid]
        beside = "; ".join(f"{each.peer} {_took(each)} ({each.seconds / ours.seconds:.2g} ×)" for each in others)
        lines.append(f"| {WORKLOADS[key].title} | {_took(ours)} | {beside} |")
    return "\n".join(lines)


def _took(figure: Figure) -> str:
    return f"{figure.seconds:.2g} s" if figure.seconds < 10 else f"{figure.seconds:.0f} s"  # noqa: PLR2004 - digits


def page_of(workload: Workload, figures: Mapping[str, Figure], about: str = "") -> str:
    """Return the table of one workload: a row for each peer."""
    ours = figures.get(OURS)
    lines = [
        f"### {workload.key}: {workload.title}",
        "",
        *([f"Measured at {about}.", ""] if about else []),
        "| | median | fastest to slowest | rows/s | time, ours = 1 | start and imports | peak memory | as Arrow |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(figure, ours) for figure in figures.values()),
    ]
    if workload.extract_only and ours is not None and ours.valid:
        held = ", ".join(f"{each / MB:.0f}" for each in ours.memory_by_tenths)
        lines += ["", f"The most memory {OURS} held in each tenth of a run, in MB: {held}."]
    return "\n".join(lines)


def _row(figure: Figure, ours: Figure | None) -> str:
    if figure.problem is not None:
        return f"| {figure.peer} | **invalid**: {figure.problem} | | | | | | |"
    fastest, slowest = figure.spread
    times = f"{figure.seconds / ours.seconds:.2f}" if ours is not None and ours.valid else ""
    arrow = figure.arrow_percent if figure.peer == OURS else None
    cells = (
        figure.peer,
        f"{figure.seconds:.2f} s",
        f"{fastest:.2f} to {slowest:.2f}",
        f"{figure.rows / figure.seconds:,.0f}",
        times,
        f"{figure.start_seconds:.2f} s",
        f"{figure.peak_bytes / MB:.0f} MB",
        "" if arrow is None else f"{arrow:.1f} %",
    )
    return "| " + " | ".join(cells) + " |"


def keep(results: Results, plan: Plan) -> None:
    """Keep every single measurement, and the plot, beside the data."""
    place = plan.cache / "results"
    place.mkdir(parents=True, exist_ok=True)
    document = {key: {peer: asdict(figure) for peer, figure in of.items()} for key, of in results.items()}
    (place / "latest.json").write_text(json.dumps(document), encoding="utf-8")
    (place / "latest.svg").write_text(plot.drawn(results, machine.machine()), encoding="utf-8")


def write(results: Results, plan: Plan, root: Path) -> None:
    """Put the figures into docs/benchmarks.json, and fill docs/benchmarks.md, its picture and the README from that.

    Workloads that this run has left out keep the figures they have.

    Raises:
        SystemExit: The figures are of a part of the rows or of too few rounds, so they are not for the record.
    """
    if plan.share != 1 or plan.rounds < _FULL_ROUNDS or plan.profile:
        raise SystemExit(f"Only runs of all rows, {_FULL_ROUNDS} rounds and no profile are written down.")
    show(record.updated(root / "docs" / "benchmarks.json", results, plan.rounds, machine.commit(root)), root)


def show(entries: Mapping[str, Entry], root: Path) -> None:
    """Fill the pages from the record."""
    results = {key: entry.figures for key, entry in entries.items()}
    # What was never measured is said.
    table = goals_table({key: results.get(key, {}) for key in WORKLOADS})
    pages = "\n\n".join(page_of(WORKLOADS[key], entry.figures, entry.about) for key, entry in entries.items())
    says = "\n".join(f"- **{name}**: {peer.says}." for name, peer in PEERS.items())
    _fill(root / "docs" / "benchmarks.md", f"{table}\n\n{pages}\n\n### Who is measured\n\n{says}")
    judged = [goal.judge(results.get(key, {})) for key in WORKLOADS for goal in WORKLOADS[key].goals]
    reached, left_out = (sum(each.reached.startswith(word) for each in judged) for word in ("yes", "not"))
    goals = f"Of {len(judged)} goals {reached} are reached{f', {left_out} were not measured' if left_out else ''}."
    short = record.days_and_machines(entries.values())
    picture = "![Seconds by workload and loader](docs/benchmarks.svg)"
    _fill(root / "README.md", f"{picture}\n\n{short}. {goals}\n\n{beside_table(results)}")
    (root / "docs" / "benchmarks.svg").write_text(plot.drawn(results, short), encoding="utf-8")


def _fill(page: Path, text: str) -> None:
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{page} has no marks to write between: {_BEGIN} ... {_END}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
