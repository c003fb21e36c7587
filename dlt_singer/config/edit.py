"""A tap written into a project file's text; all that stands there, comments too, stays as it is. Pure.

In: the text, the tap's keys, lines of comment for settings that are not set. Out: the new text, which has been read
again and says what it should.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from dlt_singer._types import JSON, JSONObject
from dlt_singer.config.documents import parse_document
from dlt_singer.config.environments import DEFAULT
from dlt_singer.errors import ConfigError

_INDENT = 2


def with_tap(text: str, file: Path, name: str, tap: JSONObject, comments: Sequence[str] = ()) -> str:
    r"""Return the text of a project file with one more tap.

    Args:
        text: The file's text; may be empty.
        file: Its name, which says the format.
        name: The tap's name.
        tap: Its keys.
        comments: Lines below its `config`, without `#`; YAML only.

    Raises:
        ConfigError: The text cannot be extended; the error holds what to add by hand.

    Example:
        >>> print(with_tap("default:\n  taps: {}\n", Path("alto.yaml"), "tap-x", {"pip_url": "tap-x"}))
        default:
          taps:
            tap-x:
              pip_url: tap-x
        <BLANKLINE>
    """
    if comments and file.suffix in (".yaml", ".yml"):
        tap = {**{key: value for key, value in tap.items() if key != "config"}, "config": tap.get("config")}
    before = parse_document(text, file) if text.strip() else {}
    wanted = _extended(before, name, tap)
    if file.suffix == ".json":
        return json.dumps(wanted, indent=2, ensure_ascii=False) + "\n"
    changed = _toml(text, name, tap) if file.suffix == ".toml" else _yaml(text, name, tap, comments)
    try:
        fits = parse_document(changed, file) == wanted
    except ConfigError:
        fits = False
    if not fits:
        lines = "\n".join(f"  | {line}" for line in _block(name, tap, comments))
        raise ConfigError(
            f"{file.name} is written in a way that {name} cannot be added to without changing the rest.",
            f"Add it yourself, below `{DEFAULT}:` and `taps:`\n{lines}",
        )
    return changed


def with_secrets(text: str, file: Path, keys: Sequence[str], values: Mapping[str, JSON]) -> str:
    r"""Return the text of a YAML file with some values set below a path of keys; its other lines stay if they can.

    Args:
        text: The file's text; may be empty.
        file: Its name.
        keys: The path.
        values: What is set there.

    Raises:
        ConfigError: The text is no document.

    Example:
        >>> print(with_secrets("a:  # ours\n  b: 1\n", Path("alto.secrets.yaml"), ["a"], {"b": "x", "c": 2}))
        a:  # ours
          b: "x"
          c: 2
        <BLANKLINE>
    """
    before = parse_document(text, file) if text.strip() else {}
    wanted = _with_values(before, keys, values)
    try:
        changed = _set_in_place(text, keys, values)
        if parse_document(changed, file) == wanted:
            return changed
    except (ConfigError, yaml.YAMLError):
        pass
    return yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)


def _with_values(document: object, keys: Sequence[str], values: Mapping[str, JSON]) -> dict[str, object]:
    below = dict(document) if isinstance(document, Mapping) else {}
    if not keys:
        return {**below, **values}
    return {**below, keys[0]: _with_values(below.get(keys[0]), keys[1:], values)}


def _set_in_place(text: str, keys: Sequence[str], values: Mapping[str, JSON]) -> str:
    for key, value in values.items():
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
        for name in keys:
            node = _child(node, name)
        if node is None:
            return ""
        old, new = _child(node, key), json.dumps(value)
        if old is None:
            text = _inserted(text.splitlines(), node, [f"{' ' * _column(node, 0)}{key}: {new}"])
        else:
            text = f"{text[: old.start_mark.index]}{new}{text[old.end_mark.index :]}"
    return text


def _extended(document: Mapping[str, object], name: str, tap: JSONObject) -> Mapping[str, object]:
    section = document.get(DEFAULT)
    settings = section if isinstance(section, Mapping) else {}
    taps = settings.get("taps")
    old = taps if isinstance(taps, Mapping) else {}
    merged = {**old, name: _merged(old.get(name), tap)}
    return {**document, DEFAULT: {**settings, "taps": merged}}


def _merged(below: object, tap: JSONObject) -> JSONObject:
    if isinstance(below, Mapping):
        raise ConfigError("The tap is in the file already.", "Edit it there.")
    return tap


def _yaml(text: str, name: str, tap: JSONObject, comments: Sequence[str]) -> str:
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
    block = _block(name, tap, comments)
    section = _child(root, DEFAULT)
    if section is None:
        return "\n".join([*lines, *_under([DEFAULT, "taps"], block, 0)]) + "\n"
    taps = _child(section, "taps")
    if taps is None:
        column = _column(section, 0)
        return _inserted(lines, section, _under(["taps"], block, column))
    column = _column(taps, _column(section, 0))
    if not taps.value:
        lines[taps.start_mark.line] = lines[taps.start_mark.line].replace("{}", "").rstrip()
    return _inserted(lines, taps, _under([], block, column))


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _column(node: yaml.Node, parent: int) -> int:
    """Return where the keys of a mapping stand; one without keys will have them a step further in."""
    if isinstance(node, yaml.MappingNode) and node.value:
        return int(node.value[0][0].start_mark.column)
    return parent + _INDENT


def _inserted(lines: list[str], node: yaml.Node, block: list[str]) -> str:
    at, column = _last_line(node) + 1, _column(node, 0)
    # Comments further in than the keys belong to the last of them: the settings that its tap could have.
    while at < len(lines) and (not lines[at].strip() or _is_comment_within(lines[at], column)):
        at += 1
    while at > 0 and not lines[at - 1].strip():
        at -= 1
    return "\n".join([*lines[:at], *block, *lines[at:]]) + "\n"


def _is_comment_within(line: str, column: int) -> bool:
    said = line.lstrip()
    return said.startswith("#") and len(line) - len(said) > column


def _last_line(node: yaml.Node) -> int:
    """Return the last line of a node's own; its end mark stands behind comments that belong to what follows."""
    if isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and node.value and not node.flow_style:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line if mark.column or mark.line == node.start_mark.line else mark.line - 1)


def _under(keys: Sequence[str], block: Sequence[str], column: int) -> list[str]:
    heads = [f"{' ' * (column + _INDENT * depth)}{key}:" for depth, key in enumerate(keys)]
    start = " " * (column + _INDENT * len(keys))
    return [*heads, *(f"{start}{line}".rstrip() for line in block)]


def _block(name: str, tap: JSONObject, comments: Sequence[str]) -> list[str]:
    text = yaml.safe_dump({name: dict(tap)}, sort_keys=False, allow_unicode=True, width=110)
    lines = text.replace("config: null", "config:").splitlines()
    # `config` is the last key, so that what is said of settings stands below it.
    return [*lines, *(f"    # {line}".rstrip() for line in comments)]


def _toml(text: str, name: str, tap: JSONObject) -> str:
    quoted = json.dumps(name)
    whole = f"{DEFAULT}.taps.{quoted}"
    tables: dict[str, JSONObject] = {whole: {k: v for k, v in tap.items() if not isinstance(v, Mapping)}}
    tables |= {f"{whole}.{key}": value for key, value in tap.items() if isinstance(value, Mapping)}
    lines = [text.rstrip("\n")] if text.strip() else []
    for table, values in tables.items():
        # JSON's strings, numbers, booleans and lists are TOML's, too.
        lines += ["", f"[{table}]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines).lstrip("\n") + "\n"
