"""What `add` does: look for the package, build it, ask it, write it down, and say what to do next.

Nothing is written before the tap has been built and has answered.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlt_singer._types import JSON, JSONObject
from dlt_singer.cli.command import UsageError
from dlt_singer.cli.place import open_project
from dlt_singer.cli.screen import say
from dlt_singer.cli.show import setting_rows
from dlt_singer.errors import PluginBuildError, did_you_mean

if TYPE_CHECKING:
    from dlt_singer.config import Plugin, Project
    from dlt_singer.tap import About

_VARIANTS = ("{name}", "meltanolabs-{name}")
_OF_EVERY_SDK_TAP = (
    "stream_maps", "stream_map_config", "faker_config", "flattening_enabled", "flattening_max_depth",
    "flattening_max_key_length", "batch_config",
)  # fmt: skip
_MOST_COMMENTS = 25
_LONGEST = 70


@dataclass(frozen=True, slots=True)
class Added:
    """What was added, and what is left to do."""

    name: str
    pip_url: str
    file: Path
    secrets_file: Path | None
    missing: tuple[str, ...]
    missing_names: tuple[str, ...]
    next: tuple[str, ...]


def add_tap(arguments: argparse.Namespace) -> Added:
    """Add a tap to the project.

    Args:
        arguments: Those of `add`.

    Raises:
        UsageError: The tap is there already, or a setting is unknown.
        PluginBuildError: No package of its name can be built.
    """
    project = open_project()
    name = arguments.name
    if name in project.taps:
        raise UsageError(f"{project.file.name} has {name} already; change it there.")
    plugin = _found(project, arguments)
    about = _asked(plugin, project)
    settings = setting_rows(about.settings, {})
    given = _given(arguments.set, settings)
    secrets = {key: value for key, value in given.items() if _is_secret(key, settings)}
    plain = {key: value for key, value in given.items() if key not in secrets}
    tap: dict[str, JSON] = {"pip_url": plugin.pip_url}
    if plugin.python:
        tap["python"] = plugin.python
    if plain:
        tap["config"] = plain
    _write(project.file, name, tap, _comments(settings, given))
    secrets_file = None
    if secrets:
        secrets_file = project.root / f"alto.secrets{project.file.suffix}"
        _write(secrets_file, name, {"config": secrets}, ())
    missing = [row for row in settings if row["required"] and row["name"] not in given and row["default"] is None]
    return Added(
        name,
        str(plugin.pip_url),
        project.file,
        secrets_file,
        tuple(_described(row) for row in missing),
        tuple(str(row["name"]) for row in missing),
        tuple(_next(project, name, missing)),
    )


def _found(project: Project, arguments: argparse.Namespace) -> Plugin:
    """Return the tap as its first package that can be built defines it."""
    from dlt_singer.config import Plugin
    from dlt_singer.tap.executable import built

    given = arguments.pip_url
    variants = _VARIANTS if arguments.name.startswith("tap-") else ("{name}",)
    candidates = [given] if given else [variant.format(name=arguments.name) for variant in variants]
    failures: list[PluginBuildError] = []
    for pip_url in candidates:
        plugin = Plugin(arguments.name, root=project.root, pip_url=pip_url, python=arguments.python)
        try:
            built(plugin, project)
        except PluginBuildError as err:
            failures.append(err)
            if not given:
                say(f"{arguments.name}: not as '{pip_url}'")
        else:
            return plugin
    if given:
        raise failures[0]
    tried = " and ".join(f"'{candidate}'" for candidate in candidates)
    unknown = "not found in the package registry" in failures[0].reason
    where = f"dlt-singer add {arguments.name} --pip-url <requirement, directory or git+https://...>"
    raise PluginBuildError(
        f"No package for {arguments.name}: {tried} cannot be built. {failures[0].reason}",
        f"Say where it is: {where}" if unknown else failures[0].remedy,
    )


def _asked(plugin: Plugin, project: Project) -> About:
    from dlt_singer.tap import Tap

    return Tap(plugin, project).about()


def _given(words: Sequence[str], settings: Sequence[JSONObject]) -> dict[str, JSON]:
    import yaml

    types = {str(row["name"]): str(row["type"]) for row in settings}
    given: dict[str, JSON] = {}
    for word in words:
        key, separator, text = word.partition("=")
        if not separator:
            raise UsageError(f"--set {word}: write it as KEY=VALUE.")
        if types and key not in types:
            raise UsageError(f"The tap has no setting '{key}'. {did_you_mean(key, types)}".rstrip())
        try:
            given[key] = text if types.get(key) == "string" else yaml.safe_load(text)
        except yaml.YAMLError:
            raise UsageError(f"--set {key}=...: the value is no YAML. Put it in quotes.") from None
    return given


def _is_secret(key: str, settings: Sequence[JSONObject]) -> bool:
    from dlt_singer.config import looks_secret

    return looks_secret(key) or any(row["name"] == key and row["secret"] is True for row in settings)


def _comments(settings: Sequence[JSONObject], given: Mapping[str, JSON]) -> list[str]:
    """Return lines that show the settings which are not set, the required ones first."""
    rows = [
        row
        for row in settings
        if row["name"] not in given and str(row["name"]).partition(".")[0] not in _OF_EVERY_SDK_TAP
    ]
    lines = []
    for row in rows[:_MOST_COMMENTS]:
        notes = [str(row["type"]), *(["required"] if row["required"] else [])]
        if _is_secret(str(row["name"]), settings):
            notes.append("secret: not here, but in alto.secrets.yaml or .dlt/secrets.toml")
        lines.append(f"{row['name']}:  # {', '.join(notes)}. {_short(str(row['description']))}".rstrip())
    if len(rows) > _MOST_COMMENTS:
        lines.append(f"and {len(rows) - _MOST_COMMENTS} more: dlt-singer about <this tap>")
    return lines


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"


def _described(row: JSONObject) -> str:
    return f"{row['name']} ({row['type']})  {_short(str(row['description']))}".rstrip()


def _next(project: Project, name: str, missing: Sequence[JSONObject]) -> list[str]:
    hints = []
    for row in missing:
        if _is_secret(str(row["name"]), [row]):
            section = name.replace("-", "_")
            hints.append(f"put {row['name']} into .dlt/secrets.toml, [sources.singer.{section}.config]")
        else:
            hints.append(f"set {row['name']} in {project.file.name}, under default.taps.{name}.config")
    return [*hints, f"dlt-singer catalog {name}", f"dlt-singer run {name}"]


def _write(file: Path, name: str, tap: Mapping[str, JSON], comments: Sequence[str]) -> None:
    from dlt_singer.config.edit import with_tap

    text = file.read_text(encoding="utf-8") if file.exists() else ""
    changed = with_tap(text, file, name, tap, comments)
    if not file.exists() and "secrets" in file.name:
        file.touch(mode=0o600)
    file.write_text(changed, encoding="utf-8")
