"""What a tap can do and which settings it takes: from `--about --format=json`, else from its `--help`.

Asked once per definition of a plugin and kept in the store; a plugin that declares its capabilities is not asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from dlt_singer._types import JSON, JSONObject
from dlt_singer.config import Plugin, Project
from dlt_singer.tap.fingerprint import definition_fingerprint
from dlt_singer.tap.launch import Arguments, running, store_of

_ASK_TIMEOUT_S = 60.0
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


def about(plugin: Plugin, project: Project) -> About:
    """Return what the tap can do, asking it at most once."""
    if plugin.capabilities is not None:
        return About(plugin.capabilities)
    key, fingerprint = f"catalogs/{plugin.name}.about.json", definition_fingerprint(plugin)
    store = store_of(project)
    kept = json.loads(store.read(key) or b"{}")
    if kept.get("fingerprint") != fingerprint:
        found = _ask(plugin, project)
        kept = {
            "fingerprint": fingerprint,
            "capabilities": sorted(found.capabilities),
            "settings": found.settings,
        }
        store.write(key, json.dumps(kept, indent=2).encode())
    return About(frozenset(kept["capabilities"]), kept["settings"])


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
    kind = setting.get("type") if isinstance(setting, Mapping) else None
    kinds = {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()
    if not isinstance(value, str) or not kinds or "string" in kinds:
        return value
    try:
        decoded: JSON = json.loads(value.lower() if "boolean" in kinds else value)
    except ValueError:
        return value
    matches = {
        "integer": type(decoded) is int,
        "number": type(decoded) in {int, float},
        "boolean": type(decoded) is bool,
        "object": isinstance(decoded, dict),
        "array": isinstance(decoded, list),
    }
    return decoded if any(matches.get(kind, False) for kind in kinds) else value


def _ask(plugin: Plugin, project: Project) -> About:
    try:
        document = json.loads(_output(plugin, project, "--about", "--format=json"))
        capabilities = frozenset(map(str, document["capabilities"]))
    except (ValueError, KeyError, TypeError):
        text = _output(plugin, project, "--help")
        return About(frozenset(flag for flag in _FLAGS if f"--{flag}" in text))
    return About(capabilities, document.get("settings") or {})


def _output(plugin: Plugin, project: Project, *flags: str) -> str:
    """Run the tap for what it prints; a tap that fails or hangs has printed nothing."""
    with running(plugin, project, Arguments(flags)) as (process, log):
        log.mute()
        ended = process.communicate(_ASK_TIMEOUT_S)
        return ended[0].decode(errors="replace") if ended is not None and ended[1] == 0 else ""
