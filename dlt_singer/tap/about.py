"""What a tap can do and which settings it takes: from `--about --format=json`, else from its `--help`.

Asked once per definition of a plugin and kept in the store; a plugin that declares its capabilities is not asked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog import Catalog
from dlt_singer.config import Plugin, Project
from dlt_singer.tap.executable import store_of
from dlt_singer.tap.fingerprint import definition_fingerprint
from dlt_singer.tap.launch import Arguments, running
from dlt_singer.tap.log import warn

_ASK_TIMEOUT_S = 60.0
_BOOLEANS = {"true": "true", "false": "false"}
_FLAGS = ("catalog", "properties", "discover", "state")


@dataclass(frozen=True, slots=True)
class About:
    """What a tap says of itself.

    Attributes:
        capabilities: Such as `catalog`, `properties`, `discover`, `state`.
        settings: JSON schema of its config; empty if it does not say.
    """

    capabilities: frozenset[str]
    settings: JSONObject = field(default_factory=dict)

    @property
    def catalog_option(self) -> str | None:
        """The option that hands over a catalog; None if the tap takes none."""
        if "catalog" in self.capabilities:
            return "--catalog"
        return "--properties" if "properties" in self.capabilities else None

    @property
    def discovers(self) -> bool:
        """Whether `--discover` works: a tap that takes a catalog has one to give, as Singer has it."""
        return bool({"catalog", "properties", "discover"} & self.capabilities)

    def documents(self, config: Mapping[str, JSON], catalog: Catalog | None) -> dict[str, JSON]:
        """Return what the tap is handed for a sync, by option.

        Args:
            config: Its settings.
            catalog: What it shall sync; left out for a tap that takes none.
        """
        documents: dict[str, JSON] = {"--config": cast_config(config, self.settings)}
        if catalog is not None and self.catalog_option is not None:
            documents[self.catalog_option] = catalog.to_json()
        return documents


def about(plugin: Plugin, project: Project) -> About:
    """Return what the tap can do, asking it at most once."""
    if plugin.capabilities is not None:
        return About(plugin.capabilities)
    return asked_about(plugin, project)


def kept_about(plugin: Plugin, project: Project) -> About | None:
    """Return what the tap said of itself if it has been asked; starts nothing."""
    document = store_of(project).read(about_key(plugin)) or b"{}"
    return _kept(document, definition_fingerprint(plugin))


def asked_about(plugin: Plugin, project: Project) -> About:
    """Return what the tap says of itself, whatever the plugin declares; asks it at most once."""
    key, fingerprint = about_key(plugin), definition_fingerprint(plugin)
    store = store_of(project)
    found = _kept(store.read(key) or b"{}", fingerprint)
    if found is None:
        found = _ask(plugin, project)
        document = {
            "fingerprint": fingerprint,
            "capabilities": sorted(found.capabilities),
            "settings": found.settings,
        }
        # A tap that could not say may say it the next time.
        if found.capabilities:
            store.write(key, json.dumps(document, indent=2).encode())
    return found


def about_key(plugin: Plugin) -> str:
    """Return where in the store it is kept what a tap says of itself."""
    return f"catalogs/{plugin.tap_name}.about.json"


def _kept(text: bytes, fingerprint: str) -> About | None:
    try:
        document = json.loads(text)
        return _read(document) if document["fingerprint"] == fingerprint else None
    except (ValueError, KeyError, TypeError):
        return None


def _read(document: JSONObject) -> About:
    capabilities, settings = document["capabilities"], document.get("settings")
    if not isinstance(capabilities, list):
        raise TypeError("capabilities")
    return About(frozenset(map(str, capabilities)), settings if isinstance(settings, Mapping) else {})


def cast_config(config: Mapping[str, JSON], settings: JSONObject) -> dict[str, JSON]:
    """Turn texts into the numbers and booleans a tap's settings ask for: environment variables are all text.

    Example:
        >>> cast_config({"port": "5432"}, {"properties": {"port": {"type": ["integer", "null"]}}})
        {'port': 5432}
    """
    properties = settings.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    return {key: _cast(value, known.get(key)) for key, value in config.items()}


def _cast(value: JSON, setting: JSON) -> JSON:
    if isinstance(value, Mapping) and isinstance(setting, Mapping):
        return cast_config(value, setting)
    kind = setting.get("type") if isinstance(setting, Mapping) else None
    kinds = {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()
    if not isinstance(value, str) or not kinds or "string" in kinds:
        return value
    try:
        decoded: JSON = json.loads(_BOOLEANS.get(value.strip().lower(), value) if "boolean" in kinds else value)
    except ValueError:
        return value
    matches = {
        "integer": type(decoded) is int,
        "number": type(decoded) is int or (type(decoded) is float and math.isfinite(decoded)),
        "boolean": type(decoded) is bool,
        "object": isinstance(decoded, dict),
        "array": isinstance(decoded, list),
    }
    return decoded if any(matches.get(kind, False) for kind in kinds) else value


def _ask(plugin: Plugin, project: Project) -> About:
    output, _ = _output(plugin, project, "--about", "--format=json")
    try:
        return _read(json.loads(output))
    except (ValueError, KeyError, TypeError):
        text, last_words = _output(plugin, project, "--help")
    found = About(frozenset(flag for flag in _FLAGS if f"--{flag}" in text))
    if not found.capabilities:
        warn(
            f"{plugin.name} says neither with --about nor with --help what it can do. If it does not start at all, "
            "it may want another `python:` or version; if it is fine otherwise, "
            f"set its 'capabilities', such as [catalog, discover, state]. {last_words}"
        )
    return found


def _output(plugin: Plugin, project: Project, *flags: str) -> tuple[str, str]:
    """Run the tap for what it prints, on stdout and last on stderr; one that fails or hangs has printed nothing."""
    with running(plugin, project, Arguments(flags)) as (process, log):
        log.mute()
        ended = process.communicate(_ASK_TIMEOUT_S)
        output = ended[0] if ended is not None and ended[1] == 0 else b""
        return output.decode(errors="replace"), log.last_words()
