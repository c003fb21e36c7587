"""Getting a plugin's PEX: from the cache, else from the store, else from a build.

In: a plugin, its key, the places to look in. Out: a whole PEX in the cache. Whoever comes second, in
this process or another, waits and uses what the first one made.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from dlt_singer.errors import PluginBuildError, PluginError, StorageError
from dlt_singer.pex.boot import DamagedPexError, Layout, lay_out, pex_roots
from dlt_singer.pex.build import Start, build_pex
from dlt_singer.pex.commands import Workshop, tool_variables
from dlt_singer.pex.interpreters import Interpreter, libc
from dlt_singer.pex.pip_settings import uv_variables
from dlt_singer.pex.requirements import Requirements
from dlt_singer.pex.seal import is_sealed, seal, seal_of
from dlt_singer.storage import Store, leased

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PluginBuild:
    """What decides how a plugin is built and started.

    Attributes:
        name: The plugin's name.
        pip_url: Requirements and flags, as on pip's command line.
        root: The project's root; relative paths in `pip_url` start there.
        python: `3.9`, a path, or None for the interpreter that runs us.
        version: `_version`, which makes a new build when it changes.
        base: The plugin whose name the console script has, if it is not this one.
        executable: The console script to start, if it is named otherwise.
        entrypoint: `module:attribute` to start; wins over `executable`.
    """

    name: str
    pip_url: str
    root: Path
    python: str | None = None
    version: str | None = None
    base: str | None = None
    executable: str | None = None
    entrypoint: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where one plugin's PEX comes from."""

    build: PluginBuild
    requirements: Requirements
    interpreter: Interpreter
    cache: Path
    store: Store | None
    on_progress: Progress
    build_allowed: bool

    def layout(self, key: str) -> Layout:
        """Return the unpacked PEX; one that does not boot is made anew, once."""
        pex, roots = self.cache / key, pex_roots(self.cache)
        self.obtain(key)
        try:
            return lay_out(pex, self.interpreter, roots, self.on_progress)
        except DamagedPexError as err:
            self.on_progress(f"{self.build.name}: {pex} cannot be used ({err}), replacing it")
        self.obtain(key, damaged=pex.stat().st_mtime_ns if pex.exists() else 0)
        try:
            return lay_out(pex, self.interpreter, roots, self.on_progress)
        except DamagedPexError as err:
            reason = f"{self.build.name} is there, but its PEX does not boot: {err}."
            raise PluginBuildError(reason, "Try another `python:` or `pip_url`.") from err

    def obtain(self, key: str, *, damaged: int | None = None) -> None:
        """Put the PEX into the cache, unless it is there (and is not the damaged one)."""

        def there() -> bool:
            pex = self.cache / key
            return pex.is_file() and pex.stat().st_mtime_ns != damaged

        if there():
            return
        with self.locked(key):
            if there():
                return
            # The store's copy may be the damaged one, so building anew goes first where it may.
            if damaged is not None and self.build_allowed:
                self.built(key)
            elif not self.fetched(key):
                self.built_by_one(key)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold the key's lock; wait for whoever has it."""
        try:
            (self.cache / ".locks").mkdir(parents=True, exist_ok=True)
            lock = _lock(self.cache, key)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self.on_progress(f"{self.build.name}: another process is building it, waiting …")
                lock.acquire()
        except OSError as err:
            reason = f"{self.build.name} is not in {self.cache}, which cannot be written: {err.strerror}."
            raise PluginBuildError(reason, "Make it writable, or build into it beforehand.") from err
        try:
            yield
        finally:
            lock.release()

    def fetched(self, key: str) -> bool:
        """Take the PEX from the store, if it has one, and if it is the one that was put there."""
        pex = self.cache / key
        if self.store is None or is_kept_at(pex, self.store, key):
            return False
        try:
            with _private(self.cache, key) as directory:
                arrived = directory / "plugin.pex"
                if not self.store.fetch(f"plugins/{key}", arrived):
                    return False
                self.store.fetch(f"plugins/{key}.sha256", seal_of(arrived))
                if not is_sealed(arrived):
                    raise self.damaged(key, self.store)
                self.store.fetch(f"plugins/{key}.lock", lock_of(pex))
                arrived.chmod(0o755)
                seal(arrived, pex)
                arrived.replace(pex)
        except StorageError as err:
            if not self.build_allowed:
                raise
            self.on_progress(f"{self.build.name}: cannot be taken from the store. {err}")
            return False
        self.on_progress(f"Fetched {self.build.name} from {self.store.url}")
        return True

    def built_by_one(self, key: str) -> None:
        """Build the PEX while other machines wait for it, or wait and take what another one builds."""
        if not self.build_allowed:
            raise self.unavailable(key)
        with ExitStack() as turn:
            if self.store and not is_kept_at(self.cache / key, self.store, key):
                store, name = self.store, self.build.name
                waiting = leased(
                    store,
                    f"leases/plugins/{key}",
                    done=lambda: store.exists(f"plugins/{key}"),
                    on_wait=lambda host: self.on_progress(f"{name}: {host} is building it, waiting …"),
                )
                try:
                    turn.enter_context(waiting)
                    # Somebody may have built it since we looked.
                    if self.fetched(key):
                        return
                except StorageError as err:
                    self.on_progress(f"{name}: other machines may build it, too. {err}")
            self.built(key)

    def unavailable(self, key: str) -> PluginError:
        """Return the error for a plugin that is nowhere and may not be built."""
        target = f"Python {self.interpreter.abi}, {self.interpreter.system} {self.interpreter.machine}, {libc()}"
        places = f"{self.cache}" + (f", nor in {self.store.url}/plugins" if self.store else "")
        return PluginError(
            f"{self.build.name} is not in {places} (key {key[:12]}, for {target}), "
            "and building is not allowed here.",
            f"Run `dlt-singer build {self.build.name}` on such a machine with the same store, "
            "or allow it with `build: true`.",
        )

    def damaged(self, key: str, store: Store) -> StorageError:
        """Return the error for a copy in the store that is not what was put there."""
        return StorageError(
            f"{store.url}/plugins/{key} is not the PEX that was built: "
            f"its hash is not the one in {key}.sha256 beside it, or that is missing.",
            f"Delete it there and run `dlt-singer build {self.build.name} --push` where building is allowed.",
        )

    def built(self, key: str) -> None:
        """Build the PEX, put it into the cache and the store."""
        plugin, pex, started = self.build, self.cache / key, time.monotonic()
        self.on_progress(f"Building {plugin.name} (python {self.interpreter.abi}) …")
        with _private(self.cache, key) as directory:
            variables = tool_variables(os.environ, uv_variables(os.environ), directory)
            shop = Workshop(plugin.name, directory, plugin.root, variables, self.on_progress)
            start = Start(plugin.base or plugin.name, plugin.executable, plugin.entrypoint)
            made = build_pex(self.requirements, self.interpreter, start, shop)
            _flush(made.pex)
            made.lock.replace(lock_of(pex))
            seal(made.pex, pex)
            made.pex.replace(pex)
            _flush(self.cache)
        size_mb, seconds = pex.stat().st_size / 1e6, time.monotonic() - started
        self.on_progress(f"Built {plugin.name} in {seconds:.1f} s ({size_mb:.1f} MB)")
        if self.store and not is_kept_at(pex, self.store, key):
            try:
                upload(pex, lock_of(pex), self.store, key)
            except StorageError as err:
                self.on_progress(f"{plugin.name}: cannot be kept in the store. {err}")


