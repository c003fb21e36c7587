"""Settings that a tap changes itself, as those do whose refresh token is good for one use.

In: what a tap was given, and what it has made of that file. Out: the changes in `alto.secrets.yaml` beside the
project file (0600), for the next run, and in memory, for the next start in this process. Never in the store.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dlt_singer._types import JSON
from dlt_singer.config import Plugin, Project, load_project
from dlt_singer.config.edit import with_secrets
from dlt_singer.config.secret import secret_strings
from dlt_singer.errors import ConfigError
from dlt_singer.tap.log import announce, warn

_FILES = ("alto.secrets.yml", "alto.secrets.yaml")
_changed: dict[tuple[Path, str, str], tuple[JSON, JSON]] = {}
"""What a tap was given last that it has changed, and what it has made of it."""
_keeping = threading.Lock()


def current(plugin: Plugin, project: Project, config: JSON) -> JSON:
    """Return a tap's settings as it has left them, if it was given these before.

    Args:
        plugin: The tap.
        project: Its project.
        config: Its settings as the project has them.
    """
    before, after = _changed.get(_key(plugin, project), (None, None))
    return after if before is not None and before == config else config


def new_secrets(config: JSON, used: JSON) -> frozenset[str]:
    """Return the texts that a tap has put into its settings, which no log must show."""
    if not isinstance(config, Mapping) or not isinstance(used, Mapping):
        return frozenset()
    changes = {key: value for key, value in used.items() if config.get(key) != value}
    return frozenset(secret_strings(changes, suspect=True))


def keep(plugin: Plugin, project: Project, config: JSON, text: str) -> None:
    """Keep what a tap has changed of its settings.

    Args:
        plugin: The tap.
        project: Its project.
        config: What the project has; `current` may have made more of it.
        text: The file as the tap has left it.
    """
    given = current(plugin, project, config)
    try:
        now = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(now, Mapping) or not isinstance(given, Mapping):
        return
    changes = {key: value for key, value in now.items() if key not in given or given[key] != value}
    if not changes:
        return
    names = ", ".join(f"`{name}`" for name in changes)
    # Later on the files have what the tap wrote, and the project what was in them before.
    above = set() if _key(plugin, project) in _changed else _set_above(plugin, project)
    with _keeping:
        _changed[_key(plugin, project)] = (config, now)
    try:
        file = _write(plugin, project, changes)
    except (OSError, ConfigError) as err:
        why = err.strerror if isinstance(err, OSError) else type(err).__name__
        warn(f"{plugin.name}: has changed {names}, which cannot be kept in alto.secrets.yaml ({why}).")
        return
    announce(f"{plugin.name}: has changed {names}; kept in {file.name}")
    if hidden := ", ".join(f"`{name}`" for name in changes if name in above):
        warn(
            f"{plugin.name}: {hidden} comes from a variable, dlt's files or an argument, which win over "
            f"{file.name}: remove it there, or the next run starts with the old value."
        )


def _key(plugin: Plugin, project: Project) -> tuple[Path, str, str]:
    return (project.file, project.env, plugin.name)


def _write(plugin: Plugin, project: Project, changes: Mapping[str, JSON]) -> Path:
    found = next((file for name in _FILES if (file := project.root / name).exists()), project.root / _FILES[-1])
    # A link, as to a mounted secret, is followed.
    file = found.resolve()
    place = ("partitions", plugin.partition) if plugin.partition else ("config",)
    with _locked(project.root):
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        changed = with_secrets(text, file, (project.env, "taps", plugin.tap_name, *place), changes)
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        try:
            with os.fdopen(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as new:
                new.write(changed)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    return found


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other processes that change the same file out."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        with _keeping:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
    finally:
        os.close(fd)


def _set_above(plugin: Plugin, project: Project) -> set[str]:
    """Return the settings whose value comes from above the project's files."""
    plain = {name: value for name, value in os.environ.items() if not name.upper().startswith("ALTO_")}
    try:
        in_files = load_project(project.file, project.env, environ=plain).tap(plugin.name).resolved_config()
    except ConfigError:
        return set()
    return {name for name, value in plugin.resolved_config().items() if in_files.get(name) != value}
