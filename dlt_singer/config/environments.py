"""Which environment is meant, and its settings put together from all layers.

In: documents as read, overlays, variables. Out: merged settings. Pure: whoever calls read the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dlt_singer.config.grammar import KINDS, check, check_name, project_form
from dlt_singer.config.inheritance import inherited
from dlt_singer.config.layers import (
    Overlays,
    Settings,
    find_key,
    merge,
    overlay_layer,
    variables_layer,
    variables_overlay,
)
from dlt_singer.config.secret import Setting, reveal, wrap
from dlt_singer.errors import ConfigError, InheritanceError, did_you_mean

DEFAULT = "default"
WITHOUT_SECTION = (DEFAULT, "dev", "development")
"""Environments that need no section of their own; alto's own defaults are among them."""


@dataclass(frozen=True, slots=True)
class Document:
    """One of alto's files.

    Attributes:
        name: Its name, for errors.
        sections: Environments to settings.
        secret: Whether every value in it is a secret.
    """

    name: str
    sections: Mapping[str, Setting]
    secret: bool = False

    def section(self, env: str) -> tuple[str, Settings]:
        """Return an environment's section as it is called here and its settings, project keys in lower case."""
        name = find_key(env, self.sections) or env
        settings = self.sections.get(name)
        if settings is not None and not isinstance(settings, Mapping):
            raise ConfigError(
                f"'{name}' in {self.name} is a value of type {type(settings).__name__}; expected a mapping.",
                "The top level of the file holds environments, such as `default:`.",
            )
        return name, {key.lower(): value for key, value in (settings or {}).items()}


def choose_environment(
    asked: str | None, variables: Sequence[Mapping[str, str]], overlays: Overlays, documents: Sequence[Document]
) -> str:
    """Return the environment's name: asked for, from `ALTO_ENV`, from an overlay's `env`, or `default`.

    Args:
        asked: The argument.
        variables: Mappings to look up `ALTO_ENV` in, the strongest first.
        overlays: Settings whose `env` counts last, but for that of `arguments`.
        documents: alto's files, whose top level names the environments.

    Returns:
        The name.

    Raises:
        ConfigError: No file has a section of that name.
    """
    named = [asked, _env_of(overlays.arguments), *(each.get("ALTO_ENV") for each in variables)]
    named += [_env_of(overlays.environ), _env_of(overlays.files)]
    env = next((name for name in named if name), DEFAULT)
    known = [name for document in documents for name in document.sections]
    if find_key(env, known) is None and env.lower() not in WITHOUT_SECTION:
        sections = ", ".join(dict.fromkeys(known))
        raise ConfigError(
            f"No environment '{env}' in {documents[0].name}.",
            f"{did_you_mean(env, known)} There are: {sections}.".lstrip(),
        )
    chosen = find_key(env, known) or env
    check_name(chosen, "An environment")
    return chosen


def _env_of(overlay: Settings) -> str | None:
    name = next((reveal(value) for key, value in overlay.items() if key.lower() == "env"), None)
    return name if isinstance(name, str) else None


def stack(documents: Sequence[Document], env: str, *, checked: bool = True) -> Settings:
    """Return what alto's files say for an environment, each file's `default` below its own section.

    Args:
        documents: In order, the lowest first.
        env: The environment.
        checked: Whether unknown keys and misshapen values are refused.

    Returns:
        Merged settings; what comes from a file of secrets is wrapped.

    Raises:
        UnknownKeyError: A key that the grammar does not have.
        ConfigError: A value has the wrong form.
    """
    parts = [
        (document, *document.section(name)) for document in documents for name in dict.fromkeys((DEFAULT, env))
    ]
    targets = {name for *_, settings in parts for name in _mapping(settings.get("targets"))}
    merged: Settings = {}
    for document, name, settings in parts:
        if checked:
            _refuse_misplaced(document)
            check(settings, f"{name}.", document.name, targets)
        layer = _mapping(wrap(settings)) if document.secret else settings
        merged = merge(merged, layer, append=True)
    return merged


def _refuse_misplaced(document: Document) -> None:
    misplaced = [key for key in document.sections if key.lower() in project_form]
    if misplaced and DEFAULT not in document.sections:
        raise ConfigError(
            f"'{misplaced[0]}' stands at the top level of {document.name}, where environments stand.",
            f"Put it under `{DEFAULT}:`.",
        )


def overlaid(settings: Settings, environ: Mapping[str, str], overlays: Overlays) -> Settings:
    """Return settings with all overlays on top, lowest first: files, `ALTO_*`, dlt's variables, arguments.

    Args:
        settings: What alto's files say.
        environ: All environment variables.
        overlays: The rest.

    Returns:
        Merged settings.

    Raises:
        UnknownKeyError: An overlay has a key that the grammar does not have.
        ConfigError: An overlay has a value of the wrong form.
    """
    layers: tuple[tuple[str, Callable[[Settings, str], Settings]], ...] = (
        (".dlt/*.toml [sources.singer]", lambda below, where: overlay_layer(overlays.files, below, where)),
        ("ALTO_* variables", lambda below, _: variables_layer(environ, below)),
        ("SOURCES__SINGER__* variables", lambda below, where: variables_overlay(overlays.environ, below, where)),
        ("arguments", lambda below, where: overlay_layer(overlays.arguments, below, where)),
    )
    for where, layer_over in layers:
        layer = layer_over(_with_inheritance(settings), where)
        check(layer, "", where, _mapping(settings.get("targets")).keys())
        settings = merge(settings, layer)
    return settings


def _with_inheritance(settings: Settings) -> Settings:
    """Return settings whose plugins show inherited keys, for overlays to find the spelling and type of."""
    shown = dict(settings)
    for kind in KINDS:
        plugins = _mapping(settings.get(kind))
        try:
            shown[kind] = {name: inherited(name, plugins, kind)[0] for name in plugins}
        except InheritanceError:
            continue  # Reported when the plugin is asked for.
    return shown


def _mapping(value: Setting) -> Settings:
    return value if isinstance(value, Mapping) else {}
