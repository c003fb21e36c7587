"""`test` and `check`: whether a tap works, and whether it is a good one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.cli.command import Command, Parser
from dlt_singer.cli.place import add_taps, chosen_taps, open_project, open_tap
from dlt_singer.cli.screen import MARKS, add_json, show, table

if TYPE_CHECKING:
    from dlt_singer.catalog import Catalog
    from dlt_singer.tap import Tap

_TEST_TIMEOUT_S = 300.0


def test(arguments: argparse.Namespace) -> int:
    """Try taps: with their own `--test` if they have one, else until the first record."""
    from dlt_singer.errors import SingerError
    from dlt_singer.tap import Tap
    from dlt_singer.tap.probing import first_record, own_test

    project = open_project()
    rows: list[dict[str, JSON]] = []
    chosen = (Tap(project.tap(name), project) for name in chosen_taps(project, arguments.taps))
    for tap in (part for each in chosen for part in each.partitions):
        try:
            has_test = "test" in (tap.plugin.capabilities or tap.about().capabilities)
            how = "--test" if has_test else "first record"
            ok, why = own_test(tap, _TEST_TIMEOUT_S) if has_test else first_record(tap, _catalog(tap, None))
        except SingerError as err:
            how, ok, why = "", False, str(err)
        rows.append({"tap": tap.name, "ok": ok, "how": how, "error": why or None})
    shown = [[row["tap"], "ok" if row["ok"] else "failed", row["how"]] for row in rows]
    words = [f"{row['tap']}: {row['error']}" for row in rows if row["error"]]
    show(arguments, cast("JSON", rows), "\n\n".join([table(("tap", "result", "tried with"), shown), *words]))
    return 0 if all(row["ok"] for row in rows) else 1


def check(arguments: argparse.Namespace) -> int:
    """Hold what a tap prints against the Singer specification."""
    from dlt_singer.summary.words import count_words
    from dlt_singer.tap.probing import examine

    tap = open_tap(arguments.tap)
    streams = [name for text in arguments.streams or [] for name in text.split(",")]
    findings = examine(tap, _catalog(tap, streams or None), None if arguments.all else arguments.limit)
    faults = sum(each.level == "fault" for each in findings)
    warnings = sum(each.level == "warning" for each in findings)
    document: JSON = {
        "tap": tap.name,
        "ok": not faults,
        "findings": [{"rule": each.rule, "level": each.level, "text": each.text} for each in findings],
    }
    verdict = (
        f"{count_words(faults, 'fault', 'faults')}, {count_words(warnings, 'warning', 'warnings')}"
        if faults or warnings
        else "no complaints"
    )
    rows = [[MARKS[each.level], each.rule, each.text] for each in findings]
    show(arguments, document, f"{tap.name}: {verdict}\n\n{table(('', 'rule', 'seen'), rows)}")
    return 1 if faults else 0


def _catalog(tap: Tap, streams: list[str] | None) -> Catalog | None:
    """Return what the tap shall sync; None if it takes no catalog."""
    base = tap.kept_catalog()
    if base is None:
        if not tap.discovers:
            return None
        base = tap.discover()
    selection = tap.select(base.catalog)
    return tap.narrow(selection.catalog, streams or selection.streams)


def _check_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("--streams", metavar="A,B", action="append", help="only these streams")
    parser.add_argument(
        "--limit", type=int, default=10_000, metavar="N", help="end it after N records; default: 10000"
    )
    parser.add_argument("--all", action="store_true", help="let it come to its end")
    add_json(parser)


COMMANDS = (
    Command("test", "Try taps: their own --test, else until the first record", test, add_taps),
    Command(
        "check",
        "A report on how well a tap keeps to the Singer specification",
        check,
        _check_arguments,
        details="The tap is run from its beginning and nothing is loaded. Exit code 1 if something breaks or "
        "loses data; warnings do not count.",
    ),
)
