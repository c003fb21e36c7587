"""Commands that show what a project says: `list`, `config`, `about`, `dump`. Nothing is started but by `about`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON, JSONObject
from dlt_singer.cli.command import Command, Parser, UsageError
from dlt_singer.cli.place import find_plugin, open_project, open_tap, suggest
from dlt_singer.cli.screen import add_json, as_json, pairs, show, table

if TYPE_CHECKING:
    from dlt_singer.config import Plugin, Project


def list_plugins(arguments: argparse.Namespace) -> None:
    """Show every plugin: what it is made from, whether it is built, how old its catalog is."""
    project = open_project()
    broken: dict[str, JSON] = {}
    taps = [_tap_row(plugin, project) for plugin in _usable(project.taps, broken)]
    others = [
        {"name": plugin.name, "kind": plugin.kind, "from": _origin(plugin)}
        for plugins in (project.targets, project.utilities)
        for plugin in _usable(plugins, broken)
    ]
    document: JSON = {
        "project": str(project.file),
        "env": project.env,
        "taps": taps,
        "others": others,
        "broken": broken,
    }
    lines = [f"{project.file}, environment {project.env}", ""]
    if taps:
        headers = ("tap", "built", "streams", "catalog", "from")
        rows = [[tap["name"], tap["built"], tap["streams"] or "", tap["catalog"], tap["from"]] for tap in taps]
        lines.append(table(headers, rows))
    elif not project.taps:
        lines.append("No taps yet. Add one: dlt-singer add tap-<name>")
    if others:
        lines += ["", "Not run here (dlt loads; `dlt-singer invoke` starts a utility):"]
        lines.append(
            table(("plugin", "kind", "from"), [[each["name"], each["kind"], each["from"]] for each in others])
        )
    if broken:
        lines += ["", "Not to be used as they are written:", *(f"  {name}: {why}" for name, why in broken.items())]
    show(arguments, document, "\n".join(lines))


def show_config(arguments: argparse.Namespace) -> None:
    """Show a plugin's settings as they apply, secrets masked."""
    project = open_project()
    name, tap = arguments.plugin, arguments.tap
    if not any(name in plugins for plugins in (project.taps, project.targets, project.utilities)):
        name, _, joined = name.partition("--")
        tap = tap or joined
    plugin = find_plugin(project.feeding(tap) if tap else project, name)
    config = plugin.public_config()
    if tap:
        if plugin.kind != "target":
            raise UsageError(f"Only a target's config differs by tap; '{name}' is a {plugin.kind}.")
        from dlt_singer.config import mask

        config |= dict(cast("JSONObject", mask(project.tap(tap).accents.get(name, {}))))
    settings = {key: value for key, value in plugin.public_settings().items() if key != "config"}
    document: JSON = {"name": plugin.name, "kind": plugin.kind, "config": config, "settings": settings}
    text = [f"{plugin.name} ({plugin.kind}, environment {project.env})", "", "config:"]
    text += [_indented(config) or "  (none)", "", "other settings:", _indented(settings)]
    show(arguments, document, "\n".join(text))


def show_about(arguments: argparse.Namespace) -> None:
    """Ask a tap what it can do and which settings it takes."""
    tap = open_tap(arguments.tap, whole=True)
    about = tap.about()
    settings = setting_rows(about.settings, tap.plugin.config)
    document: JSON = {
        "name": tap.name,
        "capabilities": sorted(about.capabilities),
        "settings": cast("JSON", settings),
    }
    lines = [f"{tap.name} can: {', '.join(sorted(about.capabilities)) or 'does not say'}"]
    if settings:
        rows = [
            [("* " if row["required"] else "  ") + str(row["name"]), row["type"], row["set"], row["description"]]
            for row in settings
        ]
        lines += ["", table(("  setting", "type", "set", "description"), rows), "", "* required"]
    else:
        lines.append("It does not say which settings it takes.")
    show(arguments, document, "\n".join(lines))


