"""Addresses as text: what may be shown of them, which are local, how half-written objects are named. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

_LOCAL = frozenset({"file", "local"})
_SHORTEST_SECRET = 4
_PUBLIC = frozenset({
    "account_host", "account_name", "addressing_style", "endpoint", "endpoint_url", "mode", "project", "region",
    "region_name", "signature_version",
})  # fmt: skip
"""Options whose values help to understand an error, and open nothing."""


def redact_url(text: str) -> str:
    """Return `text` with the credentials and queries of every URL in it removed.

    Args:
        text: A URL, or any text with URLs in it.

    Returns:
        The same text; `scheme://user:password@host/path?query` becomes `scheme://host/path`.

    Example:
        >>> redact_url("see s3://key:secret@bucket/a?token=1")
        'see s3://bucket/a'
    """
    text = re.sub(r"(\w[\w+.-]*://)[^\s/'\"]*@", r"\1", text)
    return re.sub(r"(\w[\w+.-]*://[^\s?'\"]*)\?[^\s#'\"]*", r"\1", text)


def scrubbed(text: str, options: Mapping[str, object]) -> str:
    """Return `text` without the credentials of URLs and without the values of a driver's options.

    Args:
        text: What a driver said.
        options: What it was given.

    Example:
        >>> scrubbed("s3cr3t is wrong at http://host", {"secret": "s3cr3t", "endpoint_url": "http://host"})
        '*** is wrong at http://host'
    """
    secrets = {value for value in _strings(options) if len(value) >= _SHORTEST_SECRET}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return redact_url(text)


def protocol_of(url: str) -> str:
    """Return the protocol of a URL in lower case, `file` for a path."""
    return url.partition("://")[0].lower() if "://" in url else "file"


def local_path(url: str) -> Path | None:
    """Return the path that a URL or path means, None if it is not on this machine's file system."""
    protocol, separator, rest = url.partition("://")
    if "::" in url or (separator and protocol not in _LOCAL):
        return None
    return Path(rest if separator else url).expanduser().absolute()


def partial_name(name: str) -> str:
    """Return a name of its own for an object that is still being written."""
    return f".{name}.{uuid.uuid4().hex}.partial"


def is_partial(key: str) -> bool:
    """Return whether a key is that of an object that is still being written."""
    name = key.rpartition("/")[2]
    return name.startswith(".") and name.endswith(".partial")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _PUBLIC:
                yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
