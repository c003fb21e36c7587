"""What dlt asks its plugins: where it runs, and which commands they add.

A project with `data_dir` gets a run context of its own, so that each clone keeps its own pipelines and local files;
`DLT_*` variables and workspaces win. `dlt singer` is our command line. Imports nothing of ours until it is needed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from dlt.common import known_env
from dlt.common.configuration.plugins import SupportsCliCommand, hookimpl
from dlt.common.runtime.run_context import DOT_DLT, RunContext

_PROJECT_FILES = ("alto.yaml", "alto.yml", "alto.toml", "alto.json")
_PLACES = (known_env.DLT_DATA_DIR, known_env.DLT_PROJECT_DIR, known_env.DLT_LOCAL_DIR)


class SingerRunContext(RunContext):
    """dlt in an alto project: settings and local files at its root, pipelines in its `data_dir`.

    Args:
        run_dir: The project's root, absolute.
        data_dir: The project's `data_dir`, absolute.
    """

    def __init__(self, run_dir: str, data_dir: str) -> None:
        super().__init__(run_dir)
        self._data_dir = data_dir

    @property
    def data_dir(self) -> str:
        """Where pipelines keep their working directories; `DLT_DATA_DIR` still wins if it is set later."""
        return os.environ.get(known_env.DLT_DATA_DIR, self._data_dir)


@hookimpl(tryfirst=True)
def plug_run_context(run_dir: str | None, runtime_kwargs: Mapping[str, object] | None) -> RunContext | None:
    """Return the run context of the alto project around a directory.

    Args:
        run_dir: The directory dlt was told to run in; None means the working directory.
        runtime_kwargs: What dlt was asked for; a context required by name is left to who provides it.

    Returns:
        The project's context, or None if there is no project or it leaves the place to dlt.

    Raises:
        ConfigError: The project's file cannot be read.
    """
    start = Path(run_dir or ".").absolute()
    required = (runtime_kwargs or {}).get("_required")
    if any(place in os.environ for place in _PLACES) or required not in (None, SingerRunContext.__name__):
        return None
    file = _project_file(start)
    if file is None or _is_workspace(start) or _is_workspace(file.parent):
        return None

    from dlt_singer.config import read_data_dir

    # An unreadable file stops dlt here: it may ask for a place of its own, and to go on in the shared one would
    # load into another clone's pipeline. Whatever else is wrong in it is for those who use it to say.
    data_dir = read_data_dir(file)
    return None if data_dir is None else SingerRunContext(str(file.parent), str(data_dir))


class SingerCommand(SupportsCliCommand):
    """`dlt singer …`: the words after it are those of `dlt-singer`."""

    command = "singer"
    help_string = "Load with Singer taps: build, discover, run them, look at their state"
    description = "The command line of dlt-singer."
    docs_url = None

    def configure_parser(self, parser: argparse.ArgumentParser) -> None:
        """Take every word; show our help for help."""
        from dlt_singer.cli.grammar import build_parser

        ours = build_parser("dlt singer")
        parser.format_help = ours.format_help  # type: ignore[method-assign]  # the parser is dlt's
        # Options before the command are refused by dlt's parser unless it knows them.
        parser.add_argument("--version", action="store_true")
        parser.add_argument("--project-dir", "-r", "--root", "--env", action="append")
        parser.add_argument("--quiet", "-q", action="store_true")
        parser.add_argument("words", nargs=argparse.REMAINDER)

    def execute(self, _: argparse.Namespace) -> None:
        """Run the command and end with its exit code."""
        from dlt_singer.cli import main

        # dlt takes options such as --yes and --debug out of what it hands on.
        words = sys.argv[sys.argv.index(self.command) + 1 :]
        sys.exit(main(words, program=f"dlt {self.command}"))


@hookimpl
def plug_cli(host: str) -> type[SupportsCliCommand] | None:
    """Return our command for `dlt`; other programs of dlt's do not get it.

    Args:
        host: The program.
    """
    return SingerCommand if host == "dlt" else None


def _project_file(start: Path) -> Path | None:
    candidates = (directory / name for directory in (start, *start.parents) for name in _PROJECT_FILES)
    return next((file for file in candidates if file.is_file()), None)


def _is_workspace(directory: Path) -> bool:
    return (directory / DOT_DLT / ".workspace").is_file()
