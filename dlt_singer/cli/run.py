"""`run`: load taps with dlt, one in this process, several in processes of their own."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON, JSONObject
from dlt_singer.cli.command import Command, Parser, UsageError
from dlt_singer.cli.outcome import destination_name, show_outcome
from dlt_singer.cli.place import add_pipeline_options, chosen_taps, open_pipeline, open_project, refuse_other_kinds
from dlt_singer.cli.screen import add_json, pairs, show, table

if TYPE_CHECKING:
    import dlt

    from dlt_singer.config import Project
    from dlt_singer.tap import Tap

REFRESHES = ("drop_sources", "drop_resources", "drop_data")


def run(arguments: argparse.Namespace) -> int:
    """Load one tap, or several at a time."""
    if arguments.full:
        arguments.refresh = arguments.refresh or "drop_resources"
    from dlt_singer.config import partition_name, split_name

    project = open_project()
    taps = _taps(project, arguments)
    if arguments.streams and len(taps) > 1:
        raise UsageError("--streams names the streams of one tap; several are to be run.")
    if arguments.partition and len(taps) > 1:
        raise UsageError("--partition names a partition of one tap; several are to be run.")
    if len({split_name(tap)[0] for tap in taps}) < len(taps):
        raise UsageError(
            "Partitions of a tap share a pipeline: run them in turn, or all of them as the tap itself."
        )
    if len(taps) > 1:
        if arguments.pipeline_name:
            raise UsageError("--pipeline-name is for one tap: taps that share a pipeline cannot run at a time.")
        from dlt_singer.cli.several import run_several

        return run_several(arguments, taps)
    return _run_one(arguments, project, partition_name(taps[0], arguments.partition))


def _taps(project: Project, arguments: argparse.Namespace) -> list[str]:
    """Return the taps to run; `tap:destination` is alto's way of naming where to."""
    names = []
    for word in arguments.taps:
        name, separator, target = word.partition(":")
        if separator and word not in project.taps:
            refuse_other_kinds(project, target)
            if arguments.destination not in (None, target):
                raise UsageError(f"'{word}' names another destination than --destination {arguments.destination}.")
            arguments.destination = target
        names.append(name if separator and word not in project.taps else word)
    return chosen_taps(project, names)


def _run_one(arguments: argparse.Namespace, project: Project, name: str) -> int:
    from dlt_singer.tap import Tap

    tap = Tap(project.tap(name), project)
    tap.plugin.require_supported()
    if arguments.no_build and tap.plugin.pip_url:
        from dlt_singer.tap.executable import built

        built(tap.plugin, project, build_allowed=False)
    from dlt_singer.source import run as load
    from dlt_singer.source import singer

    pipeline = open_pipeline(arguments, tap)
    if arguments.dry_run:
        return _show_plan(arguments, tap, pipeline)
    # Before anything takes long: a driver or credentials that are missing.
    pipeline.destination_client()
    source = singer(
        name,
        streams=names_in(arguments.streams),
        refresh_catalog=arguments.refresh_catalog,
        reservoir=arguments.reservoir or None,
    )
    if arguments.limit is not None:
        source.add_limit(arguments.limit, count_rows=True)
    started = time.monotonic()
    info = load(pipeline, source, summary=False, **({"refresh": arguments.refresh} if arguments.refresh else {}))
    info.raise_on_failed_jobs()
    show_outcome(arguments, tap, pipeline, time.monotonic() - started)
    return 0


def _show_plan(arguments: argparse.Namespace, tap: Tap, pipeline: dlt.Pipeline) -> int:
    """Say what a run would do, without starting anything."""
    streams = _planned_streams(arguments, tap)
    facts: dict[str, JSON] = {
        "tap": tap.name,
        "environment": tap.project.env,
        "pipeline": pipeline.pipeline_name,
        "destination": destination_name(pipeline),
        "dataset": pipeline.dataset_name,
        "refresh": arguments.refresh,
        "limit": arguments.limit,
    }
    document: JSONObject = {**facts, "streams": cast("JSON", streams)}
    lines = [
        "Nothing is started. A run would load:",
        "",
        pairs({k: v for k, v in facts.items() if v is not None}),
        "",
    ]
    if streams is None:
        lines.append("Streams are not known yet: the run would first ask the tap for its catalog.")
    else:
        rows = [[each["stream"], each["table"], each["disposition"], each["starts"]] for each in streams]
        lines.append(table(("stream", "table", "written by", "starts from"), rows))
    show(arguments, document, "\n".join(lines))
    return 0


def _planned_streams(arguments: argparse.Namespace, tap: Tap) -> list[dict[str, JSON]] | None:
    asked = names_in(arguments.streams) or list(tap.plugin.streams)
    if not asked and any(part.kept_catalog() is None for part in tap.partitions):
        return None
    from dlt_singer.cli.bookmarks import bookmark_text
    from dlt_singer.cli.state import pipeline_state
    from dlt_singer.source import singer
    from dlt_singer.source.preview import tables_of

    states = {part.name: None if arguments.refresh else pipeline_state(arguments, part) for part in tap.partitions}
    return [
        {
            "stream": each.resource,
            "table": each.table,
            "disposition": each.disposition,
            "starts": bookmark_text(states[each.tap], each.stream) or "the beginning",
        }
        for each in tables_of(singer(tap.name, streams=asked or None))
    ]


def names_in(texts: list[str] | None) -> list[str] | None:
    """Return names given as several words, or with commas between."""
    names = [name.strip() for text in texts or [] for name in text.split(",") if name.strip()]
    return names or None


def _arguments(parser: Parser) -> None:
    parser.add_argument("taps", nargs="+", metavar="tap", help="names or globs; several run at a time, see -j")
    parser.add_argument("--streams", metavar="A,B", action="append", help="only these streams")
    parser.add_argument("--partition", metavar="NAME", help="only this one of the tap's partitions")
    add_pipeline_options(parser)
    parser.add_argument("--full", action="store_true", help="load all anew: dlt's refresh drop_resources")
    parser.add_argument(
        "--refresh", choices=REFRESHES, metavar="MODE", help=f"dlt's refresh: {', '.join(REFRESHES)}"
    )
    parser.add_argument(
        "--limit", type=_count, metavar="ROWS", help="end each stream after so many rows, with its batch"
    )
    parser.add_argument("--reservoir", action="store_true", help="mirror the raw streams into the store, too")
    parser.add_argument("--refresh-catalog", action="store_true", help="ask the tap for its streams again")
    parser.add_argument("--no-build", action="store_true", help="fail if it is built neither here nor in the store")
    parser.add_argument("--dry-run", action="store_true", help="show what would be loaded, start nothing")
    parser.add_argument("--jobs", "-j", "-n", type=_count, default=1, metavar="N", help="taps at a time")
    add_json(parser)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected a whole number, at least 1")
    return number


COMMANDS = (
    Command(
        "run",
        "Load taps into a destination",
        run,
        _arguments,
        details="A tap is built and asked for its streams on its first run. Bookmarks are kept by dlt with the "
        "rows they speak of; the next run goes on from there. Exit code 1 means that nothing of a tap's run was "
        "committed, or with `on_error: keep_completed` only the streams that had ended.",
        examples=(
            "dlt-singer run tap-github --destination duckdb --dataset raw",
            "dlt-singer run tap-github --streams issues,pull_requests --full",
            "dlt-singer run 'tap-*' -j 4",
        ),
    ),
)
