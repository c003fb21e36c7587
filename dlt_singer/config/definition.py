"""A plugin's settings to a `Plugin`: what is checked, defaulted and refused when a plugin is asked for.

In: the environment's section and a name. Out: `Plugin`, or an error that names the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from dlt_singer._types import JSON
from dlt_singer.config.grammar import KINDS, Keys, check_name, check_value, plugin_form
from dlt_singer.config.inheritance import inherited
from dlt_singer.config.interpolation import Scope, render
from dlt_singer.config.layers import Settings
from dlt_singer.config.partitions import partitions_in
from dlt_singer.config.plugin import PARTITION, Kind, Plugin
from dlt_singer.config.secret import Secret, Setting, reveal, wrap
from dlt_singer.errors import ConfigError, did_you_mean

FROM_PROJECT = (
    "load_path",
    "build",
    "discover",
    "on_error",
    "parallel",
    "reservoir",
    "resume",
    "checkpoint_s",
    "progress",
    "progress_s",
    "summary_table",
    "mask_salt",
)
"""Keys of a project that are defaults for each of its taps."""
_KEEP_WRAPPED = ("config", "environment", "mask_salt", "partitions")
_NOT_YET = ("stream_maps",)


def define(name: str, kind: str, scope: Scope, root: Path, dotenv: Mapping[str, str]) -> Plugin:
    """Return the plugin that a project defines under a name.

    Args:
        name: A name in the map `kind`.
        kind: `taps`, `targets` or `utilities`.
        scope: The environment's section and the variables it may refer to.
        root: The project's directory.
        dotenv: Variables that only `.env` sets.

    Returns:
        The plugin, with inheritance applied and its secrets wrapped.

    Raises:
        InheritanceError: `inherit_from` leads nowhere or round in a circle.
        ConfigError: A value has the wrong form, or the tap has not exactly one of `pip_url` and `command`.
    """
    project = scope.this
    raw, base = inherited(name, _mapping(project.get(kind)), kind)
    path = f"{kind}.{name}"
    check_name(name, f"A plugin of {kind}")
    spec = _rendered(raw, path, scope)
    defaults = {key: render(project[key], key, scope) for key in FROM_PROJECT if project.get(key) is not None}
    plain = _checked({**defaults, **spec}, plugin_form(kind), path)
    _check_program(plain, kind, path)
    _check_no_partition(name, path)
    shared = render(project.get("environment") or {}, "environment", scope)
    fields: dict[str, object] = {
        **_program(plain),
        **_options(plain, root),
        "base": base,
        "environment": {**dotenv, **_mapping(shared), **_mapping(spec.get("environment"))},
        "config": _mapping(spec.get("config")),
        "partitions": partitions_in(_mapping(spec.get("partitions")), f"{path}.partitions"),
        "accents": _accents(spec, _mapping(project.get("targets")), kind),
        "mask_salt": _secret({**defaults, **spec}.get("mask_salt")),
        "settings": spec,
        "unsupported": tuple(f"{path}.{key}" for key in _NOT_YET if plain.get(key)),
    }
    return Plugin(
        name=name,
        kind=cast("Kind", KINDS[kind]),
        root=root,
        **fields,  # type: ignore[arg-type]  # each value has been checked against its form
    )


def _rendered(raw: Settings, path: str, scope: Scope) -> dict[str, Setting]:
    """Return a plugin's settings with the values of what they refer to."""
    # Its load path may be made from the project's; all its other settings see its own.
    load_path = render(raw.get("load_path"), f"{path}.load_path", scope)
    local = Scope(scope.this, scope.environ, load_path)
    whole = {**raw, "load_path": load_path}
    return {key: render(value, f"{path}.{key}", local) for key, value in whole.items() if value is not None}


def _checked(spec: Settings, forms: Keys, path: str) -> dict[str, JSON]:
    plain = {key: reveal(value) for key, value in spec.items() if key in forms and key not in _KEEP_WRAPPED}
    for key, value in plain.items():
        check_value(value, forms[key], f"{path}.{key}")
    for key in _KEEP_WRAPPED:
        if key in forms:
            check_value(spec.get(key), forms[key], f"{path}.{key}")
    return plain


