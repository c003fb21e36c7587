"""Keys to bytes under one root URL.

In: a URL or plain path, and the driver's options. Out: whole objects; a reader sees the old object or the new one,
never half of one. Constructing a store opens and imports nothing. What fails for a moment is tried again. No
message and no repr ever shows the options or the credentials of the URL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dlt_singer.storage.access import Access
from dlt_singer.storage.address import local_path, partial_name, redact_url
from dlt_singer.storage.creating import create_object
from dlt_singer.storage.drivers import part_bytes
from dlt_singer.storage.failure import Patience, absent, status_of
from dlt_singer.storage.listing import Entry, find, info_of
from dlt_singer.storage.reading import read_in_parts

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_RANGE_NOT_SATISFIABLE = 416


class Store:
    """A small object store: whole objects under string keys.

    Every method raises `StorageError` if the store refuses, or does not answer for longer than patience lasts.
    May be used from several threads, and after a fork.

    Attributes:
        local_root: The root as a path if it is on this machine's file system, else None.

    Example:
        >>> store = Store("memory://docs")
        >>> store.write("state/tap-x.json", b"{}")
        >>> store.read("state/tap-x.json"), store.list("state/")
        (b'{}', ['state/tap-x.json'])
    """

    __slots__ = ("_access", "_url", "local_root")

    def __init__(
        self, url: str | Path, options: Mapping[str, object] | None = None, patience: Patience | None = None
    ) -> None:
        """Remember where the store is; nothing is opened.

        Args:
            url: `s3://bucket/path`, `file:///path`, a plain path, or anything fsspec knows.
            options: What the fsspec driver takes, e.g. `{"key": …, "secret": …}`.
            patience: How long to insist on a remote store that does not answer.
        """
        self.local_root = local_path(str(url))
        self._url = str(self.local_root or url)
        self._access = Access(self._url, options, patience)

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    @property
    def url(self) -> str:
        """The root, without credentials; for messages."""
        return redact_url(self._url)

    @property
    def creates_exclusively(self) -> bool:
        """Whether of several who `create` one key at once only one can succeed."""
        return self._access.driver.creates or self.local_root is not None

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes | None:
        """Return an object's bytes, or a slice of them; None without such an object.

        Args:
            key: The object.
            start: The first byte.
            end: The byte after the last one; None reads to the end.
        """

        def work(fs: AbstractFileSystem, path: str) -> bytes | None:
            try:
                if end is not None and end <= start:
                    return b"" if info_of(fs, path) else None
                return bytes(fs.cat_file(path, start=start or None, end=end))
            except FileNotFoundError as err:
                absent(err)
                return None
            except Exception as err:
                if status_of(err) == _RANGE_NOT_SATISFIABLE:
                    return b""
                raise

        return self._access.do(f"read '{key}'", key, work)

    @contextmanager
    def reading(self, key: str) -> Iterator[BinaryIO | None]:
        """Yield an object as a file that can be read and sought, part by part; None without such an object.

        Args:
            key: The object; reading raises if one of another length takes its place meanwhile.
        """
        size = self.size(key)
        if size is None:
            yield None
            return
        with read_in_parts(lambda start, end: self.read(key, start, end), size, f"'{key}' in {self.url}") as file:
            yield file

    def write(self, key: str, data: bytes) -> None:
        """Store `data` under `key`; a reader sees the old object or this one."""

        def work(fs: AbstractFileSystem, path: str) -> None:
            with self._replacing(fs, path) as target:
                fs.pipe_file(target, data)

        self._access.do(f"write '{key}'", key, work)

    @contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        """Yield a file to write a large object to; the object appears when the block ends, whole.

        If the block raises, nothing appears and an old object stays. What is written waits on disk (in `TMPDIR` for
        a remote store), not in memory, so that it can be sent again if the store fails.

        Example:
            >>> with Store("memory://docs").writing("big") as file:
            ...     _ = file.write(b"many megabytes")
        """
        place = Path(tempfile.gettempdir()) / "object"
        if self.local_root is not None:
            place = self.local_root / key
            self._access.do(f"write '{key}'", key, lambda *_: place.parent.mkdir(parents=True, exist_ok=True))
        self._access.check(key)
        partial = place.with_name(partial_name(place.name))
        try:
            with partial.open("xb") as file:
                yield file
            if self.local_root is not None:
                self._access.do(f"write '{key}'", key, lambda *_: partial.replace(place))
            else:
                self.publish(partial, key)
        finally:
            partial.unlink(missing_ok=True)

    def create(self, key: str, data: bytes) -> bool:
        """Store `data` under `key` unless there is an object already.

        Two who create equal objects both succeed: a lock must hold what only its holder would write. Where
        `creates_exclusively` is false, two who create at the same moment may both be told that they have; only
        saved work may depend on it.

        Returns:
            Whether the object under `key` is this one now.
        """

        def work(fs: AbstractFileSystem, path: str) -> bool:
            if create_object(fs, path, data, self._access.driver):
                return True
            # The answer to an earlier try, of ours or of the driver's, may have been lost on its way.
            with suppress(FileNotFoundError):
                return bytes(fs.cat_file(path)) == data
            return False

        return self._access.do(f"create '{key}'", key, work)

    def size(self, key: str) -> int | None:
        """Return an object's length in bytes, None without such an object."""

        def work(fs: AbstractFileSystem, path: str) -> int | None:
            info = info_of(fs, path)
            return None if info is None else int(str(info["size"]))

        return self._access.do(f"look for '{key}'", key, work)

    def exists(self, key: str) -> bool:
        """Return whether there is an object under `key`."""
        return self.size(key) is not None

    def list(self, prefix: str = "") -> list[str]:
        """Return the keys that start with `prefix`, sorted."""
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str = "") -> tuple[Entry, ...]:
        """Return the objects whose keys start with `prefix`, with their sizes, sorted by key."""
        folder, _, name = prefix.rpartition("/")

        def work(fs: AbstractFileSystem, path: str) -> tuple[Entry, ...]:
            found = find(fs, path, name, self._access.driver)
            start = len(self._access.root)
            entries = (Entry.of(place[start:].lstrip("/"), info) for place, info in found.items())
            return tuple(entry for entry in entries if entry.key.startswith(prefix))

        return tuple(sorted(self._access.do(f"list '{prefix}'", folder, work), key=lambda entry: entry.key))

    def delete(self, key: str) -> None:
        """Remove the object; it is no error if there is none."""

        def work(fs: AbstractFileSystem, path: str) -> None:
            try:
                fs.rm_file(path)
            except FileNotFoundError as err:
                absent(err)

        self._access.do(f"delete '{key}'", key, work)

    def fetch(self, key: str, path: Path) -> bool:
        """Download an object to a local file, which appears complete or not at all.

        Args:
            key: The object.
            path: The file to create or replace; its directory is made.

        Returns:
            Whether the object was there.
        """
        partial = path.with_name(partial_name(path.name))

        def work(fs: AbstractFileSystem, remote: str) -> bool:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                fs.get_file(remote, str(partial))
                partial.replace(path)
            except FileNotFoundError as err:
                absent(err)
                return False
            finally:
                partial.unlink(missing_ok=True)
            return True

        return self._access.do(f"fetch '{key}'", key, work)

    def publish(self, path: Path, key: str) -> None:
        """Upload a local file; a reader sees the old object or all of this one."""

        def work(fs: AbstractFileSystem, remote: str) -> None:
            parts = {"chunksize": part_bytes(path.stat().st_size)} if self._access.driver.cuts_parts else {}
            with self._replacing(fs, remote) as target:
                fs.put_file(str(path), target, **parts)

        self._access.do(f"publish '{key}'", key, work)

    @contextmanager
    def _replacing(self, fs: AbstractFileSystem, path: str) -> Iterator[str]:
        """Yield where to write so that `path` changes in one step when the block ends."""
        if self._access.driver.replaces:
            yield path
            return
        folder, _, name = path.rpartition("/")
        partial = f"{folder}/{partial_name(name)}"
        fs.makedirs(folder, exist_ok=True)
        try:
            yield partial
            fs.mv(partial, path)
        except BaseException:
            with suppress(Exception):
                fs.rm_file(partial)
            raise
