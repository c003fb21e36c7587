"""`clean`: remove what can be had again, or forget where a tap is. History is never removed."""

from __future__ import annotations

import argparse
from typing import cast

from dlt_singer._types import JSON
from dlt_singer.cli.command import Command
from dlt_singer.cli.place import add_taps, chosen_taps, open_project
from dlt_singer.cli.screen import show
from dlt_singer.cli.state import clear_arguments, clear_states


def clean_pex(arguments: argparse.Namespace) -> None:
    """Remove built plugins from this machine."""
    from dlt_singer.pex import forget
    from dlt_singer.tap.executable import build_of, plugin_cache

    project = open_project()
    taps = [project.taps[name] for name in chosen_taps(project, arguments.taps)]
    removed = {
        plugin.name: [str(file) for file in forget(build_of(plugin, project), plugin_cache(project))]
        for plugin in taps
        if plugin.pip_url
    }
    _show_removed(arguments, removed, "built")


def clean_catalog(arguments: argparse.Namespace) -> None:
    """Remove kept catalogs from the store."""
    from dlt_singer.tap.discovery import forget

    project = open_project()
    names = chosen_taps(project, arguments.taps)
    _show_removed(arguments, {name: list(forget(project.taps[name], project)) for name in names}, "in the store")


def _show_removed(arguments: argparse.Namespace, removed: dict[str, list[str]], where: str) -> None:
    lines = [
        f"{name}: removed {', '.join(file.rpartition('/')[2] for file in files)}"
        if files
        else f"{name}: nothing {where}"
        for name, files in removed.items()
    ]
    show(arguments, cast("JSON", removed), "\n".join(lines) or "No taps.")


COMMANDS = (
    Command(
        "clean",
        "Remove builds or catalogs, forget a state",
        examples=("dlt-singer clean catalog tap-github", "dlt-singer clean pex"),
        commands=(
            Command("pex", "Remove built taps from this machine; the store keeps its copies", clean_pex, add_taps),
            Command("catalog", "Remove kept catalogs; the next run asks the tap", clean_catalog, add_taps),
            Command("state", "The same as `state clear`; history stays", clear_states, clear_arguments),
        ),
    ),
)