def _check_program(plain: Mapping[str, JSON], kind: str, path: str) -> None:
    given = [key for key in ("pip_url", "command") if plain.get(key)]
    if len(given) > 1:
        raise ConfigError(f"{path} has both a pip_url and a command.", "Keep one of them.")
    if not given and kind == "taps":
        raise ConfigError(
            f"{path} has neither a pip_url nor a command.",
            "Give it `pip_url: <requirement>`, or `command: [<program>, …]` for one that is there already.",
        )


def _check_no_partition(name: str, path: str) -> None:
    if PARTITION in name:
        raise ConfigError(
            f"{path} has a '{PARTITION}' in its name.", "It would name a partition. Call it otherwise."
        )


def _accents(spec: Settings, targets: Settings, kind: str) -> dict[str, Settings]:
    """Return the plugin's settings for targets of the project, by target."""
    return {key: _mapping(spec[key]) for key in spec if key in targets and key not in plugin_form(kind)}


def _program(plain: Mapping[str, JSON]) -> dict[str, object]:
    version = plain.get("_version")
    return {
        "pip_url": _text(plain, "pip_url"),
        "command": _texts(plain, "command"),
        "executable": _text(plain, "executable") or "",
        "entrypoint": _text(plain, "entrypoint"),
        "python": _text(plain, "python"),
        "version": None if version is None else str(version),
    }


def _options(plain: Mapping[str, JSON], root: Path) -> dict[str, object]:
    catalog = _text(plain, "catalog")
    deletes = plain.get("deletes")
    capabilities = plain.get("capabilities")
    return {
        "capabilities": None if capabilities is None else _capabilities(_texts(plain, "capabilities")),
        "select": _texts(plain, "select") or ("*.*",),
        "streams": _texts(plain, "streams"),
        "catalog": root / Path(catalog).expanduser() if catalog else None,
        "deletes": "off" if deletes is False else deletes,
        "progress": plain.get("progress", "auto") or "off",
        "mask": _mask(plain),
        **{key: plain[key] for key in _AS_THEY_ARE if plain.get(key) is not None},
    }


def _capabilities(names: tuple[str, ...]) -> frozenset[str]:
    """Refuse a name that is nearly one we act on; taps and hubs have many others."""
    for name in names:
        if name not in _ACTED_ON and (hint := did_you_mean(name, _ACTED_ON)):
            raise ConfigError(f"`capabilities` has '{name}', which is none.", hint)
    return frozenset(names)


_ACTED_ON = ("catalog", "discover", "properties", "state")

_AS_THEY_ARE = (
    "metadata", "schema", "load_path", "version_column", "max_table_nesting", "backend", "build",
    "discover", "discover_timeout_s", "timeout_s", "idle_timeout_s", "max_line_bytes", "parallel",
    "reservoir", "resume", "on_error", "checkpoint_s",
    "progress_s", "summary_table",
)  # fmt: skip


def _mask(plain: Mapping[str, JSON]) -> dict[str, JSON]:
    rules = plain.get("mask")
    # YAML reads a bare `null` as nothing.
    return {rule: effect or "null" for rule, effect in rules.items()} if isinstance(rules, Mapping) else {}


def _secret(value: Setting) -> Secret | None:
    """Wrap a value that is a secret wherever it stands."""
    wrapped = wrap(value)
    return wrapped if isinstance(wrapped, Secret) else None


def _text(plain: Mapping[str, JSON], key: str) -> str | None:
    value = plain.get(key)
    return value if isinstance(value, str) else None


def _texts(plain: Mapping[str, JSON], key: str) -> tuple[str, ...]:
    match plain.get(key):
        case str() as text:
            return (text,)
        case list() as texts:
            return tuple(map(str, texts))
        case _:
            return ()


def _mapping(value: Setting) -> Settings:
    return value if isinstance(value, Mapping) else {}
