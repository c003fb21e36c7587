"""Start a tap: its executable, its arguments, its files, its environment.

Secrets are revealed here and nowhere above: they go to the guard through a pipe and reach the tap as files of its
private directory.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlt_singer._types import JSON
from dlt_singer.config import Plugin, Project
from dlt_singer.process import RUN_DIR, Command, GuardedProcess
from dlt_singer.tap import rotation
from dlt_singer.tap.executable import LOCAL, executable_of
from dlt_singer.tap.log import StderrLog
from dlt_singer.tap.logs import keep, log_path, new_id

CONFIG = "--config"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a tap is called with.

    Attributes:
        flags: Plain flags such as `--discover`.
        files: Option to JSON document, such as `--config`; each becomes a file of the run's directory.
    """

    flags: Sequence[str] = ()
    files: Mapping[str, JSON] | None = None


def start(plugin: Plugin, project: Project, arguments: Arguments) -> tuple[GuardedProcess, StderrLog]:
    """Start the tap, building it first if need be; whoever called ends the process and closes the log."""
    _hide_from_git(project.root / LOCAL)
    argv, env = executable_of(plugin, project)
    documents = dict(arguments.files or {})
    config = documents.get(CONFIG)
    if config is not None:
        documents[CONFIG] = rotation.current(plugin, project, config)
    options, files = _files(documents)
    log = StderrLog(
        plugin.name,
        plugin.secret_values() | project.secret_values() | rotation.new_secrets(config, documents.get(CONFIG)),
        log_path(project, new_id(plugin.name)),
        lambda path: keep(path, project),
    )
    command = Command(
        argv=[*argv, *arguments.flags, *options],
        env={**os.environ, **env, **plugin.resolved_environment()},
        cwd=project.root,
        files=files,
        kept=[_name(CONFIG)] if config is not None else [],
    )
    return GuardedProcess(command, log, lambda _, text: rotation.keep(plugin, project, config, text)), log


@contextlib.contextmanager
def running(plugin: Plugin, project: Project, arguments: Arguments) -> Iterator[tuple[GuardedProcess, StderrLog]]:
    """Start the tap for the length of a block."""
    process, log = start(plugin, project, arguments)
    try:
        yield process, log
    finally:
        process.stop()
        log.close()


def _hide_from_git(directory: Path) -> None:
    """Keep executables, logs and states of a project out of its repository, as a `.venv` does."""
    mark = directory / ".gitignore"
    # A project that cannot be written has nothing to hide.
    with contextlib.suppress(OSError):
        if not mark.exists():
            directory.mkdir(exist_ok=True)
            mark.write_text("*\n", encoding="utf-8")


def _files(documents: Mapping[str, JSON]) -> tuple[list[str], dict[str, str]]:
    options: list[str] = []
    files: dict[str, str] = {}
    for option, document in documents.items():
        name = _name(option)
        options += [option, f"{RUN_DIR}/{name}"]
        files[name] = json.dumps(document)
    return options, files


def _name(option: str) -> str:
    return f"{option.removeprefix('--')}.json"
