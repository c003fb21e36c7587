"""What was measured on: processor, memory, versions, commit, date."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("dlt", "duckdb", "pyarrow", "msgspec")


def machine() -> str:
    """Return the machine in a few words."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{os.cpu_count()} cores ({_processor()}), {memory / 2**30:.0f} GiB of memory, {platform.system()}"


def versions() -> str:
    """Return what ran."""
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return f"CPython {platform.python_version()}, {packages}"


def today() -> str:
    """Return the date."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


def commit(root: Path) -> str:
    """Return the commit that was measured, marked if files have changed since."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return platform.processor() or platform.machine()
