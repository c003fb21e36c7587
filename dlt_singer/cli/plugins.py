"""Commands for the executables of plugins: `build`, `invoke`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from dlt_singer._types import JSON
from dlt_singer.cli.command import Command, Parser, UsageError
from dlt_singer.cli.place import chosen_taps, find_plugin, open_project
from dlt_singer.cli.screen import add_json, show, table

if TYPE_CHECKING:
    from dlt_singer.config import Plugin, Project


def build(arguments: argparse.Namespace) -> int:
    """Build plugins, or get them from the store; each at most once."""
    project = open_project()
    if arguments.push and arguments.no_build:
        raise UsageError("--push uploads what was built; it does not go with --no-build.")
    others = [name for name in arguments.plugins if name in project.targets or name in project.utilities]
    named = [name for name in arguments.plugins if name not in others]
    taps = chosen_taps(project, named) if named or not others else []
    plugins = [find_plugin(project, name) for name in (*taps, *others)]
    rows = [_obtain(plugin, project, arguments) for plugin in plugins]
    shown = table(("plugin", "ready", "details"), [[row["name"], row["ready"], row["details"]] for row in rows])
    show(arguments, rows, shown if rows else "No plugins to build.")
    return 0 if all(row["ready"] for row in rows) else 1


def invoke(arguments: argparse.Namespace) -> int:
    """Become the plugin: its arguments, its output, its exit code."""
    from dlt_singer.tap.executable import executable_of

    project = open_project()
    plugin = find_plugin(project, arguments.plugin)
    words = arguments.arguments[1:] if arguments.arguments[:1] == ["--"] else arguments.arguments
    argv, env = executable_of(plugin, project)
    variables = {**os.environ, **env, **plugin.resolved_environment()}
    if arguments.python:
        if plugin.command:
            raise UsageError(f"'{plugin.name}' is a command of yours; it has no interpreter of ours.")
        variables = {name: value for name, value in variables.items() if not name.startswith("PEX")}
        argv = argv[:1]
    sys.stdout.flush()
    try:
        os.execvpe(argv[0], [*argv, *words], variables)  # noqa: S606 - to become it is the point
    except OSError as err:
        raise UsageError(f"'{plugin.name}' cannot be started: {argv[0]}: {err.strerror}.") from None


def _obtain(plugin: Plugin, project: Project, arguments: argparse.Namespace) -> dict[str, JSON]:
    from dlt_singer.errors import SingerError
    from dlt_singer.pex import publish
    from dlt_singer.tap import announce
    from dlt_singer.tap.executable import built, store_of

    row: dict[str, JSON] = {"name": plugin.name, "ready": True, "pushed": False}
    if not plugin.pip_url:
        return {**row, "details": " ".join(plugin.command) or "has no pip_url: nothing to build"}
    try:
        found = built(plugin, project, build_allowed=not arguments.no_build)
        pushed = arguments.push and publish(found, store_of(project), on_progress=announce)
    except SingerError as err:
        if len(arguments.plugins) == 1:
            raise
        return {**row, "ready": False, "details": str(err)}
    where = f", pushed to {store_of(project).url}" if pushed else ""
    details = f"{found.key[:12]}, {found.pex.stat().st_size / 1e6:.1f} MB{where}"
    return {**row, "key": found.key, "pex": str(found.pex), "pushed": pushed, "details": details}


def _build_arguments(parser: Parser) -> None:
    parser.add_argument("plugins", nargs="*", metavar="plugin", help="names or globs; by default all taps")
    parser.add_argument(
        "--no-build", "--pull", action="store_true", help="only take what is built here or in the store, or fail"
    )
    parser.add_argument(
        "--push", action="store_true", help="upload to the store what it does not have, or only damaged"
    )
    add_json(parser)


def _invoke_arguments(parser: Parser) -> None:
    parser.add_argument("plugin", help="name of a tap, target or utility")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- argument", help="what it is called with")
    parser.add_argument("--python", action="store_true", help="start its Python instead")


COMMANDS = (
    Command(
        "build",
        "Build taps ahead of their first run, or fetch them from the store",
        build,
        _build_arguments,
        examples=("dlt-singer build", "dlt-singer build tap-github --push"),
    ),
    Command(
        "invoke",
        "Run a plugin by hand",
        invoke,
        _invoke_arguments,
        details="Options stand before the plugin's name; all that follows `--` is the plugin's own.",
        examples=("dlt-singer invoke tap-github -- --help", "dlt-singer invoke --python tap-github -- -m pip list"),
    ),
)
