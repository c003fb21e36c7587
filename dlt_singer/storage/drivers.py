"""Which library speaks to which store, and how it is told to behave.

In: a URL and the user's options. Out: fsspec's file system, without caches of listings; the user's options win.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dlt_singer.storage.address import protocol_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PART_BYTES = 8 * 2**20
"""How much of a large object is sent or fetched in one request."""
_MOST_PARTS = 9_000


@dataclass(frozen=True, slots=True)
class Driver:
    """What differs between stores.

    Attributes:
        install: What to give to `pip install`; empty for what is always there.
        remote: Whether a request may fail today and succeed in a second.
        replaces: Whether a put replaces the object in one step; elsewhere it is written beside and renamed.
        creates: Whether it can be told to create an object only if there is none.
        by_prefix: Whether it lists by a prefix of names, not by directory alone.
        cuts_parts: Whether a put takes the size of its parts.
        options: What it is told unless the user says otherwise.
    """

    install: str = ""
    remote: bool = True
    replaces: bool = False
    creates: bool = False
    by_prefix: bool = False
    cuts_parts: bool = False
    options: Mapping[str, object] = field(default_factory=dict)


_UNCACHED = {"use_listings_cache": False}
# s3fs repeats a request five times itself; botocore's own five attempts for each of them would take minutes.
_S3_OPTIONS = {
    **_UNCACHED,
    "default_block_size": PART_BYTES,
    "max_concurrency": 4,
    "config_kwargs": {"retries": {"mode": "standard", "total_max_attempts": 3}},
}
_S3 = Driver('"dlt-singer[s3]"', replaces=True, creates=True, by_prefix=True, cuts_parts=True, options=_S3_OPTIONS)
_GCS = Driver('"dlt-singer[gcs]"', replaces=True, creates=True, by_prefix=True, cuts_parts=True, options=_UNCACHED)
_AZURE = Driver('"dlt-singer[azure]"', replaces=True, creates=True, by_prefix=True, options=_UNCACHED)
_DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GCS),
    **dict.fromkeys(("abfs", "abfss", "az"), _AZURE),
    **dict.fromkeys(("file", "local"), Driver(remote=False)),
    **dict.fromkeys(("sftp", "ssh"), Driver("paramiko")),
    "memory": Driver(remote=False, replaces=True),
}


def driver_of(url: str) -> Driver:
    """Return what is known of the store behind a URL."""
    protocol = protocol_of(url)
    return _DRIVERS.get(protocol) or Driver(protocol)


def open_file_system(url: str, options: Mapping[str, object]) -> tuple[AbstractFileSystem, str]:
    """Return fsspec's file system for a URL and the root in it; imports the driver.

    Args:
        url: Where the store is.
        options: The user's; they win over ours, also one level down.
    """
    from fsspec.core import url_to_fs

    merged: dict[str, object] = {**driver_of(url).options, **options}
    for key, ours in driver_of(url).options.items():
        theirs = options.get(key)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            merged[key] = {**ours, **theirs}
    fs, root = url_to_fs(url, **merged)
    return fs, root.rstrip("/")


def part_bytes(size: int) -> int:
    """Return how large the parts of an upload are: few enough for S3, which takes 10,000.

    Example:
        >>> part_bytes(10**6), part_bytes(10**12)
        (8388608, 111149056)
    """
    quantum = 2**20
    return max(PART_BYTES, -(-size // (_MOST_PARTS * quantum)) * quantum)
