"""Keys to bytes under one root URL, on any file system fsspec knows.

In: a URL or plain path, and the driver's options. Out: whole objects; a reader sees the old object
or the new one, never half of one. Constructing a store opens and imports nothing. No message and
no repr ever shows the options or the credentials of the URL.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dlt_singer.errors import StorageError, did_you_mean

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
}
# A put to these replaces the object in one step; elsewhere we write beside it and rename.
_ATOMIC_PUT = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"})
_LOCAL = frozenset({"file", "local"})
_SHORTEST_SECRET = 4


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


class Store:
    """A small object store: whole objects under string keys.

    Attributes:
        local_root: The root as a path if it is on this machine's file system, else None.

    Example:
        >>> store = Store("memory://docs")
        >>> store.write("state/tap-x.json", b"{}")
        >>> store.read("state/tap-x.json"), store.list("state/")
        (b'{}', ['state/tap-x.json'])
    """

    __slots__ = ("_fs", "_options", "_root", "_url", "local_root")

    def __init__(self, url: str | Path, options: Mapping[str, object] | None = None) -> None:
        """Remember where the store is; nothing is opened.

        Args:
            url: `s3://bucket/path`, `file:///path`, a plain path, or anything fsspec knows.
            options: What the fsspec driver takes, e.g. `{"key": …, "secret": …}`.
        """
        self.local_root = _local_path(str(url))
        self._url = str(self.local_root or url)
        self._options = dict(options or {})
        self._fs: AbstractFileSystem | None = None
        self._root = ""

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    @property
    def url(self) -> str:
        """The root, without credentials; for messages."""
        return redact_url(self._url)

    def read(self, key: str) -> bytes | None:
        """Return the object's bytes, or None if there is no such object.

        Raises:
            StorageError: The store cannot be reached or refused.
        """
        with self._explained("read", key):
            fs, path = self._open(key)
            try:
                return bytes(fs.cat_file(path))
            except FileNotFoundError:
                return None

    def write(self, key: str, data: bytes) -> None:
        """Store `data` under `key`; a reader sees the old object or this one.

        Raises:
            StorageError: The store cannot be reached or refused.
        """
        with self._explained("write", key):
            fs, path = self._open(key)
            with _replacing(fs, path) as target:
                fs.pipe_file(target, data)

    def exists(self, key: str) -> bool:
        """Return whether there is an object under `key`.

        Raises:
            StorageError: The store cannot be reached or refused.
        """
        with self._explained("look for", key):
            fs, path = self._open(key)
            fs.invalidate_cache()
            return bool(fs.isfile(path))

    def list(self, prefix: str = "") -> list[str]:
        """Return the keys that start with `prefix`, sorted.

        Raises:
            StorageError: The store cannot be reached or refused.
        """
        folder = prefix.rpartition("/")[0]
        with self._explained("list", prefix):
            fs, path = self._open(folder)
            fs.invalidate_cache()
            try:
                found = fs.find(path)
            except FileNotFoundError:
                return []
        keys = (name[len(self._root) :].lstrip("/") for name in found)
        return sorted(key for key in keys if key.startswith(prefix) and not _is_partial(key))

    def delete(self, key: str) -> None:
        """Remove the object; it is no error if there is none.

        Raises:
            StorageError: The store cannot be reached or refused.
        """
        with self._explained("delete", key):
            fs, path = self._open(key)
            with suppress(FileNotFoundError):
                fs.rm_file(path)

    def fetch(self, key: str, path: Path) -> bool:
        """Download an object to a local file, which appears complete or not at all.

        Args:
            key: The object.
            path: The file to create or replace; its directory is made.

        Returns:
            Whether the object was there.

        Raises:
            StorageError: The store cannot be reached or refused.
        """
        partial = path.with_name(_partial_name(path.name))
        with self._explained("fetch", key):
            fs, remote = self._open(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                fs.get_file(remote, str(partial))
                partial.replace(path)
            except FileNotFoundError:
                return False
            finally:
                partial.unlink(missing_ok=True)
        return True

    def publish(self, path: Path, key: str) -> None:
        """Upload a local file; a reader sees the old object or all of this one.

        Raises:
            StorageError: The store cannot be reached or refused.
        """
        with self._explained("publish", key):
            fs, remote = self._open(key)
            with _replacing(fs, remote) as target:
                fs.put_file(str(path), target)

    def _open(self, key: str) -> tuple[AbstractFileSystem, str]:
        if key.startswith("/") or ".." in PurePosixPath(key).parts:
            raise StorageError(f"'{key}' is no key of {self.url}: it leads out of it.")
        if self._fs is None:
            from fsspec.core import url_to_fs

            fs, root = url_to_fs(self._url, **self._options)
            self._root, self._fs = root.rstrip("/"), fs
        return self._fs, f"{self._root}/{key}" if key else self._root or "/"

    @contextmanager
    def _explained(self, action: str, key: str) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except Exception as err:  # noqa: BLE001 - drivers share no base class
            said = self._scrubbed(f"{type(err).__name__}: {err}".rstrip(": "))
            reason = f"Cannot {action} '{key}' in {self.url}: {said}."
            # A cause that quotes credentials would bring them into the traceback.
            cause = err if said == f"{type(err).__name__}: {err}".rstrip(": ") else None
            raise StorageError(reason.replace("..", "."), self._remedy(err)) from cause

    def _scrubbed(self, text: str) -> str:
        secrets = [value for value in _strings(self._options) if len(value) >= _SHORTEST_SECRET]
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return redact_url(text)

    def _remedy(self, err: Exception) -> str:
        protocol = self._url.partition("://")[0]
        if isinstance(err, ImportError):
            return f"Its driver is missing: run `pip install {_DRIVERS.get(protocol, protocol)}`."
        if isinstance(err, ValueError) and "rotocol" in str(err):
            from fsspec import available_protocols

            return f"{did_you_mean(protocol, available_protocols())} Use s3, gs, abfs, file or a path.".lstrip()
        if isinstance(err, PermissionError):
            return "Give this user access, or point the project at another place."
        return "Check the address, the credentials and the driver's options."


@contextmanager
def _replacing(fs: AbstractFileSystem, path: str) -> Iterator[str]:
    """Yield where to write so that `path` changes in one step when the block ends."""
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    if protocols & _ATOMIC_PUT:
        yield path
        return
    folder, _, name = path.rpartition("/")
    partial = f"{folder}/{_partial_name(name)}"
    fs.makedirs(folder, exist_ok=True)
    try:
        yield partial
        fs.mv(partial, path)
    except BaseException:
        with suppress(Exception):
            fs.rm_file(partial)
        raise


def _partial_name(name: str) -> str:
    return f".{name}.{uuid.uuid4().hex}.partial"


def _is_partial(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name.startswith(".") and name.endswith(".partial")


def _local_path(url: str) -> Path | None:
    protocol, separator, rest = url.partition("://")
    if "::" in url or (separator and protocol not in _LOCAL):
        return None
    return Path(rest if separator else url).expanduser().absolute()


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
