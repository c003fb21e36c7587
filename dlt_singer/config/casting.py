"""Text to typed values: TOML-like literals of `ALTO_*`, `@int`-like tokens, and casts after a model.

In: text from environment variables or files. Out: JSON values, or `ConfigError` naming the place.
No error repeats the text: it may be a secret.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping

from dlt_singer._types import JSON
from dlt_singer.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TRUE_WORDS = frozenset({"t", "true", "enabled", "1", "on", "yes", "y"})
FALSE_WORDS = frozenset({"f", "false", "disabled", "0", "off", "no", "n", ""})
TOKENS = ("@str", "@string", "@int", "@float", "@bool", "@json", "@none")


def split_token(text: str) -> tuple[str, str]:
    """Return a leading cast token of `text` and the rest; the token is empty if there is none."""
    head, _, rest = text.partition(" ")
    return (head, rest.lstrip()) if head in TOKENS else ("", text)


def cast_token(token: str, text: str, path: str) -> JSON:
    """Return `text` as `@int`, `@json` and so on ask for.

    Args:
        token: One of `TOKENS`, or empty for the text itself.
        text: What stood behind it.
        path: Where, for the error.

    Returns:
        The typed value.

    Raises:
        ConfigError: The text is no such value.
    """
    match token:
        case "@int":
            return _cast(text, int, path)
        case "@float":
            return _cast(text, float, path)
        case "@bool":
            return _cast(text, bool, path)
        case "@json":
            return _from_json(text, path, "JSON")
        case "@none":
            return None
        case _:
            return text


def cast_literal(text: str, path: str) -> JSON:
    """Return the value of an `ALTO_*` variable: what TOML makes of it, else the text.

    Args:
        text: The variable's value.
        path: The variable's name, for errors.

    Returns:
        A typed value: `42`, `true`, `[1]`, `{a = 1}`, `"42"`, `@int 42`; any other text as it is.

    Raises:
        ConfigError: A token such as `@int` does not fit the text behind it.
    """
    token, rest = split_token(text.strip())
    if token:
        return cast_token(token, rest, path)
    literal = {"True": "true", "False": "false"}.get(text.strip(), text)
    try:
        document = tomllib.loads(f"value = {literal}")
    except tomllib.TOMLDecodeError:
        return text
    value: JSON = document["value"]
    # TOML has dates, infinities and further lines; a tap's config has text.
    return value if document.keys() == {"value"} and _is_json(value) else text


def cast_like(text: str, model: object, path: str) -> JSON:
    """Return `text` as a value of the model's type.

    Args:
        text: The value of an environment variable.
        model: The value it overrides, or a type.
        path: Where, for errors.

    Returns:
        A boolean, number, list or mapping if the model is one; else the text.

    Raises:
        ConfigError: The text cannot be read as that type.
    """
    kind = model if isinstance(model, type) else type(model)
    if kind in (bool, int, float):
        return _cast(text, kind, path)
    if kind in (list, tuple) and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    if kind in (list, tuple):
        return _from_json(text, path, "a JSON list", list)
    if issubclass(kind, Mapping):
        return _from_json(text, path, "a JSON object", dict)
    return text


def _cast(text: str, kind: type, path: str) -> JSON:
    word = text.strip().lower()
    if kind is bool and word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    if kind is not bool:
        try:
            value: JSON = kind(word)
        except ValueError:
            pass
        else:
            return value
        if kind is int and _is_number(word):  # A whole number in the file may get a fraction by override.
            return float(word)
    expected = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
    raise ConfigError(f"The text given for {path} is not {expected}.", f"Write {expected}.")


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _from_json(text: str, path: str, expected: str, kind: type = object) -> JSON:
    # Not chained: the decoder's error carries the text.
    wrong = ConfigError(f"The text given for {path} is not {expected}.", f"Write {expected}.")
    try:
        value: JSON = json.loads(text)
    except ValueError:
        raise wrong from None
    if not isinstance(value, kind):
        raise wrong
    return value


def _is_json(value: object) -> bool:
    match value:
        case dict():
            return all(map(_is_json, value.values()))
        case list():
            return all(map(_is_json, value))
        case float():
            return math.isfinite(value)
        case _:
            return value is None or isinstance(value, bool | int | str)
