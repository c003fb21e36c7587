"""Where a command works: the directory, the environment, the project, its taps and their pipelines."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from dlt_singer.cli.command import UsageError
from dlt_singer.cli.screen import add_json
from dlt_singer.errors import NotSupportedError, UnknownPluginError, did_you_mean

if TYPE_CHECKING:
    import dlt

    from dlt_singer.config import Plugin, Project
    from dlt_singer.tap import Tap

_GLOB = frozenset("*?[")
_PLACES = ("DLT_DATA_DIR", "DLT_LOCAL_DIR")
"""Where one of these is set, `run_context` leaves the place to dlt."""


def enter(arguments: argparse.Namespace) -> None:
    """Go where the command was told to work, and let logging speak to the terminal."""
    directory = getattr(arguments, "project_dir", None)
    if directory is not None:
        try:
            os.chdir(Path(directory).expanduser())
        except OSError as err:
            raise UsageError(f"Cannot work in '{directory}': {err.strerror}.") from None
    env = getattr(arguments, "env", None)
    if env is not None:
        # dlt asks the project for its directories by itself, and children of ours inherit it.
        os.environ["ALTO_ENV"] = env
    _set_up_logging(quiet=getattr(arguments, "quiet", False), verbose=getattr(arguments, "verbose", False))


def open_project() -> Project:
    """Return the project around the working directory, with all that lies over its files."""
    from dlt_singer.config import find_project_file, load_project

    _point_dlt_to(find_project_file())
    from dlt_singer.source.overlay import dlt_overlays

    return load_project(overlays=dlt_overlays({}))


def open_tap(name: str, *, whole: bool = False) -> Tap:
    """Return a tap of the project.

    Args:
        name: Its name; `tap-x@eu` is its partition `eu`.
        whole: Whether one with partitions is fine: what each has of its own is not asked for.

    Raises:
        UsageError: It has partitions, and none was named.
        NotSupportedError: It is a target or a utility.
        UnknownPluginError: There is none of that name.
    """
    from dlt_singer.tap import Tap

    project = open_project()
    refuse_other_kinds(project, name)
    tap = Tap(project.tap(name), project)
    if tap.plugin.partitions and not whole:
        names = ", ".join(part.name for part in tap.partitions)
        raise UsageError(f"{name} has partitions, each with streams and a state of its own. Name one: {names}.")
    return tap


def refuse_other_kinds(project: Project, name: str) -> None:
    """Refuse by its name what alto would run and we do not.

    Raises:
        NotSupportedError: It is a target or a utility.
    """
    if name in project.taps:
        return
    if name in project.targets:
        raise NotSupportedError(
            f"'{name}' is a Singer target; targets are read from {project.file.name}, but not run.",
            "Load with dlt: `dlt-singer run <tap> --destination duckdb` (or postgres, bigquery, filesystem, ...).",
        )
    if name in project.utilities:
        raise NotSupportedError(
            f"'{name}' is a utility, not a tap.", f"Start it with `dlt-singer invoke {name} -- <its arguments>`."
        )


def find_plugin(project: Project, name: str) -> Plugin:
    """Return a plugin of any kind."""
    for plugins in (project.targets, project.utilities):
        if name in plugins and name not in project.taps:
            return plugins[name]
    return project.tap(name)


def chosen_taps(project: Project, patterns: list[str]) -> list[str]:
    """Return the taps that names and globs mean, in the order of the project; all of them for no pattern."""
    if not patterns:
        return list(project.taps)
    found: dict[str, None] = {}
    for pattern in patterns:
        refuse_other_kinds(project, pattern)
        matching = [name for name in project.taps if name == pattern or fnmatchcase(name, pattern)]
        if not matching and _GLOB & set(pattern):
            raise UnknownPluginError(
                f"No tap in {project.file.name} matches '{pattern}'.", f"Its taps: {', '.join(project.taps)}."
            )
        found |= dict.fromkeys(matching or [project.tap(pattern).name])
    return list(found)


def add_taps(parser: argparse.ArgumentParser) -> None:
    """Add names of taps, none of which means all of them, and `--json`."""
    parser.add_argument("taps", nargs="*", metavar="tap", help="names or globs; by default all")
    add_json(parser)


def add_pipeline_options(parser: argparse.ArgumentParser, *, name: str = "the tap without 'tap-'") -> None:
    """Add the options that name a pipeline; without them it is the one that `run` uses."""
    parser.add_argument("--pipeline-name", metavar="NAME", help=f"dlt pipeline; default: {name}")
    parser.add_argument(
        "--destination", metavar="NAME", help="dlt destination; default: dlt's destination_type, else duckdb"
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="dataset or schema; default: the tap's load_path, else tap_x"
    )


def pipeline_name_of(tap: str, env: str) -> str:
    """Return the pipeline of a tap: one for each environment, so that their rows and bookmarks never meet.

    Example:
        >>> pipeline_name_of("tap-carbon-intensity", "live")
        'carbon_intensity_live'
    """
    name = tap.replace("tap-", "", 1).replace("-", "_").replace(".", "_")
    return name if env in ("default", "dev", "development") else f"{name}_{env}"


def open_pipeline(arguments: argparse.Namespace, tap: Tap) -> dlt.Pipeline:
    """Return the pipeline that `run` loads a tap with; nothing is connected to."""
    import dlt
    from dlt.common.destination.exceptions import UnknownDestinationModule
    from dlt.common.schema.utils import normalize_schema_name

    name = arguments.pipeline_name or pipeline_name_of(tap.plugin.tap_name, tap.project.env)
    dataset = arguments.dataset or tap.plugin.load_path or normalize_schema_name(tap.plugin.tap_name)
    if name == dataset and not arguments.pipeline_name:
        # The pipeline names DuckDB's file and so its catalog; DuckDB refuses a schema of the same name.
        name = f"{name}_pipeline"
    destination = arguments.destination
    if destination is None and not _has_destination(name):
        destination = "duckdb"
    try:
        return dlt.pipeline(name, destination=destination, dataset_name=dataset)
    except UnknownDestinationModule:
        known = [each for each in dlt.destinations.__all__ if each != "destination"]
        raise UsageError(f"dlt has no destination '{destination}'. {suggest(str(destination), known)}") from None


def destination_of(project: Project, tap: str) -> str:
    """Return the destination of a tap's pipeline, once dlt has found its driver and credentials.

    Raises:
        DltException: It has not.
    """
    from dlt_singer.tap import Tap

    defaults = argparse.Namespace(pipeline_name=None, destination=None, dataset=None)
    pipeline = open_pipeline(defaults, Tap(project.tap(tap), project))
    pipeline.destination_client()
    return str(pipeline.destination.destination_name if pipeline.destination else None)


def _has_destination(pipeline_name: str) -> bool:
    """Return whether dlt's configuration names a destination, for all pipelines or this one."""
    import dlt

    keys = ("destination_type", "destination_name", f"{pipeline_name}.destination_type")
    return any(dlt.config.get(key) is not None for key in keys) or any(
        os.environ.get(key) for key in ("DESTINATION_TYPE", "DESTINATION_NAME")
    )


