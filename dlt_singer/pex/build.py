"""One build: requirements in, a PEX and the lock of what went into it out.

uv resolves and installs into a private virtual environment, pex packs that environment. Everything
happens in one directory that the caller owns and removes; nothing is published from here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distributions, version
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from dlt_singer.errors import PluginBuildError
from dlt_singer.pex.commands import Workshop
from dlt_singer.pex.interpreters import Interpreter
from dlt_singer.pex.keys import source_files
from dlt_singer.pex.requirements import Package, Requirements
from dlt_singer.pex.scripts import choose_script
from dlt_singer.storage import redact_url

# Loads the entry point without calling it: a tap's `--help` might start a sync, its import does not.
_LOOK = """
import importlib, sys
value = sys.argv[1]
if ":" not in value:
    try:
        from importlib.metadata import entry_points
    except ImportError:  # before Python 3.8
        sys.exit()
    found = entry_points()
    found = found.select(group="console_scripts") if hasattr(found, "select") else found["console_scripts"]
    value = {point.name: point.value for point in found}.get(value, "")
if value:
    module, _, attribute = value.partition("[")[0].partition(":")
    found = importlib.import_module(module.strip())
    for name in attribute.strip().split(".") if attribute.strip() else ():
        found = getattr(found, name)
"""
# uv has judged the versions; without --ignore-errors pex would refuse what --no-deps and --override allowed.
_PACK = ("-m", "pex", "--venv", "prepend", "--sh-boot", "--ignore-errors")
_LOOK_TIMEOUT_S = 120
_NO_PLUGIN_COMMANDS = ("python", "activate", "deactivate", "pydoc")


@dataclass(frozen=True, slots=True)
class Built:
    """What a build leaves in its directory.

    Attributes:
        pex: The executable.
        lock: What was resolved, as JSON.
    """

    pex: Path
    lock: Path


@dataclass(frozen=True, slots=True)
class Start:
    """What starts the plugin: a module and attribute, or a console script."""

    plugin: str
    executable: str | None
    entrypoint: str | None


def build_pex(requirements: Requirements, interpreter: Interpreter, start: Start, shop: Workshop) -> Built:
    """Build a PEX of the requirements.

    Args:
        requirements: What to install.
        interpreter: What to install it for.
        start: What must be there at the end.
        shop: Where to work.

    Raises:
        PluginBuildError: Resolving, installing or packing failed, or the plugin's command is not there.
    """
    venv = shop.directory / "venv"
    uv = _uv()
    shop.run([uv, "venv", "--no-project", "--python", interpreter.path, venv], "Creating an environment")
    install: list[str | Path] = [uv, "pip", "install", "--python", _python(venv), *requirements.install_flags]
    wanted = _requirements_file(requirements, shop)
    shop.run([*install, "--requirement", wanted], "Installing its requirements")
    _refuse_misfits(venv, interpreter, shop.plugin)
    scripts = _scripts(venv, start, shop, install)
    if not start.entrypoint:
        choose_script(start.plugin, start.executable, scripts)
    resolved = _resolved(uv, venv, requirements, shop)
    lock = shop.directory / "plugin.lock"
    lock.write_text(_lock(requirements, interpreter, scripts, resolved), encoding="utf-8")
    pex = shop.directory / "plugin.pex"
    pack: list[str | Path] = [sys.executable, *_PACK]
    pack += ["--venv-repository", venv, "--tmpdir", shop.directory]
    shop.run([*pack, *requirements.pack_flags, "--output-file", pex], "Packing")
    return Built(pex, lock)


def _uv() -> str:
    from uv import find_uv_bin

    try:
        return str(find_uv_bin())
    except FileNotFoundError:
        on_path = shutil.which("uv")
    if on_path:
        return on_path
    raise PluginBuildError("uv, which installs plugins, is not there.", "Run `pip install uv`.")


def _refuse_misfits(venv: Path, interpreter: Interpreter, plugin: str) -> None:
    """Refuse packages for other Pythons: uv passes over upper bounds, and the PEX would not boot."""
    running = ".".join(map(str, interpreter.version))
    for package in distributions(path=[str(folder) for folder in venv.glob("lib/python*/site-packages")]):
        wanted = next(iter(package.metadata.get_all("Requires-Python") or ()), "")
        with suppress(InvalidSpecifier):
            if wanted and running not in SpecifierSet(wanted):
                raise PluginBuildError(
                    f"{plugin} cannot be built: {package.metadata['Name']} {package.version} "
                    f"is for Python {wanted}, and this is {running}.",
                    "Choose an interpreter that fits with `python:` (`add` takes --python), "
                    "or another version in `pip_url`.",
                )


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _requirements_file(requirements: Requirements, shop: Workshop) -> Path:
    """Write what to install; a file, because command lines are visible to every user of the machine."""
    packages = [
        f"{_copied(package.path, shop.directory / 'sources' / str(number))}{package.extras}"
        if package.path
        else package.text
        for number, package in enumerate(requirements.packages)
    ]
    path = shop.directory / "requirements.txt"
    path.touch(mode=0o600)
    path.write_text("\n".join([*requirements.file_lines, *packages, ""]), encoding="utf-8")
    return path


def _copied(source: Path, target: Path) -> Path:
    """Return a copy of the source tree: build backends leave files in the tree they build."""
    if source.is_file():
        return source
    target = target / source.name
    for file in source_files(source):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            shutil.copy2(file, copy)
        else:
            copy.symlink_to(file.resolve())
    if (source / ".git").exists():
        # Versions taken from tags (setuptools-scm, hatch-vcs) need the history.
        (target / ".git").symlink_to((source / ".git").resolve())
    return target


def _scripts(venv: Path, start: Start, shop: Workshop, install: Sequence[str | Path]) -> list[str]:
    """Return the console scripts, after a look whether the plugin's own can be imported."""
    scripts, failure = _look(venv, start, shop)
    if "No module named 'pkg_resources'" in failure:
        # setuptools 82 dropped pkg_resources, which old taps import without requiring it.
        shop.on_progress(f"{shop.plugin}: needs pkg_resources, adding setuptools<82")
        shop.run([*install, "setuptools<82"], "Installing setuptools")
        scripts, failure = _look(venv, start, shop)
    if failure:
        shop.on_progress(f"{shop.plugin}: its entry point cannot be imported: {redact_url(failure)}")
    return scripts


