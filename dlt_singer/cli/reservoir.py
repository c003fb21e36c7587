"""`reservoir`: what is mirrored of a tap, loaded again without it."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.cli import reservoir_care, reservoir_shares
from dlt_singer.cli.command import Command, Parser
from dlt_singer.cli.outcome import show_outcome
from dlt_singer.cli.place import add_pipeline_options, open_pipeline, open_tap
from dlt_singer.cli.reservoir_shares import add_wishes, name_pipeline, one_share, wishes
from dlt_singer.cli.run import REFRESHES, names_in
from dlt_singer.cli.screen import add_json, show, table, width

if TYPE_CHECKING:
    from dlt_singer.runs import Manifest


def list_runs(arguments: argparse.Namespace) -> None:
    """List the runs that are mirrored of a tap."""
    from dlt_singer.mirror.holdings import Holdings
    from dlt_singer.source.mirroring import reservoir_to_read

    tap = open_tap(arguments.tap)
    reservoir = reservoir_to_read(tap)
    held = Holdings.of(reservoir)
    runs = [_run_document(each) for each in sorted(held.manifests.values(), key=lambda each: each.run)]
    lines = [f"{tap.name}: {reservoir.url}", ""]
    rows = [
        [
            each["run"],
            str(each["ended_at"])[:19],
            each["records"],
            each["files"],
            each["bytes"],
            each["pipeline"] or "none",
        ]
        for each in runs
    ]
    headers = ("run", "ended (UTC)", "records", "files", "bytes", "pipeline")
    lines.append(table(headers, rows) if rows else f"No run yet. Mirror one: dlt-singer reservoir write {tap.name}")
    lines += [f"Warning: {damage.reason}" for damage in held.damaged]
    show(arguments, cast("JSON", runs), "\n".join(lines))


def _run_document(manifest: Manifest) -> dict[str, JSON]:
    return {
        "run": manifest.run,
        "ended_at": manifest.ended_at,
        "pipeline": manifest.start.pipeline or None,
        "streams": {name: end.records for name, end in manifest.streams.items()},
        "records": sum(end.records for end in manifest.streams.values()),
        "files": len(manifest.files),
        "bytes": sum(file.bytes for file in manifest.files),
    }


def write(arguments: argparse.Namespace) -> None:
    """Run a tap for its reservoir alone."""
    from dlt_singer.source.mirroring import reservoir_to_read
    from dlt_singer.source.writing import write as mirror_only
    from dlt_singer.summary import document, text

    tap = open_tap(arguments.tap)
    summary = mirror_only(tap.name, names_in(arguments.streams), full=arguments.full)
    show(arguments, document(summary), f"{text(summary, width())}\n  written to {reservoir_to_read(tap).url}")


def replay(arguments: argparse.Namespace) -> None:
    """Load what is new in a reservoir, or all of it with a refresh; the tap is not started."""
    from dlt_singer.source import reservoir
    from dlt_singer.source import run as load

    tap = open_tap(arguments.tap, whole=True)
    name_pipeline(arguments, tap.plugin.tap_name, tap.project.env)
    pipeline = open_pipeline(arguments, tap)
    pipeline.destination_client()
    if arguments.share:
        share = one_share(arguments, tap.name)
        pipeline, source = share.pipeline(pipeline), share.source
    else:
        source = reservoir(tap.name, names_in(arguments.streams), **wishes(arguments))
    started = time.monotonic()
    info = load(pipeline, source, summary=False, **({"refresh": arguments.refresh} if arguments.refresh else {}))
    info.raise_on_failed_jobs()
    show_outcome(arguments, tap, pipeline, time.monotonic() - started)


def reset(arguments: argparse.Namespace) -> None:
    """Forget how far a pipeline has replayed, so that it loads everything again."""
    from dlt_singer.state import clear_state

    tap = open_tap(arguments.tap)
    name_pipeline(arguments, tap.plugin.tap_name, tap.project.env)
    pipeline = open_pipeline(arguments, tap)
    cleared = clear_state(pipeline, f"reservoir of {tap.name}", names_in(arguments.streams) or ())
    text = f"the next replay loads all of {', '.join(cleared)}" if cleared else "nothing has been replayed"
    show(arguments, {"tap": tap.name, "reset": list(cleared)}, f"{tap.name}, {pipeline.pipeline_name}: {text}.")


def _ls_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    add_json(parser)


def _write_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("--streams", metavar="A,B", action="append", help="only these streams")
    parser.add_argument("--full", action="store_true", help="read all of it again, as a new lineage")
    add_json(parser)


def _replay_arguments(parser: Parser) -> None:
    add_wishes(parser)
    parser.add_argument(
        "--share", metavar="2/4", help="only this share of what ended before --until, as a pipeline of its own"
    )
    parser.add_argument(
        "--refresh", choices=REFRESHES, metavar="MODE", help=f"dlt's refresh: {', '.join(REFRESHES)}"
    )
    add_pipeline_options(parser, name="the tap's, with _reservoir")
    add_json(parser)


def _reset_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("--streams", metavar="A,B", action="append", help="only these streams")
    add_pipeline_options(parser, name="the tap's, with _reservoir")
    add_json(parser)


COMMANDS = (
    Command(
        "reservoir",
        "Mirror a tap, load what is mirrored, keep it in order",
        details="`write` mirrors a tap without loading it. A run with --reservoir, or of a tap with "
        "`reservoir: true`, is mirrored while it is loaded.",
        examples=(
            "dlt-singer reservoir write tap-github",
            "dlt-singer reservoir replay tap-github --destination filesystem",
        ),
        commands=(
            Command(
                "write",
                "Run a tap and mirror it, without a destination",
                write,
                _write_arguments,
                details="The next one goes on where the last one ended, whatever pipelines have loaded. If "
                "pipelines have mirrored the tap, too, a replay follows these runs with `--lineage write`.",
            ),
            Command("ls", "The runs that are mirrored of a tap", list_runs, _ls_arguments),
            Command("replay", "Load what is new in the reservoir, without the tap", replay, _replay_arguments),
            Command("reset", "Forget how far a pipeline has replayed", reset, _reset_arguments),
            *reservoir_shares.COMMANDS,
            *reservoir_care.COMMANDS,
        ),
    ),
)
