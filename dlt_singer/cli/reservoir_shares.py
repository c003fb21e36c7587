"""Shares of a replay: what is in them, one of them, and one pipeline behind all of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, cast

from dlt_singer._types import JSON
from dlt_singer.cli.command import Command, Parser
from dlt_singer.cli.place import add_pipeline_options, open_pipeline, open_tap, pipeline_name_of
from dlt_singer.cli.run import names_in
from dlt_singer.cli.screen import add_json, show, table

if TYPE_CHECKING:
    from dlt_singer.source.shares import ReplayShare


def list_shares(arguments: argparse.Namespace) -> None:
    """Show what each share of a replay would load; nothing is loaded."""
    shares = _shares(arguments, open_tap(arguments.tap, whole=True).name, arguments.number)
    held: list[dict[str, JSON]] = [
        {"share": place, "tap": piece.tap, "stream": piece.stream, "runs": len(piece.runs), "bytes": piece.size}
        for place, share in enumerate(shares, 1)
        for piece in share.pieces
    ]
    headers = ("share", "tap", "stream", "runs", "bytes")
    rows = [[f"{each['share']}/{arguments.number}", *[each[name] for name in headers[1:]]] for each in held]
    show(arguments, cast("JSON", held), table(headers, rows))


def join(arguments: argparse.Namespace) -> None:
    """Let the pipeline of a tap's replays go on behind shares that are all loaded."""
    from dlt_singer.source.joining import join_shares

    tap = open_tap(arguments.tap, whole=True)
    shares = _shares(arguments, tap.name, arguments.number)
    name_pipeline(arguments, tap.plugin.tap_name, tap.project.env)
    ends = join_shares(open_pipeline(arguments, tap), shares)
    rows = [[stream, end] for stream, end in sorted(ends.items())]
    text = f"{tap.name}: the next replay goes on behind\n\n{table(('stream', 'run'), rows)}"
    show(arguments, cast("JSON", ends), text)


def one_share(arguments: argparse.Namespace, tap: str) -> ReplayShare:
    """Return the share that `--share` names.

    Raises:
        SelectionError: It names none, or nothing says until when.
    """
    from dlt_singer.runs import place_in

    place, number = place_in(arguments.share)
    return _shares(arguments, tap, number)[place - 1]


def wishes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was said about which runs are replayed, as arguments of `reservoir`."""
    return {
        "since": arguments.since,
        "until": arguments.until,
        "lineage": arguments.lineage,
        "damaged": "skip" if arguments.skip_damaged else "fail",
    }


def add_wishes(parser: Parser) -> None:
    """Add the options that say which runs are replayed."""
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("--streams", metavar="A,B", action="append", help="only these streams")
    parser.add_argument("--since", metavar="TIME", help="only runs that ended at this time or later")
    parser.add_argument("--until", metavar="TIME", help="only runs that ended before")
    parser.add_argument(
        "--lineage", metavar="NAME", help="which lineage to follow if there are several: a pipeline, or write"
    )
    parser.add_argument("--skip-damaged", action="store_true", help="leave out files that are missing or damaged")


def name_pipeline(arguments: argparse.Namespace, tap: str, env: str) -> None:
    """Name the pipeline, unless it was: a replay has one of its own, which goes at another pace than the tap's."""
    arguments.pipeline_name = arguments.pipeline_name or f"{pipeline_name_of(tap, env)}_reservoir"


def _shares(arguments: argparse.Namespace, tap: str, number: int) -> list[ReplayShare]:
    from dlt_singer.source.shares import reservoir_shares

    return reservoir_shares(tap, number, names_in(arguments.streams), **wishes(arguments))


def _shares_arguments(parser: Parser) -> None:
    add_wishes(parser)
    parser.add_argument("number", type=int, help="how many shares")
    add_json(parser)


def _join_arguments(parser: Parser) -> None:
    _shares_arguments(parser)
    add_pipeline_options(parser, name="the tap's, with _reservoir")


COMMANDS = (
    Command(
        "shares",
        "What each share of a replay would load",
        list_shares,
        _shares_arguments,
        details="`replay --share 1/4 --until TIME` loads one; workers may load them at the same time.",
    ),
    Command(
        "join",
        "Go on behind shares that are all loaded",
        join,
        _join_arguments,
        details="With the same --streams, --since, --until and pipeline as for the shares. The next plain `replay` "
        "loads what came after them. Refused if one of them is not loaded.",
    ),
)
