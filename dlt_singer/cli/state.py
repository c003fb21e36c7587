"""`state`: where taps are, and how to put them elsewhere. Every change is committed as a load of its own."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.cli.bookmarks import bookmark_text, chosen_copy, parsed, streams_in
from dlt_singer.cli.command import Command, Parser, UsageError
from dlt_singer.cli.place import add_pipeline_options, open_pipeline, open_tap
from dlt_singer.cli.screen import add_json, as_json, is_asking_allowed, say, show, table

if TYPE_CHECKING:
    import dlt

    from dlt_singer.state import StateCopy
    from dlt_singer.tap import Tap


def pipeline_state(arguments: argparse.Namespace, tap: Tap, *, sync: bool = False) -> JSON:
    """Return a tap's state in its pipeline; asks the destination if this machine knows nothing, or if told to."""
    pipeline = open_pipeline(arguments, tap)
    return _current(pipeline, tap, sync=sync)


def show_state(arguments: argparse.Namespace) -> None:
    """Show where each stream is."""
    tap = open_tap(arguments.tap)
    state = pipeline_state(arguments, tap, sync=arguments.sync)
    pipeline = open_pipeline(arguments, tap)
    if state is None:
        show(arguments, None, f"Pipeline {pipeline.pipeline_name} has no state of {tap.name}: it has not run yet.")
        return
    streams = streams_in(state)
    rest = {k: v for k, v in cast("Mapping[str, JSON]", state).items() if k not in ("bookmarks", *streams)}
    lines = [f"{tap.name} in pipeline {pipeline.pipeline_name}, dataset {pipeline.dataset_name}", ""]
    lines += [table(("stream", "bookmark"), [[stream, bookmark_text(state, stream)] for stream in streams])]
    lines += ["", f"of no stream: {json.dumps(rest, ensure_ascii=False)}"] if rest else []
    show(arguments, state, "\n".join(lines))


def set_state(arguments: argparse.Namespace) -> None:
    """Set the state, or the bookmark of one stream."""
    from dlt_singer.state import with_bookmark

    tap, pipeline = _opened(arguments)
    given = parsed(sys.stdin.read() if arguments.value == "-" else arguments.value, "the value")
    value = given if arguments.stream is None else with_bookmark(_current(pipeline, tap), arguments.stream, given)
    _commit(arguments, pipeline, tap, value)