def setting_rows(settings: JSONObject, config: Mapping[str, object]) -> list[dict[str, JSON]]:
    """Return what is to be known of each setting of a tap, the required ones first.

    Args:
        settings: JSON schema of the tap's config.
        config: What is set.
    """
    properties = settings.get("properties")
    required = settings.get("required")
    needed = set(map(str, required)) if isinstance(required, list) else set()
    rows: list[dict[str, JSON]] = []
    for name, schema in (properties if isinstance(properties, Mapping) else {}).items():
        described = schema if isinstance(schema, Mapping) else {}
        kinds = described.get("type")
        names = (
            [str(kind) for kind in kinds if kind != "null"] if isinstance(kinds, list) else [str(kinds or "any")]
        )
        row: dict[str, JSON] = {
            "name": name,
            "type": " or ".join(names),
            "required": name in needed,
            "set": name in config,
            "secret": described.get("secret") is True or described.get("writeOnly") is True,
            "default": described.get("default"),
            "description": " ".join(str(described.get("description") or described.get("title") or "").split()),
        }
        rows.append(row)
    return sorted(rows, key=lambda row: not row["required"])


def dump(arguments: argparse.Namespace) -> None:
    """Print the rendered configuration, or a part of it."""
    value: JSON = open_project().public_settings()
    if not arguments.keys:
        value = {"default": value}
    for key in arguments.keys:
        if not isinstance(value, Mapping) or key not in value:
            known = list(value) if isinstance(value, Mapping) else []
            raise UsageError(f"The configuration has no '{key}' there. {suggest(key, known)}")
        value = value[key]
    print(as_json(value))


def _usable(plugins: Mapping[str, Plugin], broken: dict[str, JSON]) -> Iterator[Plugin]:
    """Yield the plugins whose settings hold; note of the others why theirs do not."""
    from dlt_singer.errors import ConfigError

    for name in plugins:
        try:
            yield plugins[name]
        except ConfigError as err:
            broken[name] = err.reason


def _tap_row(plugin: Plugin, project: Project) -> dict[str, JSON]:
    from dlt_singer.errors import SingerError
    from dlt_singer.tap import Tap

    try:
        kept = Tap(plugin, project).kept_catalog()
    except SingerError:
        kept = None
    return {
        "name": plugin.name,
        "from": _origin(plugin),
        "built": _built(plugin, project),
        "streams": len(kept.catalog.streams) if kept else None,
        "catalog": kept.age if kept else "not discovered",
        "discovered_at": kept.discovered_at.isoformat() if kept and kept.discovered_at else None,
    }


def _built(plugin: Plugin, project: Project) -> str:
    from dlt_singer.errors import SingerError
    from dlt_singer.pex import find_built
    from dlt_singer.tap.executable import build_of, plugin_cache

    if plugin.command:
        return "command"
    try:
        return "yes" if find_built(build_of(plugin, project), plugin_cache(project)) else "no"
    except SingerError:
        return "cannot"


def _origin(plugin: Plugin) -> str:
    from dlt_singer.storage import redact_url

    return redact_url(plugin.pip_url or " ".join(plugin.command)) or plugin.executable


def _indented(values: Mapping[str, JSON]) -> str:
    shown = {
        f"  {key}": v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for key, v in values.items()
    }
    return pairs(shown)


def _list_arguments(parser: Parser) -> None:
    add_json(parser)


def _config_arguments(parser: Parser) -> None:
    parser.add_argument("plugin", help="name of a tap, target or utility")
    parser.add_argument("--tap", metavar="NAME", help="a target's config as this tap overrides it")
    add_json(parser)


def _about_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    add_json(parser)


def _dump_arguments(parser: Parser) -> None:
    parser.add_argument("keys", nargs="*", metavar="key", help="keys that lead to a part, such as `taps tap-x`")
    parser.add_argument("--json", action="store_true", help="as always: the output is JSON")


COMMANDS = (
    Command("list", "Taps, what they are built from, and their catalogs", list_plugins, _list_arguments),
    Command("config", "A plugin's settings as they apply, secrets masked", show_config, _config_arguments),
    Command("about", "What a tap can do, and which settings it takes", show_about, _about_arguments),
    Command("dump", "The whole configuration as JSON, secrets masked", dump, _dump_arguments),
)
