"""A project's store, and the executables of its plugins: built, fetched, or commands that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dlt_singer import pex
from dlt_singer.config import Plugin, Project
from dlt_singer.storage import Store
from dlt_singer.tap.log import announce

LOCAL = Path(".alto")


def store_of(project: Project) -> Store:
    """Return the project's store; opens nothing."""
    return Store(project.storage_url, project.resolved_storage_options())


def executable_of(
    plugin: Plugin, project: Project, *, build_allowed: bool = True
) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the command line and the variables that start a plugin, built first if need be.

    Args:
        plugin: The plugin, of any kind.
        project: Its project.
        build_allowed: False takes what is built here or in the store, or fails; so does `build: false`.

    Raises:
        PluginError: It is not to be had.
    """
    if plugin.command:
        return plugin.argv, {}
    found = built(plugin, project, build_allowed=build_allowed)
    return found.argv, found.env


def built(plugin: Plugin, project: Project, *, build_allowed: bool = True) -> pex.PluginExecutable:
    """Return a plugin's build, made at most once; as `executable_of`."""
    build, cache = build_of(plugin, project), plugin_cache(project)
    allowed = build_allowed and plugin.build
    return pex.executable(build, cache, store_of(project), on_progress=announce, build_allowed=allowed)


def build_of(plugin: Plugin, project: Project) -> pex.PluginBuild:
    """Return what decides how a plugin with a `pip_url` is built."""
    return pex.PluginBuild(
        plugin.name,
        plugin.pip_url or "",
        python=plugin.python,
        version=plugin.version,
        base=plugin.base,
        executable=plugin.executable if plugin.executable != plugin.base else None,
        entrypoint=plugin.entrypoint,
        root=project.root,
    )


def plugin_cache(project: Project) -> Path:
    """Return where a project keeps its builds on this machine."""
    return project.root / LOCAL / "plugins"