def edit_state(arguments: argparse.Namespace) -> None:
    """Open the state in an editor, and commit what comes back."""
    tap, pipeline = _opened(arguments)
    if not is_asking_allowed() and not (os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise UsageError("There is no terminal to edit in. Use `dlt-singer state set` or `state import`.")
    before = _current(pipeline, tap)
    edited = _edited(before if before is not None else {"bookmarks": {}})
    if edited == before:
        say("Nothing was changed.")
        return
    _commit(arguments, pipeline, tap, edited)


def show_history(arguments: argparse.Namespace) -> None:
    """List the states that were committed, the newest first."""
    from dlt_singer.state import read_copy

    tap, pipeline = _opened(arguments)
    rows = []
    for copy in _copies(pipeline, tap):
        state = read_copy(tap.store, copy)
        rows.append({"name": copy.name, "committed_at": copy.moment.isoformat(), "streams": len(streams_in(state))})
    lines = [
        table(
            ("copy", "kept at (UTC)", "streams"),
            [[r["name"], str(r["committed_at"])[:19], r["streams"]] for r in rows],
        )
    ]
    nothing = f"The store, {tap.store.url}, has no state of {tap.name} in pipeline {pipeline.pipeline_name}."
    show(arguments, cast("JSON", rows), "\n".join(lines) if rows else nothing)


def restore_state(arguments: argparse.Namespace) -> None:
    """Go back to a state of the history."""
    from dlt_singer.state import read_copy

    tap, pipeline = _opened(arguments)
    copies = _copies(pipeline, tap)
    _commit(arguments, pipeline, tap, read_copy(tap.store, chosen_copy(copies, arguments.copy, tap.name)))


def export_state(arguments: argparse.Namespace) -> None:
    """Print the state as the tap would be given it."""
    tap = open_tap(arguments.tap)
    text = as_json(pipeline_state(arguments, tap, sync=arguments.sync))
    if arguments.output:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def import_state(arguments: argparse.Namespace) -> None:
    """Set the state to that of a file: Singer's, Meltano's, alto's."""
    from dlt_singer.state import unwrapped

    tap, pipeline = _opened(arguments)
    try:
        text = sys.stdin.read() if arguments.file == "-" else Path(arguments.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(f"'{arguments.file}' cannot be read: {err}.") from None
    _commit(arguments, pipeline, tap, unwrapped(parsed(text, f"'{arguments.file}'")))


def clear_states(arguments: argparse.Namespace) -> None:
    """Forget where a tap is, or some of its streams; tables stay."""
    from dlt_singer.state import clear_state, keep_committed_state

    tap, pipeline = _opened(arguments)
    pipeline.sync_destination() if not pipeline.has_pending_data else None
    keep_committed_state(pipeline, tap)
    cleared = clear_state(pipeline, tap.name, arguments.stream or ())
    text = (
        f"{tap.name}: the next run reads {', '.join(cleared)} from the beginning."
        if cleared
        else f"{tap.name}: there was no state."
    )
    show(arguments, {"tap": tap.name, "cleared": list(cleared)}, text)


def _commit(arguments: argparse.Namespace, pipeline: dlt.Pipeline, tap: Tap, value: JSON) -> None:
    from dlt_singer.state import change_state, keep_committed_state

    kept = tap.kept_catalog()
    streams = tap.plugin.streams or (tap.select(kept.catalog).streams if kept else ())
    keep_committed_state(pipeline, tap)
    changed = change_state(pipeline, tap.name, value, streams)
    keep_committed_state(pipeline, tap)
    now = _current(pipeline, tap)
    rows = [[stream, bookmark_text(now, stream) or "the beginning"] for stream in sorted(changed)]
    show(arguments, now, f"{tap.name}: the next run starts from\n\n{table(('stream', 'bookmark'), rows)}")


def _opened(arguments: argparse.Namespace) -> tuple[Tap, dlt.Pipeline]:
    tap = open_tap(arguments.tap)
    return tap, open_pipeline(arguments, tap)


def _current(pipeline: dlt.Pipeline, tap: Tap, *, sync: bool = False) -> JSON:
    from dlt_singer.state import committed_states

    if sync or pipeline.first_run:
        pipeline.sync_destination()
    return committed_states(pipeline.state).get(tap.name)


def _copies(pipeline: dlt.Pipeline, tap: Tap) -> list[StateCopy]:
    from dlt_singer.state import copies, target_of

    return copies(tap.store, tap.project.env, tap.name, target_of(pipeline))


def _edited(value: JSON) -> JSON:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "state.json")
        file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as err:
            raise UsageError(f"The editor '{editor}' failed: {err}. Nothing was changed.") from None
        return parsed(file.read_text(encoding="utf-8"), "what was edited")


def _tap_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    add_pipeline_options(parser)
    add_json(parser)


def _show_arguments(parser: Parser) -> None:
    _tap_arguments(parser)
    parser.add_argument("--sync", action="store_true", help="ask the destination even if this machine has a state")


def _set_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("value", metavar="json", help="the whole state, or the stream's bookmark; `-` reads it")
    parser.add_argument("--stream", metavar="NAME", help="set only the bookmark of this stream")
    add_pipeline_options(parser)
    add_json(parser)


def _restore_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument(
        "copy", nargs="?", help="its name in the history, or how that begins; by default the last but one"
    )
    add_pipeline_options(parser)
    add_json(parser)


def _import_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("file", help="a JSON file; `-` reads from stdin")
    add_pipeline_options(parser)
    add_json(parser)


def _export_arguments(parser: Parser) -> None:
    _show_arguments(parser)
    parser.add_argument("--output", "-o", metavar="FILE", help="write a file")


def clear_arguments(parser: Parser) -> None:
    """Add what `state clear` and `clean state` take."""
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("--stream", metavar="NAME", action="append", help="only this stream; may be repeated")
    add_pipeline_options(parser)
    add_json(parser)


COMMANDS = (
    Command(
        "state",
        "Where taps are: show, set, restore, import, clear",
        details="The state of a tap belongs to a pipeline and its dataset, those of `run` unless others are named. "
        "A change is committed at the destination as dlt commits states with rows; each state that was committed "
        "is kept in the store.",
        examples=(
            "dlt-singer state show tap-github",
            """dlt-singer state set tap-github '{"since": "2024-01-01"}' --stream issues""",
            "dlt-singer state restore tap-github",
        ),
        commands=(
            Command("show", "Where each stream is", show_state, _show_arguments),
            Command("set", "Set the state, or one stream's bookmark", set_state, _set_arguments),
            Command("edit", "Change the state in $EDITOR", edit_state, _tap_arguments),
            Command("history", "The states that were committed", show_history, _tap_arguments),
            Command("restore", "Go back to a state of the history", restore_state, _restore_arguments),
            Command("import", "Take the state of a file (Singer, Meltano, alto)", import_state, _import_arguments),
            Command("export", "Print the state as the tap would get it", export_state, _export_arguments),
            Command("clear", "Start from the beginning in the next run", clear_states, clear_arguments),
        ),
    ),
)