def lock_of(pex: Path) -> Path:
    """Return where the lock of what was resolved is."""
    return pex.with_name(f"{pex.name}.lock")


def is_kept_at(pex: Path, store: Store, key: str) -> bool:
    """Return whether the store's copy is the cache's own file."""
    root = store.local_root
    return root is not None and (root / "plugins" / key).resolve() == pex.resolve()


def upload(pex: Path, lock: Path, store: Store, key: str) -> None:
    """Put PEX, lock and hash into the store."""
    for file, name in ((lock, f"{key}.lock"), (seal_of(pex), f"{key}.sha256")):
        if file.is_file():
            store.publish(file, f"plugins/{name}")
    # Last, so that whoever sees the PEX finds what belongs to it.
    store.publish(pex, f"plugins/{key}")


@contextmanager
def _private(cache: Path, key: str) -> Iterator[Path]:
    """Yield an empty directory for the build of `key`; remove those of builds that were killed."""
    place = cache / ".build"
    place.mkdir(parents=True, exist_ok=True)
    for left in place.iterdir():
        owner = left.name.partition(".")[0]
        # Whoever still builds there holds the lock; this key's is held by the caller.
        with suppress(Timeout), nullcontext() if owner == key else _lock(cache, owner).acquire(0):
            shutil.rmtree(left, ignore_errors=True)
    # Never the same name twice: the tools of a killed build may still write into theirs.
    directory = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=place))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _lock(cache: Path, key: str) -> FileLock:
    return FileLock(cache / ".locks" / key)


def _flush(path: Path) -> None:
    """Make the file or directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
