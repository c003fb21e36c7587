"""The way to a store: opened when first used, insisted on while it fails for a moment, explained when for good.

In: pieces of work on fsspec's file system; each may be done more than once. Out: their results, or `StorageError`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from dlt_singer.errors import StorageError
from dlt_singer.storage.address import redact_url
from dlt_singer.storage.drivers import driver_of, open_file_system
from dlt_singer.storage.failure import Patience, explained, is_transient

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")


class Access:
    """Opens the file system behind a URL and works on it.

    Args:
        url: `s3://bucket/path`, a plain path, or anything fsspec knows.
        options: What the fsspec driver takes.
        patience: How long to insist on a remote store that does not answer.

    Attributes:
        driver: What is known of the store.
        root: The root in the file system, once it was opened.
    """

    __slots__ = ("_fs", "_options", "_patience", "_pid", "_url", "driver", "root")

    def __init__(self, url: str, options: Mapping[str, object] | None, patience: Patience | None) -> None:
        self._url = url
        self.driver = driver_of(url)
        self._options = dict(options or {})
        self._patience = (patience or Patience()) if self.driver.remote else Patience(attempts=1)
        self._fs: AbstractFileSystem | None = None
        self._pid = 0
        self.root = ""

    def check(self, key: str) -> None:
        """Refuse a key that leads out of the store."""
        if key.startswith("/") or ".." in PurePosixPath(key).parts:
            raise StorageError(
                f"'{key}' is no key of {redact_url(self._url)}: it leads out of it.", "Name one that lies within."
            )

    def do(self, attempt: str, key: str, work: Callable[[AbstractFileSystem, str], T]) -> T:
        """Do a piece of work, several times if need be.

        Args:
            attempt: What is tried, for the error: `read 'a/b'`.
            key: The object, or the folder with an empty key for the root.
            work: Takes the file system and the object's path in it.

        Raises:
            StorageError: It failed for good, or for longer than patience lasts.
        """
        self.check(key)
        started = time.monotonic()
        number = 0
        while True:
            number += 1
            try:
                fs = self._opened()
                return work(fs, f"{self.root}/{key}" if key else self.root or "/")
            except StorageError:
                raise
            except Exception as err:  # noqa: BLE001 - drivers share no base class
                elapsed_s = time.monotonic() - started
                pause_s = self._patience.pause(number, elapsed_s) if is_transient(err) else None
                if pause_s is None:
                    tries = f" ({number} attempts in {elapsed_s:.0f} s)" if number > 1 else ""
                    error, cause = explained(err, attempt, self._url, self._options, tries)
                    raise error from cause
            time.sleep(pause_s)

    def _opened(self) -> AbstractFileSystem:
        # Connections do not survive a fork.
        if self._fs is None or self._pid != os.getpid():
            self._fs, self.root = open_file_system(self._url, self._options)
            self._pid = os.getpid()
        return self._fs
