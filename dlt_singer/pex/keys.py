"""The name of a build: a digest of everything that decides what comes out of it.

In: requirements, interpreter, C library, `_version`. Out: 64 hex digits. Credentials and absolute
paths do not count, so that one build serves every machine it fits; local files count by content.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from dlt_singer.pex.interpreters import Interpreter
from dlt_singer.pex.requirements import Requirements, parse_pip_url
from dlt_singer.storage import redact_url

RECIPE = 1
"""Raised when a new way of building makes old builds unfit."""

_NEVER = frozenset({
    ".git", ".hg", ".svn", "__pycache__", ".venv", ".tox", ".nox", ".eggs", "node_modules", ".DS_Store",
    ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis",
})  # fmt: skip
_NEVER_ON_TOP = frozenset({"build", "dist", "venv", "env", ".alto"})


def plugin_key(
    requirements: Requirements, interpreter: Interpreter, libc: str, version: str | None, root: Path
) -> str:
    """Return the key under which this build is kept, here and in the store.

    Args:
        requirements: What is installed.
        interpreter: What it is installed for; its patch version does not count.
        libc: Family and version of the C library.
        version: The plugin's `_version`.
        root: The project's root, to name local files by.
    """
    parts = {
        "recipe": RECIPE,
        "packages": sorted(redact_url(package.text) + package.extras for package in requirements.packages),
        "lines": [redact_url(line).replace(str(root), ".") for line in requirements.file_lines],
        "flags": [
            [redact_url(flag).replace(str(root), ".") for flag in flags]
            for flags in (requirements.install_flags, requirements.pack_flags)
        ],
        "interpreter": [interpreter.implementation, interpreter.abi],
        "platform": [interpreter.system, interpreter.machine, libc],
        "version": version,
        "contents": _contents(requirements, root),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def local_contents(pip_url: str, root: Path) -> dict[str, str]:
    """Return a digest of each local file or directory that `pip_url` names, by its path from `root`."""
    return _contents(parse_pip_url(pip_url, root), root)


def _contents(requirements: Requirements, root: Path) -> dict[str, str]:
    packages = [package.path for package in requirements.packages if package.path]
    return {os.path.relpath(path, root): content_digest(path) for path in [*packages, *requirements.files]}


def content_digest(path: Path) -> str:
    """Return a digest of a file's bytes, or of the names and bytes of all source files under it."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in source_files(path):
        content = file.read_bytes() if file.is_file() else str(file.readlink()).encode()
        digest.update(f"{file.relative_to(path).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def source_files(directory: Path) -> Iterator[Path]:
    """Yield the files of a source tree in a fixed order, without what builds and tools leave there."""
    for folder, folders, files in os.walk(directory):
        here = Path(folder)
        on_top = here == directory
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not _is_leftover(name, on_top=on_top))
        for name in sorted([*files, *linked]):
            if not _is_leftover(name, on_top=on_top):
                yield here / name


def _is_leftover(name: str, *, on_top: bool) -> bool:
    if name in _NEVER or name.endswith((".egg-info", ".pyc", ".pyo")):
        return True
    return on_top and name in _NEVER_ON_TOP
