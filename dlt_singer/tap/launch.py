"""Start a tap: its executable, its arguments, its files, its environment.

Secrets are revealed here and nowhere above: they go to the guard through a pipe and reach the tap as files of its
private directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from dlt_singer._types import JSON
from dlt_singer.config import Plugin, Project
from dlt_singer.errors import SingerError
from dlt_singer.process import RUN_DIR, Command, GuardedProcess
from dlt_singer.tap.executable import LOCAL, executable_of, store_of
from dlt_singer.tap.log import StderrLog, warn

_KEEP_LOG_S = 20.0


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
    options, files = _files(arguments.files or {})
    log = StderrLog(
        plugin.name, plugin.secret_values(), _log_path(plugin, project), lambda path: _keep_log(path, project)
    )
    command = Command(
        argv=[*argv, *arguments.flags, *options],
        env={**os.environ, **env, **plugin.resolved_environment()},
        cwd=project.root,
        files=files,
    )
    return GuardedProcess(command, log), log


@contextlib.contextmanager
def running(plugin: Plugin, project: Project, arguments: Arguments) -> Iterator[tuple[GuardedProcess, StderrLog]]:
    """Start the tap for the length of a block."""
    process, log = start(plugin, project, arguments)
    try:
        yield process, log
    finally:
        process.stop()
        log.close()


def _keep_log(path: Path, project: Project) -> None:
    """Copy the log of a run that is over to the store; a run neither fails nor hangs for it."""
    failures: list[object] = [f"It took longer than {_KEEP_LOG_S:g} s."]

    def keep() -> None:
        key = path.relative_to(project.root / LOCAL).as_posix()
        try:
            store = store_of(project)
            if store.local_root is None or store.local_root / key != path:
                store.publish(path, key)
            failures.clear()
        except SingerError as err:
            failures[:] = [err]

    # In a thread that may be left behind: whoever is ended has little time.
    keeping = threading.Thread(target=keep, daemon=True)
    keeping.start()
    keeping.join(_KEEP_LOG_S)
    for failure in failures:
        warn(f"The log {path} could not be copied to the store. {failure}")


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
        name = f"{option.removeprefix('--')}.json"
        options += [option, f"{RUN_DIR}/{name}"]
        files[name] = json.dumps(document)
    return options, files


def _log_path(plugin: Plugin, project: Project) -> Path:
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return project.root / LOCAL / "logs" / project.env / f"{plugin.name}-{moment}-{uuid.uuid4().hex[:8]}.log"