def _point_dlt_to(project_file: Path) -> None:
    """Let dlt find the project's `.dlt` from a directory below.

    A project with `data_dir` sees to it itself, but where a variable of dlt's says another place.
    """
    from dlt_singer.config import read_data_dir

    root, here = project_file.parent, Path.cwd()
    if here == root or "dlt" in sys.modules or (here / ".dlt").is_dir() or not (root / ".dlt").is_dir():
        return
    if any(place in os.environ for place in _PLACES) or read_data_dir(project_file) is None:
        os.environ.setdefault("DLT_PROJECT_DIR", str(root))


class _ForTerminal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        prefix = f"{record.levelname.capitalize()}: " if record.levelno >= logging.WARNING else ""
        return prefix + record.getMessage()


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg]  # generic only for type checkers
    """Writes to what stderr is now: a handler outlives those who redirect it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _set_up_logging(*, quiet: bool, verbose: bool) -> None:
    logger = logging.getLogger("dlt_singer")
    for old in [handler for handler in logger.handlers if isinstance(handler, _ToStderr)]:
        logger.removeHandler(old)
    handler = _ToStderr()
    handler.setFormatter(_ForTerminal())
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    # What taps say of each page they fetch is in their log file.
    logging.getLogger("dlt_singer.tap").setLevel(logging.INFO if verbose else logging.WARNING)


def suggest(name: str, known: list[str]) -> str:
    """Return a hint for a misspelt name, else the names there are."""
    return did_you_mean(name, known) or f"There are: {', '.join(known) or 'none'}."
