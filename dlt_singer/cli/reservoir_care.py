"""`reservoir verify`, `compact` and `prune`: what keeps a reservoir sound, small and young."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.cli.command import Command, Parser, UsageError
from dlt_singer.cli.place import open_tap
from dlt_singer.cli.screen import add_json, agreed, is_asking_allowed, say, show, wrapped

if TYPE_CHECKING:
    from dlt_singer.mirror import Pruned, Reservoir

_NAMED_FILES = 10
_DAYS = re.compile(r"(\d+)d")


def verify(arguments: argparse.Namespace) -> int:
    """Read all that is mirrored of a tap, and say what is wrong with it."""
    from dlt_singer.mirror import verify as problems_of

    reservoir = _reservoir(arguments)
    problems = problems_of(reservoir)
    is_damaged = any(not problem.harmless for problem in problems)
    lines = [f"{arguments.tap}: {reservoir.url}"]
    for problem in problems:
        lines += ["", *wrapped(f"{'Harmless' if problem.harmless else 'Damaged'}: {problem.path}")]
        lines += wrapped(f"  {problem.what}")
    if not is_damaged:
        lines += ["", "All files are what was written."]
    show(arguments, cast("JSON", [asdict(problem) for problem in problems]), "\n".join(lines))
    return int(is_damaged)


def compact(arguments: argparse.Namespace) -> None:
    """Put small files together."""
    from dlt_singer.mirror import compact as put_together
    from dlt_singer.summary.words import byte_words

    done = put_together(_reservoir(arguments))
    text = (
        f"{arguments.tap}: put {done.before:,} objects ({byte_words(done.bytes)}) together into {done.after:,}. "
        f"The old ones go with `dlt-singer reservoir prune {arguments.tap}` once they are a day old."
        if done.before
        else f"{arguments.tap}: nothing is small enough to be put together."
    )
    show(arguments, cast("JSON", asdict(done)), "\n".join(wrapped(text)))


def prune(arguments: argparse.Namespace) -> None:
    """Remove the oldest runs and leftovers, once somebody has said yes."""
    from dlt_singer.mirror import prune as remove

    reservoir = _reservoir(arguments)
    loaded = [_replayed(name, arguments.tap) for name in arguments.loaded_by] if arguments.loaded_by else None
    pruned = remove(reservoir, before=arguments.before, loaded_by=loaded, dry_run=True)
    is_removed = bool(pruned.runs or pruned.dead or pruned.files) and not arguments.dry_run
    if is_removed and not arguments.yes:
        is_removed = _is_confirmed(pruned, reservoir)
    if is_removed:
        pruned = remove(reservoir, before=arguments.before, loaded_by=loaded)
    document = {"removed": is_removed, **asdict(pruned)}
    show(arguments, cast("JSON", document), _told(arguments.tap, pruned, "Removed" if is_removed else "To remove"))


def _is_confirmed(pruned: Pruned, reservoir: Reservoir) -> bool:
    if not is_asking_allowed():
        raise UsageError(
            f"{len(pruned.runs)} runs and {len(pruned.files)} files of {reservoir.url} would be removed. "
            "Say --yes to remove them, --dry-run to see them."
        )
    say(_told(reservoir.tap, pruned, "To remove"))
    return agreed(f"Remove them from {reservoir.url}?")


def _told(tap: str, pruned: Pruned, verb: str) -> str:
    from dlt_singer.summary.words import byte_words

    if not (pruned.runs or pruned.dead or pruned.files):
        return f"{tap}: nothing to remove."
    left = len(pruned.files) - _NAMED_FILES
    return "\n".join([
        f"{tap}: {verb.lower()}: {len(pruned.runs)} runs, {len(pruned.files)} files ({byte_words(pruned.bytes)})",
        *(f"  run   {run}" for run in pruned.runs),
        *(f"  run   {run} (it died)" for run in pruned.dead),
        *(f"  file  {path}" for path in pruned.files[:_NAMED_FILES]),
        *([f"  and {left:,} files more"] if left > 0 else []),
    ])  # fmt: skip


def _reservoir(arguments: argparse.Namespace) -> Reservoir:
    from dlt_singer.source.mirroring import reservoir_to_read

    return reservoir_to_read(open_tap(arguments.tap))


def _replayed(pipeline: str, tap: str) -> Mapping[str, str]:
    """Return what a pipeline of this machine has replayed."""
    import dlt
    from dlt.pipeline.exceptions import CannotRestorePipelineException

    from dlt_singer.source.replay import replayed

    try:
        return replayed(dlt.attach(pipeline), tap)
    except CannotRestorePipelineException:
        raise UsageError(
            f"Pipeline '{pipeline}' has never run on this machine, so nobody knows what it has."
        ) from None


def _time(text: str) -> datetime:
    from dlt_singer.runs import moment_in

    days = _DAYS.fullmatch(text)
    try:
        return datetime.now(timezone.utc) - timedelta(days=int(days[1])) if days else moment_in(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"'{text}' is no time. Write 2026-01-31, or 90d for days ago") from None


def _care_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    add_json(parser)


def _prune_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("--before", metavar="TIME", type=_time, help="runs that ended before; 90d is 90 days ago")
    parser.add_argument(
        "--loaded-by",
        metavar="PIPELINE",
        action="append",
        help="only runs that this pipeline has replayed; repeat it",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be removed")
    parser.add_argument("--yes", "-y", action="store_true", help="ask nothing")
    add_json(parser)


COMMANDS = (
    Command(
        "verify",
        "Read all of it, and say what is damaged or left over",
        verify,
        _care_arguments,
        details="Compares sizes and hashes with what was written and counts the messages. Exit code 1 means that "
        "something is damaged; what nobody needs is harmless.",
    ),
    Command(
        "compact",
        "Put small files together",
        compact,
        _care_arguments,
        details="Nothing is decompressed, and whoever reads meanwhile finds the old files or the new.",
    ),
    Command(
        "prune",
        "Remove the oldest runs, and what crashes have left",
        prune,
        _prune_arguments,
        details="Without --before and --loaded-by only leftovers go that are a day old. The newest complete run of "
        "a full table stays, and all runs after it.",
        examples=(
            "dlt-singer reservoir prune tap-github --before 90d --dry-run",
            "dlt-singer reservoir prune tap-github --loaded-by github_reservoir --yes",
        ),
    ),
)
