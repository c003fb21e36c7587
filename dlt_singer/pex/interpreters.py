"""The Python interpreter a plugin asks for, among those of this machine.

In: the value of `python:`. Out: an interpreter that was seen to run, with what decides whether a
build for it fits elsewhere. Never downloads one.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dlt_singer.errors import InterpreterNotFoundError

_PROBE = """
import json, platform, sys, sysconfig
print(json.dumps([sys.implementation.name, list(sys.version_info[:3]), getattr(sys, "abiflags", ""),
    platform.system(), platform.machine(), bool(sysconfig.get_config_var("Py_GIL_DISABLED"))]))
"""
_PROBE_TIMEOUT_S = 10
_VERSION = re.compile(r"(?:c?python[@-]?)?(?P<version>\d+(?:\.\d+){0,2})(?P<free>t?)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that was seen to run.

    Attributes:
        path: Its executable.
        implementation: `cpython`, `pypy`.
        version: Major, minor, patch.
        abi: `3.11`, `3.13t`: what compiled packages must fit.
        system: `Linux`, `Darwin`.
        machine: `x86_64`, `arm64`.
    """

    path: Path
    implementation: str
    version: tuple[int, int, int]
    abi: str
    system: str
    machine: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))} at {self.path}"


def find_interpreter(wanted: str | None) -> Interpreter:
    """Return the interpreter that `python:` asks for.

    Args:
        wanted: `3.9`, `3.9.18`, a path, a command, or None for the one that runs us.

    Raises:
        InterpreterNotFoundError: None here fits; the error lists those that were found.
    """
    if not wanted:
        return running_interpreter()
    asked = _VERSION.match(wanted)
    if asked is None:
        candidates: Iterable[Path] = [Path(shutil.which(wanted) or wanted).expanduser()]
        fits = None
    else:
        fits = (tuple(int(part) for part in asked["version"].split(".")), asked["free"])
        candidates = _candidates(asked["version"])
        if _matches(running_interpreter(), fits):
            return running_interpreter()
    for candidate in candidates:
        found = probe(candidate)
        if found and (fits is None or _matches(found, fits)):
            return found
    raise _not_found(wanted)


@functools.cache
def running_interpreter() -> Interpreter:
    """Return the interpreter under the environment that runs us."""
    major, minor, patch = sys.version_info[:3]
    base = Path(sys.base_prefix, "bin", f"python{major}.{minor}")
    path = base if os.access(base, os.X_OK) else Path(sys.executable).resolve()
    free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    abi = f"{major}.{minor}{'t' if free else ''}"
    version = (major, minor, patch)
    return Interpreter(path, sys.implementation.name, version, abi, platform.system(), platform.machine())


@functools.cache
def probe(path: Path) -> Interpreter | None:
    """Return what the executable says of itself, or None if it does not run.

    Running it is the point: a pyenv shim is there and executable, and still fails.
    """
    if not os.access(path, os.X_OK) or path.is_dir():
        return None
    try:
        # -E -s: neither our PYTHONPATH nor the user's site may change the answer.
        done = subprocess.run(
            [str(path), "-E", "-s", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        implementation, version, flags, system, machine, free = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    abi = f"{version[0]}.{version[1]}{'t' if free else ''}{'d' if 'd' in flags else ''}"
    major, minor, patch = version
    return Interpreter(path, implementation, (major, minor, patch), abi, system, machine)


@functools.cache
def libc() -> str:
    """Return the C library's family and version, such as `glibc 2.36` or `musl 1.2.4`."""
    if sys.platform == "darwin":
        return f"macos {platform.mac_ver()[0].partition('.')[0]}"
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        name = None
    if name:
        return name
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        said = subprocess.run([str(loader)], capture_output=True, text=True, check=False).stderr
        found = re.search(r"Version (\S+)", said)
        return f"musl {found[1]}" if found else "musl"
    return "unknown"


def _matches(found: Interpreter, fits: tuple[tuple[int, ...], str]) -> bool:
    version, free = fits
    return found.version[: len(version)] == version and found.abi.endswith("t") == bool(free)


def _candidates(version: str) -> Iterator[Path]:
    """Yield where an interpreter of this version may be, likeliest first."""
    parts = version.split(".")
    short = ".".join(parts[:2])
    names = [f"python{short}"] if len(parts) > 1 else [f"python{short}", "python3"]
    for folder in _folders():
        yield from (folder / name for name in names)
    for folder in _versioned_folders():
        if re.match(rf"(.*-)?{re.escape(version)}(\D|$)", folder.name):
            yield folder / "bin" / "python3"
    uv = shutil.which("uv")
    if uv:
        yield from _found_by_uv(uv, version)


def _folders() -> list[Path]:
    path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    usual = [Path(entry) for entry in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")]
    return list(dict.fromkeys([*path, *usual, *sorted(Path("/opt").glob("*/bin"))]))


def _versioned_folders() -> list[Path]:
    """Return the directories of pyenv and uv that hold one interpreter each, newest first."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where nobody has one
    homes = [
        Path(os.environ.get("PYENV_ROOT") or f"{home}/.pyenv", "versions"),
        Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or f"{home}/.local/share/uv/python"),
        Path("/Library/Frameworks/Python.framework/Versions"),
    ]
    found = [folder for home in homes if home.is_dir() for folder in home.iterdir()]
    return sorted(found, key=lambda folder: [int(n) for n in re.findall(r"\d+", folder.name)], reverse=True)


def _found_by_uv(uv: str, version: str) -> Iterator[Path]:
    command = [uv, "python", "find", "--no-python-downloads", "--no-project", version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout.strip():
        yield Path(done.stdout.strip())


def _not_found(wanted: str) -> InterpreterNotFoundError:
    places = [path for folder in _folders() for path in sorted(folder.glob("python3*"))]
    places += [folder / "bin" / "python3" for folder in _versioned_folders()]
    named = [path for path in places if re.fullmatch(r"python3(\.\d+t?)?", path.name)]
    found = {found.path.resolve(): found for path in named if (found := probe(path))}
    listed = "; ".join(str(item) for item in sorted(found.values(), key=lambda item: item.version))
    return InterpreterNotFoundError(
        f"The plugin asks for python '{wanted}', which is not on this machine. Found: {listed or 'none'}.",
        "Install it (e.g. with pyenv or uv), or change `python:`.",
    )
