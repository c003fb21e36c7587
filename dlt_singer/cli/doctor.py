"""`doctor`: looks at everything a run needs, without running anything but `--help` of taps that are built."""

from __future__ import annotations

import argparse

from dlt_singer._types import JSON
from dlt_singer.cli.command import Command
from dlt_singer.cli.place import add_taps
from dlt_singer.cli.screen import MARKS, pairs, show


def examine(arguments: argparse.Namespace) -> int:
    """Show what is well and what is not, each with its remedy."""
    from dlt_singer.cli.diagnosis import diagnose

    findings = list(diagnose(arguments.taps))
    faults = sum(each.level == "fault" for each in findings)
    document: JSON = [
        {"subject": each.subject, "level": each.level, "text": each.text, "remedy": each.remedy or None}
        for each in findings
    ]
    subjects = dict.fromkeys(each.subject for each in findings)
    lines: list[str] = []
    for subject in subjects:
        lines += ["", subject] if lines else [subject]
        for each in (found for found in findings if found.subject == subject):
            mark = f"  {MARKS[each.level]:<7}"
            lines += _hanging(mark, each.text)
            lines += _hanging(" " * len(mark), each.remedy) if each.remedy else []
    verdict = "Nothing stands in the way of a run." if not faults else f"{faults} to mend before a run."
    show(arguments, document, "\n".join([*lines, "", verdict]))
    return 1 if faults else 0


def _hanging(start: str, text: str) -> list[str]:
    return pairs({start[:-2]: text}).splitlines() if text else []


COMMANDS = (
    Command(
        "doctor",
        "Look for what would keep a run from working, with remedies",
        examine,
        add_taps,
        details="Looks at Python, dlt, uv and pex, at the project, its store and destination, and at each tap: "
        "interpreter, build, settings, catalog. Exit code 1 if a run would fail.",
    ),
)
