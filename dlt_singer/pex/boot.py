"""A PEX laid out on disk, ready to start in the time of a plain interpreter.

In: a PEX, its interpreter, a directory for layouts. Out: the virtual environment it unpacked itself
into. A layout with holes in it (interpreter gone, files cleaned away) is dropped and made again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from dlt_singer.pex.interpreters import Interpreter
from dlt_singer.pex.seal import is_sealed

_WHERE = "import sys; print(sys.prefix)"
_BOOT_TIMEOUT_S = 600
_STAMP = "layout.json"
_MODULES = frozenset({".py", ".so", ".dylib"})


class DamagedPexError(Exception):
    """The PEX is another than was built, or does not unpack or boot; carries the reason."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An unpacked PEX.

    Attributes:
        pex_root: What `PEX_ROOT` must be.
        venv: The environment inside it.
    """

    pex_root: Path
    venv: Path


def pex_roots(cache: Path) -> Path:
    """Return the directory that holds one PEX_ROOT per plugin."""
    home = os.environ.get("DLT_SINGER_HOME")
    return Path(home).expanduser().absolute() / "pex_root" if home else cache.parent / "pex_root"


def lay_out(pex: Path, interpreter: Interpreter, roots: Path, on_progress: Callable[[str], None]) -> Layout:
    """Return the PEX's layout, unpacking it if it is not there or not whole.

    Args:
        pex: The PEX; its file name names the layout.
        interpreter: Boots it.
        roots: Where layouts are kept; if they cannot be, it is in a private temporary directory.
        on_progress: Takes one line of progress.

    Raises:
        DamagedPexError: It does not boot.
    """
    # Short, because pex writes script headers into it and kernels cut those off at 127 characters.
    root = roots / pex.name[:16]
    found = _existing(pex, root)
    if found:
        return found
    if obstacle := _obstacle(roots):
        root = _private_directory() / pex.name[:16]
        found = _existing(pex, root)
        if found:
            return found
        on_progress(f"{roots} {obstacle}; unpacking plugins into {root.parent} instead")
    with _locked(root):
        return _existing(pex, root) or _unpacked(pex, interpreter, root)


def drop_layout(pex: Path, roots: Path) -> None:
    """Remove what the PEX unpacked, wherever it is."""
    for root in (roots / pex.name[:16], _private_directory() / pex.name[:16]):
        if root.is_dir() and os.access(root.parent, os.W_OK):
            with _locked(root):
                shutil.rmtree(root, ignore_errors=True)


def _existing(pex: Path, root: Path) -> Layout | None:
    try:
        stamp = json.loads((root / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    venv = Path(stamp["venv"])
    whole = stamp["pex"] == _identity(pex) and _whole(venv) and _as_unpacked(root, stamp.get("modules"))
    return Layout(root, venv) if whole else None


def _modules(root: Path) -> dict[str, int]:
    """Return the modules below a directory, with their sizes."""
    files = (file for file in root.rglob("*") if file.suffix in _MODULES and file.is_file())
    return {str(file.relative_to(root)): file.stat().st_size for file in files}


def _as_unpacked(root: Path, modules: dict[str, int] | None) -> bool:
    """Return whether all modules have the sizes they had; a layout that does not say is an old one."""
    try:
        return modules is not None and all((root / name).stat().st_size == size for name, size in modules.items())
    except OSError:
        return False


def _whole(venv: Path) -> bool:
    """Return whether interpreter and packages are there: both are links that can dangle."""
    packages = list(venv.glob("lib/python*/site-packages/*"))
    return os.access(venv / "bin" / "python", os.X_OK) and bool(packages) and all(p.exists() for p in packages)


def _unpacked(pex: Path, interpreter: Interpreter, root: Path) -> Layout:
    if not is_sealed(pex):
        raise DamagedPexError("it is not the file that was built or fetched")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("PEX_", "PYTHON", "__PEX"))}
    try:
        done = subprocess.run(
            [str(interpreter.path), str(pex), "-c", _WHERE],
            capture_output=True,
            text=True,
            errors="replace",
            env={**kept, "PEX_ROOT": str(root), "PEX_INTERPRETER": "1", "PEX_IGNORE_RCFILES": "true"},
            timeout=_BOOT_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise DamagedPexError(str(err)) from err
    venv = Path((done.stdout.strip().splitlines() or [""])[-1])
    if done.returncode or not venv.is_absolute() or not _whole(venv):
        shutil.rmtree(root, ignore_errors=True)
        raise DamagedPexError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    stamp = {"pex": _identity(pex), "venv": str(venv), "modules": _modules(root)}
    (root / _STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    return Layout(root, venv)


def _obstacle(roots: Path) -> str | None:
    """Return why nothing can be unpacked there, None if it can."""
    if any(character.isspace() for character in str(roots)):
        # pex does not quote the interpreter in the scripts it writes.
        return "has a space in it, which scripts cannot start from"
    return None if is_writable(roots) else "cannot be written"


def _identity(pex: Path) -> list[int]:
    facts = pex.stat()
    return [facts.st_size, facts.st_mtime_ns]


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.with_name(f".{root.name}.lock")):
        yield


def is_writable(directory: Path) -> bool:
    """Return whether files can be made in the directory, which is made if need be."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


def _private_directory() -> Path:
    """Return a directory under the temporary one that nobody else can have prepared for us."""
    directory = Path(tempfile.gettempdir(), f"dlt-singer-{os.getuid()}")
    directory.mkdir(mode=0o700, exist_ok=True)
    facts = directory.lstat()
    if directory.is_symlink() or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        directory = Path(tempfile.mkdtemp(prefix="dlt-singer-"))
    return directory
