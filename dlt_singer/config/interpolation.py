"""`@format …` and `@int …` in settings: what refers to the environment becomes a deferred secret.

In: settings and a `Scope` of what they may refer to. Out: settings with text rendered; whatever reads a
variable or a secret stays wrapped until it is revealed, so a missing variable hurts nobody who does not need it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dlt_singer._types import JSON
from dlt_singer.config.casting import TOKENS, cast_token, split_token
from dlt_singer.config.layers import find_key
from dlt_singer.config.secret import Secret, Setting, reveal
from dlt_singer.errors import ConfigError

_ENV = re.compile(r"env\[['\"]?(?P<name>[^\]'\"]+)['\"]?\]")
_THIS = re.compile(r"this(?P<keys>(\.[^.\[\]]+|\[[^\[\]]+\])+)")
_KEY = re.compile(r"\.([^.\[\]]+)|\[['\"]?([^\[\]'\"]+)['\"]?\]")
_DYNACONF_ONLY = ("@jinja", "@read_file", "@get", "@vault", "@merge", "@merge_unique", "@insert", "@reset", "@del")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a setting may refer to.

    Attributes:
        this: The environment's whole section, as `{this.…}`.
        environ: Variables, as `{env[…]}`.
        load_path: A plugin's own load path, which `{this.load_path}` then is.
        trail: References being followed, to notice a loop.
    """

    this: Mapping[str, Setting]
    environ: Mapping[str, str] = field(repr=False)
    load_path: Setting = None
    trail: tuple[str, ...] = ()


class Deferred(Secret):
    """A secret whose value is put together each time it is revealed."""

    __slots__ = ("_path", "_scope")
    _value: str  # The template.

    def __init__(self, template: str, path: str, scope: Scope) -> None:
        super().__init__(template)
        self._path = path
        self._scope = scope

    def reveal(self) -> JSON:
        """Return the rendered value.

        Raises:
            ConfigError: A variable or setting it refers to is not there.
        """
        return _resolve(self._value, self._path, self._scope)

    def literal(self) -> JSON:
        """Return None: what it will be is not known yet."""
        return None


def render(value: Setting, path: str, scope: Scope) -> Setting:
    """Return `value` with every reference followed or deferred.

    Args:
        value: A setting as written, nested or not.
        path: Where it stands, for errors.
        scope: What it may refer to.

    Returns:
        The setting; text that reads a variable or a secret is a `Secret`.

    Raises:
        ConfigError: A reference to another setting leads nowhere or round in a circle.
    """
    match value:
        case Mapping():
            return {key: render(child, f"{path}.{key}", scope) for key, child in value.items()}
        case list():
            return [render(child, f"{path}[{number}]", scope) for number, child in enumerate(value)]
        case str() if value.startswith("@"):
            return _render_text(value, path, scope)
        case Secret() if isinstance(text := value.literal(), str) and text.startswith(("@format ", *TOKENS)):
            return Deferred(text, path, scope)
        case _:
            return value


def _render_text(text: str, path: str, scope: Scope) -> Setting:
    if (token := text.partition(" ")[0]) in _DYNACONF_ONLY:
        raise ConfigError(f"{path} uses {token}, which is not supported.", "Use @format instead.")
    _, template = split_token(text)
    if not template.startswith("@format "):
        return _resolve(text, path, scope)
    for name in _fields(template):
        if _ENV.fullmatch(name) or isinstance(_follow(name, path, scope), Secret):
            return Deferred(text, path, scope)
    return _resolve(text, path, scope)


def _resolve(text: str, path: str, scope: Scope) -> JSON:
    token, template = split_token(text)
    if template.startswith("@format "):
        template = "".join(_pieces(template.removeprefix("@format ").strip(), path, scope))
    return cast_token(token, template, path) if token else template


def _pieces(template: str, path: str, scope: Scope) -> list[str]:
    pieces: list[str] = []
    for literal, name, spec, conversion in _parse(template, path):
        pieces.append(literal)
        if name is not None:
            value = str(reveal(_follow(name, path, scope)))
            pieces.append(format(repr(value) if conversion == "r" else value, spec or ""))
    return pieces


def _parse(template: str, path: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(template))
    except ValueError as err:
        raise ConfigError(f"{path} is no valid @format: {err}.", "Write a literal brace twice: {{ or }}.") from None


def _fields(template: str) -> list[str]:
    try:
        parsed = list(string.Formatter().parse(template.removeprefix("@format ")))
    except ValueError:
        return []  # Reported where it is resolved.
    return [name for _, name, _, _ in parsed if name is not None]


def _follow(name: str, path: str, scope: Scope) -> Setting:
    if match := _ENV.fullmatch(name):
        if match["name"] not in scope.environ:
            raise ConfigError(
                f"{path} needs the environment variable {match['name']}, which is not set.",
                "Set it in the shell or in .env beside the project file.",
            )
        return scope.environ[match["name"]]
    if not (match := _THIS.fullmatch(name)):
        raise ConfigError(f"{path} refers to '{{{name}}}'.", "Write {env[NAME]} or {this.key.key}.")
    keys = [dotted or bracketed for dotted, bracketed in _KEY.findall(match["keys"])]
    if name in scope.trail:
        raise ConfigError(f"{path} refers to itself: {' → '.join((*scope.trail, name))}.", "Break the loop.")
    if [key.lower() for key in keys] == ["load_path"] and scope.load_path is not None:
        found: Setting = scope.load_path
    else:
        found = _walk(keys, name, path, scope)
    return render(found, name, replace(scope, trail=(*scope.trail, name), load_path=None))


def _walk(keys: list[str], name: str, path: str, scope: Scope) -> Setting:
    found: Setting = scope.this
    for key in keys:
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, Mapping) and (known := find_key(key, found)) is not None:
            found = found[known]
        else:
            raise ConfigError(
                f"{path} refers to '{{{name}}}', but there is no '{key}'.",
                "Correct the reference, or set it: a secret in alto.secrets.yaml or in a variable.",
            )
    return found
