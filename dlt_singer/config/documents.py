"""The text of an `alto.{yaml,yml,toml,json}` file to plain JSON data.

In: text. Out: a mapping of environments. An error says which file and line, and never quotes it: the line may
hold a secret, so the parsers' own errors are not chained either.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from dlt_singer.config.secret import Setting
from dlt_singer.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_VALUES = 1_000_000
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
# YAML's own words: a single character (`':'`, `'\t'`) or the name of a token (`'<block end>'`).
_HARMLESS = re.compile(r".(\\?.|<[a-z ]+>).")


class _Loader(yaml.SafeLoader):
    """YAML without dates, which a tap's config has as text, and without silent duplicates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(None, None, "a key stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse_document(text: str, file: Path) -> dict[str, Setting]:
    """Return what a file of alto's says.

    Args:
        text: The file's text.
        file: Its path; the suffix gives the format.

    Returns:
        Environments to their settings; dates are ISO text.

    Raises:
        ConfigError: The text is not of that format, or its top level is no mapping.
    """
    try:
        document = _parse(text, file)
        _refuse_bombs(document, file)
        return _mapping(document, file)
    except RecursionError:
        raise ConfigError(f"{file} cannot be read: it is nested too deeply.", "Correct the file.") from None


def _refuse_bombs(document: object, file: Path) -> None:
    """Refuse what YAML's aliases make large: a few lines may stand for more values than there is memory."""
    sizes: dict[int, int] = {}

    def size(value: object) -> int:
        if id(value) not in sizes:
            inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
            sizes[id(value)] = 1 + sum(map(size, inner))
        return sizes[id(value)]

    if size(document) > _MOST_VALUES:
        raise ConfigError(
            f"{file} holds more than {_MOST_VALUES:,} values, its aliases written out.", "Use fewer aliases."
        )


def _mapping(document: object, file: Path) -> dict[str, Setting]:
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ConfigError(
            f"The top level of {file} is a value of type {type(document).__name__}; expected a mapping.",
            "It holds environments, such as `default:`.",
        )
    return {key: value for key, value in _pairs(document, file, "")}  # noqa: C416 - dict() loses the type


def _parse(text: str, file: Path) -> object:
    try:
        match file.suffix:
            case ".toml":
                return tomllib.loads(text)
            case ".json":
                return json.loads(text)
            case _:
                return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except tomllib.TOMLDecodeError as err:
        problem = f"it is no TOML at {str(err).rpartition('(at ')[2].rstrip(')')}"
    except json.JSONDecodeError as err:
        problem = f"line {err.lineno}, {err.msg}"
    except yaml.MarkedYAMLError as err:
        line = f"line {err.problem_mark.line + 1}, " if err.problem_mark else ""
        problem = line + _QUOTED.sub(_unless_harmless, err.problem or "it is no YAML")
    except yaml.YAMLError:
        problem = "it is no YAML"
    except (ValueError, OverflowError):
        problem = "it holds a number or a time that is none"
    raise ConfigError(f"{file} cannot be read: {problem}.", "Correct the file.")


def _unless_harmless(quoted: re.Match[str]) -> str:
    """Return what the parser quotes, or an ellipsis where it may be somebody's secret."""
    return quoted[0] if _HARMLESS.fullmatch(quoted[0]) else "…"


def _pairs(mapping: Mapping[object, object], file: Path, path: str) -> list[tuple[str, Setting]]:
    pairs: list[tuple[str, Setting]] = []
    for key, value in mapping.items():
        if isinstance(key, bool) or key is None:
            raise ConfigError(f"A key at '{path or 'the top'}' of {file.name} reads as {key}.", "Put it in quotes.")
        pairs.append((str(key), _plain(value, file, f"{path}.{key}".lstrip("."))))
    return pairs


def _plain(value: object, file: Path, path: str) -> Setting:
    match value:
        case Mapping():
            return dict(_pairs(value, file, path))
        case list() | tuple() | set():
            return [_plain(item, file, path) for item in value]
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat().replace("+00:00", "Z")
        case bool() | int() | float() | str() | None:
            return value
        case _:
            raise ConfigError(f"'{path}' in {file.name} is a {type(value).__name__}.", "Write it as text.")
