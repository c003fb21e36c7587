"""`meltano.yml` as a project here: extractors become taps, the rest is named. Pure.

In: the parsed file and the parsed lock files of its extractors. Out: the sections of an `alto.yaml`, and a sentence
for everything that is left out or wants a look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dlt_singer._types import JSON, JSONObject

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>[A-Z_]\w*))")
_COPIED = ("pip_url", "executable", "python", "inherit_from", "metadata", "schema", "catalog")
_RENAMED = {"load_schema": "load_path", "env": "environment"}
_WITHOUT_EFFECT = frozenset({
    "name", "namespace", "variant", "label", "description", "docs", "repo", "logo_url", "settings", "capabilities",
    "settings_group_validation", "commands", "requires", "use_cached_catalog", "config", "select", "select_filter",
    "state", "inherit_from", "config_files", "keywords", "maintenance_status", "definition",
})  # fmt: skip


@dataclass
class Conversion:
    """A project made from Meltano's.

    Attributes:
        sections: Environments to settings, as in `alto.yaml`.
        notes: What was left out, and what to look at.
    """

    sections: dict[str, JSON] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def from_meltano(document: JSONObject, locks: Mapping[str, JSONObject]) -> Conversion:
    """Return a Meltano project as one of ours.

    Args:
        document: `meltano.yml`.
        locks: The lock file of each extractor that has one, by name.

    Example:
        >>> meltano = {"plugins": {"extractors": [{"name": "tap-x", "pip_url": "tap-x", "config": {"key": "$X"}}]}}
        >>> from_meltano(meltano, {}).sections["default"]["taps"]
        {'tap-x': {'pip_url': 'tap-x', 'config': {'key': '@format {env[X]}'}}}
    """
    made = Conversion()
    plugins = _mapping(document.get("plugins"))
    extractors = {str(each.get("name")): each for each in _mappings(plugins.get("extractors"))}
    taps = {name: _tap(name, each, extractors, locks, made) for name, each in extractors.items()}
    made.sections["default"] = {"taps": taps}
    for environment in _mappings(document.get("environments")):
        configured = _mapping(_mapping(environment.get("config")).get("plugins"))
        overrides = {
            str(each.get("name")): _settings(str(each.get("name")), each, made)
            for each in _mappings(configured.get("extractors"))
        }
        name = str(environment.get("name"))
        if name != "default":
            made.sections[name] = {"taps": {tap: keys for tap, keys in overrides.items() if keys}}
        elif overrides:
            made.notes.append("environment 'default' is left out: here it is what applies everywhere.")
    made.notes += _left_out(document, plugins)
    return made


def _tap(
    name: str,
    extractor: JSONObject,
    extractors: Mapping[str, JSONObject],
    locks: Mapping[str, JSONObject],
    made: Conversion,
) -> JSONObject:
    tap = _settings(name, extractor, made)
    if "inherit_from" in tap and tap["inherit_from"] not in extractors:
        # Meltano inherits from its hub as well; here a tap of the file is meant.
        locks = {**locks, name: {**locks.get(str(tap["inherit_from"]), {}), **locks.get(name, {})}}
        made.notes.append(
            f"{name}: inherits from '{tap.pop('inherit_from')}' of Meltano's hub; made a tap of its own."
        )
    if "pip_url" in tap or "inherit_from" in tap:
        return tap
    lock = locks.get(name, {})
    if not lock.get("pip_url"):
        made.notes.append(f"{name}: has no pip_url; '{name}' is a guess. Look at it.")
    found: dict[str, JSON] = {"pip_url": lock.get("pip_url") or name}
    if lock.get("executable"):
        found["executable"] = lock["executable"]
    return {**found, **tap}


def _settings(name: str, extractor: JSONObject, made: Conversion) -> dict[str, JSON]:
    """Return an extractor's keys in our words."""
    tap: dict[str, JSON] = {key: _referring(extractor[key]) for key in _COPIED if extractor.get(key) is not None}
    tap |= {ours: _referring(extractor[key]) for key, ours in _RENAMED.items() if extractor.get(key) is not None}
    rules = [str(rule) for rule in _list(extractor.get("select"))]
    if rules:
        # There excludes win wherever they stand; here the last rule does.
        tap["select"] = [*(r for r in rules if not r.startswith("!")), *(r for r in rules if r.startswith("!"))]
    for rule in map(str, _list(extractor.get("select_filter"))):
        made.notes.append(f"{name}: select_filter '{rule}' is left out; say it in `select` or `streams`.")
    config = _mapping(extractor.get("config"))
    if config:
        tap["config"] = _referring(_nested(config))
    for key in extractor:
        if key not in _WITHOUT_EFFECT and key not in _COPIED and key not in _RENAMED:
            made.notes.append(f"{name}: '{key}' is left out.")
    return tap


def _left_out(document: JSONObject, plugins: JSONObject) -> Iterator[str]:
    for kind in plugins:
        if kind == "extractors":
            continue
        hint = "dlt loads: `dlt-singer run <tap> --destination ...`" if kind == "loaders" else "not run here"
        yield from (f"{each.get('name')} ({kind}) is left out: {hint}." for each in _mappings(plugins[kind]))
    for what in ("jobs", "schedules"):
        for each in _mappings(document.get(what)):
            yield f"{what[:-1]} '{each.get('name')}' is left out; cron or an orchestrator starts `dlt-singer run`."


def _nested(config: JSONObject) -> dict[str, JSON]:
    """Return a config in which `auth.token` stands as `token` in `auth`."""
    nested: dict[str, JSON] = {}
    for key, value in config.items():
        at = nested
        *parents, leaf = key.split(".")
        for parent in parents:
            below = at.setdefault(parent, {})
            if not isinstance(below, dict):
                below = at[parent] = {}
            at = below
        at[leaf] = value
    return nested


def _referring(value: JSON) -> JSON:
    """Return a value in which `$NAME` is alto's reference to the variable."""
    match value:
        case str() if _VARIABLE.search(value):
            return "@format " + _VARIABLE.sub(lambda found: f"{{env[{found['braced'] or found['bare']}]}}", value)
        case Mapping():
            return {key: _referring(child) for key, child in value.items()}
        case list():
            return [_referring(child) for child in value]
        case _:
            return value


def _mapping(value: JSON) -> JSONObject:
    return value if isinstance(value, Mapping) else {}


def _list(value: JSON) -> Sequence[JSON]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _mappings(value: JSON) -> list[JSONObject]:
    return [each for each in _list(value) if isinstance(each, Mapping)]
