"""Singer targets from the package registry, each in an environment of its own, behind the same tap."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.job import Job


class NotInstalledError(Exception):
    """A target could not be installed; the text says why."""


def python(requirements: tuple[str, ...], cache: Path) -> Path:
    """Return the interpreter of a target's environment, made at most once.

    Args:
        requirements: What to install, the target first.
        cache: Where environments are kept.

    Raises:
        NotInstalledError: The target could not be installed.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = cache / "environments" / f"{requirements[0].replace('==', '-')}-python{version}"
    interpreter = place / "bin" / "python"
    if not interpreter.exists():
        unfinished = place.with_name(f"{place.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        print(f"installing {' '.join(requirements)} into {place}")
        uv = [sys.executable, "-m", "uv"]
        _run([*uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(unfinished)])
        _run([*uv, "pip", "install", "--quiet", "--python", str(unfinished / "bin" / "python"), *requirements])
        unfinished.rename(place)
    return interpreter


def prepare(job: Job) -> Callable[[], object]:
    """Refuse: a target runs in its own environment, by `target_program`."""
    raise NotImplementedError(f"{job.peer} has an environment of its own.")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise NotInstalledError(f"cannot be installed: {lines[-1] if lines else 'no reason given'}")
