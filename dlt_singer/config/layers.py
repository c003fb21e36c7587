"""Layers of settings, merged: files, then `ALTO_*`, dlt's variables and Python arguments.

In: mappings as they were read. Out: one mapping shaped like an environment's section of `alto.yaml`.
In alto's own files lists append, as in alto; every other layer replaces a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dlt_singer.config.casting import cast_like, cast_literal
from dlt_singer.config.grammar import KINDS, MEANT_FOR_OTHERS, Form, plugin_form, project_form
from dlt_singer.config.secret import Secret, Setting, wrap
from dlt_singer.errors import UnknownKeyError, did_you_mean

Settings = Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Overlays:
    """What lies over alto's own files, each in the shape of dlt's `[sources.singer]`.

    Project keys stand at the top, plugin keys under the tap's name as an identifier (`tap_x` for `tap-x`).

    Attributes:
        files: From `.dlt/config.toml`, then `secrets.toml`; secret values wrapped in `Secret`.
        environ: From `SOURCES__SINGER__…` variables; keys in any case, values are text.
        arguments: From Python.
    """

    files: Settings = field(default_factory=dict)
    environ: Settings = field(default_factory=dict)
    arguments: Settings = field(default_factory=dict)


def merge(base: Settings, over: Settings, *, append: bool = False, path: tuple[str, ...] = ()) -> Settings:
    """Return `base` with `over` laid on top: mappings merge deeply, other values replace.

    Of `pip_url` and `command` a plugin has one, so giving one removes the other below. What replaces a
    secret is a secret.

    Args:
        base: The lower layer.
        over: The higher layer.
        append: Whether lists append instead; a `command` is one value and never does.
        path: Keys that lead here from the environment's section.

    Returns:
        A new mapping.
    """
    merged = dict(base)
    if len(path) == 2 and path[0] in KINDS:  # noqa: PLR2004 - taps.<name>
        for given, other in (("pip_url", "command"), ("command", "pip_url")):
            if over.get(given) is not None and over.get(other) is None:
                merged.pop(other, None)
    for key, value in over.items():
        merged[key] = _merge_value(merged.get(key), value, append=append, path=(*path, key))
    return merged


def _merge_value(below: Setting, above: Setting, *, append: bool, path: tuple[str, ...]) -> Setting:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return merge(below, above, append=append, path=path)
    is_command = path[0] in KINDS and path[2:] == ("command",)
    if append and isinstance(below, list) and isinstance(above, list) and not is_command:
        return [*below, *above]
    return wrap(above) if isinstance(below, Secret) else above


def find_key(key: str, known: Iterable[str]) -> str | None:
    """Return the known key that `key` means: itself, or one that differs in case or `_` for `-`."""
    known = list(known)
    if key in known:
        return key
    return next((candidate for candidate in known if _folded(candidate) == _folded(key)), None)


def _folded(key: str) -> str:
    return key.lower().replace("-", "_")


def identifier(name: str) -> str:
    """Return a plugin's name as it is written in dlt's configuration: `tap_x` for `tap-x`."""
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def variables_layer(environ: Mapping[str, str], below: Settings) -> Settings:
    """Return the layer that `ALTO_<KEY>__<KEY>` variables make.

    A variable that is close to no project key belongs to somebody else and is left alone.

    Args:
        environ: All environment variables.
        below: The layers so far, whose keys the variables' names are matched with.

    Returns:
        Settings keyed as below; keys that are new are in lower case.

    Raises:
        UnknownKeyError: A variable's first part looks like a misspelt project key.
        ConfigError: A token such as `@int` does not fit its text.
    """
    layer: Settings = {}
    for name in sorted(environ):
        keys = name.removeprefix("ALTO_").split("__")
        if not name.startswith("ALTO_") or name in MEANT_FOR_OTHERS or not all(keys):
            continue
        known = {*below, *project_form.names()}
        if find_key(keys[0], known) is None:
            if hint := did_you_mean(keys[0].lower(), project_form.names()):
                raise UnknownKeyError(f"Unknown key '{keys[0].lower()}' in variable {name}.", hint)
            continue
        *parents, last = keys
        tree: Settings = {last: cast_literal(environ[name], name)}
        for key in reversed(parents):
            tree = {key: tree}
        layer = merge(layer, _spelt_as(tree, below))
    return layer


def _spelt_as(tree: Settings, below: Setting) -> Settings:
    known = below if isinstance(below, Mapping) else {}
    spelt: dict[str, Setting] = {}
    for key, value in tree.items():
        name = find_key(key, known) or key.lower()
        spelt[name] = _spelt_as(value, known.get(name)) if isinstance(value, Mapping) else value
    return spelt


def overlay_layer(overlay: Settings, below: Settings, where: str) -> Settings:
    """Return a layer in the project's own shape from one in the shape of `[sources.singer]`.

    Args:
        overlay: Project keys, and plugin keys under each tap's identifier.
        below: The layers so far.
        where: What to call the overlay in errors.

    Returns:
        Project keys, and `taps.<name>` for each tap.

    Raises:
        UnknownKeyError: A key is neither a project key nor a tap.
    """
    taps = below.get("taps")
    names = {identifier(name): name for name in taps} if isinstance(taps, Mapping) else {}
    layer: dict[str, Setting] = {}
    plugins: dict[str, Setting] = {}
    for key, value in overlay.items():
        if (tap := names.get(identifier(key))) is not None:
            plugins[tap] = value
        elif (project_key := find_key(key, project_form.names())) is not None:
            layer[project_key] = value
        else:
            known = sorted({*project_form.names(), *names})
            raise UnknownKeyError(
                f"Unknown key '{key}' in {where}.",
                f"{did_you_mean(identifier(key), known)} Known there: {', '.join(known)}.".lstrip(),
            )
    layer.pop("env", None)  # It has chosen the environment by now.
    return merge(layer, {"taps": plugins}) if plugins else layer


def variables_overlay(overlay: Settings, below: Settings, where: str) -> Settings:
    """Return the layer that dlt's variables make: as `overlay_layer`, but with keys in any case and typed text.

    Args:
        overlay: Project keys, and plugin keys under each tap's identifier; values are text.
        below: The layers so far, whose keys and types the variables take.
        where: What to call the overlay in errors.

    Returns:
        Project keys, and `taps.<name>` for each tap; keys that are new are in lower case.

    Raises:
        UnknownKeyError: A key is neither a project key nor a tap.
        ConfigError: A text does not fit what it overrides.
    """
    return _typed(overlay_layer(overlay, below, where), below, (), where)


def _typed(tree: Settings, below: Setting, path: tuple[str, ...], where: str) -> Settings:
    known = below if isinstance(below, Mapping) else {}
    typed: dict[str, Setting] = {}
    for key, value in tree.items():
        form = _form_at((*path, key.lower()))
        name = find_key(key, known) or key.lower()
        here = (*path, name)
        model = known.get(name)
        if isinstance(value, str):
            value = _cast(value, model, form, f"{'.'.join(here)} in {where}")  # noqa: PLW2901 - typed now
        typed[name] = _typed(value, model, here, where) if isinstance(value, Mapping) else value
    return typed


def _form_at(path: tuple[str, ...]) -> Form | None:
    match path:
        case (key,):
            return project_form.get(key)
        case (kind, _, key) if kind in KINDS:
            return plugin_form(kind).get(key)
        case _:
            return None


def _cast(text: str, model: Setting, form: Form | None, path: str) -> Setting:
    known = model.literal() if isinstance(model, Secret) else model
    if form is not None and form.model is not object:
        value = cast_like(text, form.model, path)
    elif form is not None and (known is None or isinstance(known, bool | str)):
        # A key that takes words and other things alike is not held to what stands below.
        value = cast_literal(text, path)
    else:
        value = cast_like(text, known, path)
    return Secret(value) if isinstance(model, Secret) else value