def _look(venv: Path, start: Start, shop: Workshop) -> tuple[list[str], str]:
    names = [path.name for path in (venv / "bin").iterdir() if os.access(path, os.X_OK)]
    installed = sorted(name for name in names if not name.startswith(_NO_PLUGIN_COMMANDS))
    wanted = start.entrypoint or _choice(start, installed)
    done = subprocess.run(
        [str(_python(venv)), "-I", "-c", _LOOK, wanted],
        capture_output=True,
        text=True,
        errors="replace",
        cwd=shop.directory,
        timeout=_LOOK_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return installed, last if done.returncode else ""


def _choice(start: Start, installed: Sequence[str]) -> str:
    try:
        return choose_script(start.plugin, start.executable, installed).name
    except PluginBuildError:
        return ""


def _resolved(uv: str, venv: Path, requirements: Requirements, shop: Workshop) -> list[str]:
    for record in venv.glob("lib/python*/site-packages/*.dist-info/direct_url.json"):
        record.write_text(redact_url(record.read_text(encoding="utf-8")), encoding="utf-8")
    done = subprocess.run(
        [uv, "pip", "freeze", "--python", str(_python(venv))],
        capture_output=True,
        text=True,
        env=dict(shop.variables),
        check=False,
    )
    frozen = redact_url(done.stdout)
    for number, package in enumerate(requirements.packages):
        if package.path:
            copy = shop.directory / "sources" / str(number) / package.path.name
            frozen = frozen.replace(copy.as_uri(), package.text)
    return frozen.splitlines()


def _lock(
    requirements: Requirements, interpreter: Interpreter, scripts: Sequence[str], resolved: Sequence[str]
) -> str:
    facts = {
        "requirements": [_shown(package) for package in requirements.packages],
        "resolved": list(resolved),
        "commands": list(scripts),
        "python": f"{interpreter.implementation} {'.'.join(map(str, interpreter.version))}",
        "platform": f"{interpreter.system} {interpreter.machine}",
        "built_with": {"uv": version("uv"), "pex": version("pex")},
    }
    return json.dumps(facts, indent=2) + "\n"


def _shown(package: Package) -> str:
    return redact_url(package.text) + package.extras
