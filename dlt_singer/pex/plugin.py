"""The executable of a plugin, built at most once.

In: a plugin's settings, the local cache, the project's store. Out: the command line and environment
that start the plugin. Looks in the cache, then in the store, and builds only if neither has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dlt_singer.errors import PluginError
from dlt_singer.pex.boot import Layout, drop_layout, pex_roots
from dlt_singer.pex.cache import PluginBuild, Progress, Source, is_kept_at, lock_of, upload
from dlt_singer.pex.interpreters import find_interpreter, libc
from dlt_singer.pex.keys import plugin_key
from dlt_singer.pex.requirements import parse_pip_url
from dlt_singer.pex.scripts import choose_script
from dlt_singer.pex.seal import is_hash_of, is_sealed, seal_of
from dlt_singer.storage import Store


@dataclass(frozen=True, slots=True)
class PluginExecutable:
    """How to start a plugin.

    Attributes:
        argv: The command line up to the plugin's own arguments.
        env: Variables to set on top of the environment.
        key: The build's key in the cache and the store.
        pex: The PEX itself.
        lock: What was resolved; may be missing if the PEX came without.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    key: str
    pex: Path
    lock: Path


def executable(
    build: PluginBuild,
    cache: Path,
    store: Store | None,
    *,
    on_progress: Progress,
    build_allowed: bool = True,
) -> PluginExecutable:
    """Return what starts the plugin, building it at most once.

    Args:
        build: The plugin.
        cache: The local cache, `.alto/plugins`.
        store: The project's store, or None; its copy is under `plugins/<key>`.
        on_progress: Takes one line of progress; silent if the plugin is there.
        build_allowed: False takes what is in the cache or the store, or fails.

    Raises:
        InterpreterNotFoundError: `python:` is not on this machine.
        PluginBuildError: The build failed, or its result lacks the plugin's command.
        PluginError: Building is not allowed and nobody has built it.
        ConfigError: `pip_url` cannot be used.

    Example:
        >>> plugin = PluginBuild("tap-x", "./taps/tap-x", root=Path("/project"))
        >>> executable(plugin, Path("/project/.alto/plugins"), None, on_progress=print)  # doctest: +SKIP
        Building tap-x (python 3.11) …
    """
    interpreter = find_interpreter(build.python)
    requirements = parse_pip_url(build.pip_url, build.root)
    key = plugin_key(requirements, interpreter, libc(), build.version, build.root.absolute())
    source = Source(build, requirements, interpreter, cache.absolute(), store, on_progress, build_allowed)
    layout = source.layout(key)
    return _start(build, layout, source.cache / key, on_progress)


def find_built(build: PluginBuild, cache: Path) -> Path | None:
    """Return the plugin's PEX in the local cache; None if it is not there. Builds and fetches nothing.

    Args:
        build: The plugin.
        cache: The local cache.

    Raises:
        InterpreterNotFoundError: `python:` is not on this machine.
        ConfigError: `pip_url` cannot be used.
    """
    pex = cache.absolute() / key_of(build)
    return pex if pex.is_file() else None


def forget(build: PluginBuild, cache: Path) -> tuple[Path, ...]:
    """Remove a plugin's PEX, its lock and what it unpacked from this machine; the store keeps its copy.

    Args:
        build: The plugin.
        cache: The local cache.

    Returns:
        The files that were there.

    Raises:
        InterpreterNotFoundError: `python:` is not on this machine.
        ConfigError: `pip_url` cannot be used.
    """
    pex = cache.absolute() / key_of(build)
    drop_layout(pex, pex_roots(cache.absolute()))
    found = tuple(file for file in (pex, lock_of(pex), seal_of(pex)) if file.is_file())
    for file in found:
        file.unlink()
    return found


def key_of(build: PluginBuild) -> str:
    """Return the key under which the build is kept, here and in the store."""
    interpreter = find_interpreter(build.python)
    requirements = parse_pip_url(build.pip_url, build.root)
    return plugin_key(requirements, interpreter, libc(), build.version, build.root.absolute())


def publish(found: PluginExecutable, store: Store, *, on_progress: Progress) -> bool:
    """Upload a plugin that the store does not have yet, or only damaged.

    Args:
        found: The plugin.
        store: The project's store; its copy is read whole.
        on_progress: Takes one line if the store's copy is damaged.

    Returns:
        Whether it was uploaded.

    Raises:
        PluginError: What is here is damaged, too.
        StorageError: The store refused.
    """
    if is_kept_at(found.pex, store, found.key):
        return False
    with store.reading(f"plugins/{found.key}") as content:
        if content is not None:
            if is_hash_of(content, store.read(f"plugins/{found.key}.sha256") or b""):
                return False
            on_progress(f"{store.url}/plugins/{found.key} is not the PEX that was built, replacing it")
    if not is_sealed(found.pex):
        raise PluginError(
            f"{found.pex} is not the PEX that was built: its hash is not the one beside it, or that is missing.",
            "Remove it with `dlt-singer clean pex`, and build it again.",
        )
    upload(found.pex, found.lock, store, found.key)
    return True


def _start(build: PluginBuild, layout: Layout, pex: Path, on_progress: Progress) -> PluginExecutable:
    env = {"PEX_ROOT": str(layout.pex_root), "PEX": str(pex)}
    if build.entrypoint:
        env["PEX_MODULE"] = build.entrypoint
    else:
        env["PEX_SCRIPT"] = _script(build, lock_of(pex), on_progress)
    # The PEX itself would first search PATH for an interpreter; this is what it would start in the end.
    argv = (str(layout.venv / "bin" / "python"), "-I", str(layout.venv))
    return PluginExecutable(argv, env, pex.name, pex, lock_of(pex))


def _script(build: PluginBuild, lock: Path, on_progress: Progress) -> str:
    try:
        installed = json.loads(lock.read_text(encoding="utf-8"))["commands"]
    except (OSError, ValueError, KeyError):
        return build.executable or build.base or build.name
    script = choose_script(build.base or build.name, build.executable, installed)
    if script.note:
        on_progress(script.note)
    return script.name
