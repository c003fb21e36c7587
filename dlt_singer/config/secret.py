"""Values that are never printed: `Secret`, and masking, revealing and collecting them in nested data.

In: JSON-like data with `Secret` leaves. Out: the same with leaves wrapped, masked or revealed.
Resolving happens in `reveal` only; nothing here prints, logs or stores a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn, TypeAlias

from dlt_singer._types import JSON

MASK = "***"
SHORTEST_REDACTED = 4
"""Shorter strings are not redacted: they would blank out half of every log line."""

Setting: TypeAlias = "bool | int | float | str | Secret | Sequence[Setting] | Mapping[str, Setting] | None"
"""Anything a project file may hold, secrets still wrapped."""

_SECRET_WORDS = frozenset({
    "password", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens", "key", "keys", "apikey",
    "credential", "credentials", "authorization", "cookie", "jwt", "bearer", "pat", "salt",
})  # fmt: skip
# `replication_key` names a column and `token_url` an address: neither is a secret.
_HARMLESS_WORDS = frozenset({
    "replication", "primary", "partition", "foreign", "sort", "properties", "url", "uri", "endpoint", "path",
    "file", "type", "expiry", "expires", "expiration", "name", "names", "field", "fields", "column", "columns",
    "public",
})  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_URL_PASSWORD = re.compile(r"(?<=://)(?P<user>[^/\s:@]*):?(?P<password>[^/\s@]*)(?=@)")


class Secret:
    """A value that is wrapped until the moment it is needed.

    `repr`, `str` and `format` print `***`; it is neither JSON serialisable nor picklable, and a copy is
    the same wrapped object.

    Args:
        value: The value to hide.

    Example:
        >>> f"{Secret('hunter2')}"
        '***'
    """

    __slots__ = ("_value",)

    def __init__(self, value: JSON) -> None:
        self._value = value

    def reveal(self) -> JSON:
        """Return the value itself."""
        return self._value

    def literal(self) -> JSON:
        """Return the value if it is known by now, else None."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._value == getattr(other, "_value", None)

    # A secret may hold a list, and a hash would say something about it
    __hash__ = None  # type: ignore[assignment]  # the documented way to have no hash

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A Secret is not pickled: reveal it where it is used.")


def wrap(value: Setting) -> Setting:
    """Return `value` with every scalar leaf wrapped in `Secret`."""
    match value:
        case Mapping():
            return {key: wrap(child) for key, child in value.items()}
        case list() | tuple():
            return [wrap(child) for child in value]
        case Secret() | None:
            return value
        case _:
            return Secret(value)  # type: ignore[arg-type]  # the containers are gone by now


def reveal(value: Setting) -> JSON:
    """Return `value` with every `Secret` replaced by what it holds.

    Args:
        value: A setting, nested or not.

    Returns:
        Plain JSON data.

    Raises:
        ConfigError: A secret refers to a variable that is not set.
    """
    match value:
        case Secret():
            return value.reveal()
        case Mapping():
            return {key: reveal(child) for key, child in value.items()}
        case list() | tuple():
            return [reveal(child) for child in value]
        case _:
            return value  # type: ignore[return-value]  # a scalar


def mask(value: Setting) -> JSON:
    """Return `value` with `***` for secrets, for strings under keys that look secret, and in URLs."""
    return _mask(value, suspect=False)


def _mask(value: Setting, *, suspect: bool) -> JSON:
    match value:
        case Secret():
            return MASK
        case Mapping():
            return {key: _mask(child, suspect=suspect or looks_secret(key)) for key, child in value.items()}
        case list() | tuple():
            return [_mask(child, suspect=suspect) for child in value]
        case str():
            return MASK if suspect else _URL_PASSWORD.sub(MASK, value)
        case _:
            return value  # type: ignore[return-value]  # a scalar


def secret_strings(value: Setting, *, suspect: bool = False) -> Iterator[str]:
    """Yield every string of `value` that must not appear in a log, revealed.

    That is the text of each `Secret`, of each string under a key that looks secret, and of credentials
    in URLs. A secret of several lines is also yielded line by line, since logs come in lines.

    Args:
        value: A setting, nested or not.
        suspect: True if a key above looked secret.

    Yields:
        Strings of at least four characters.
    """
    match value:
        case Secret():
            yield from secret_strings(value.reveal(), suspect=True)
        case Mapping():
            for key, child in value.items():
                yield from secret_strings(child, suspect=suspect or looks_secret(key))
        case list() | tuple():
            for child in value:
                yield from secret_strings(child, suspect=suspect)
        case str():
            candidates = _parts(value) if suspect else _url_credentials(value)
            yield from (text for text in candidates if len(text) >= SHORTEST_REDACTED)
        case int() | float() if suspect and not isinstance(value, bool):
            yield from (text for text in [str(value)] if len(text) >= SHORTEST_REDACTED)


def _parts(text: str) -> Iterator[str]:
    yield text
    if "\n" in text:
        yield from (line.strip() for line in text.splitlines())
    if text.lstrip().startswith("{"):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return
        yield from secret_strings(document)
    else:
        yield from _url_credentials(text)


def _url_credentials(text: str) -> Iterator[str]:
    for match in _URL_PASSWORD.finditer(text):
        yield match["password"] or match["user"]


def looks_secret(key: str) -> bool:
    """Tell whether a key's name says that its value is a secret.

    Args:
        key: A key of a tap's config, in any spelling.

    Returns:
        True for `api_key` or `clientSecret`, False for `replication_key` or `token_url`.
    """
    words = {word.lower() for word in _WORD.findall(key)}
    return bool(words & _SECRET_WORDS) and not words & _HARMLESS_WORDS
