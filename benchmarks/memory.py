"""How much memory a process holds; knows the standard library alone."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path


def peak_bytes() -> int:
    """Return the most memory this process has held, in bytes.

    Linux lets a process inherit `ru_maxrss` from whoever started it, so there its own mark is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        marks = (line.split() for line in status.read_text(encoding="ascii", errors="replace").splitlines())
        return next(int(words[1]) << 10 for words in marks if words[:1] == ["VmHWM:"])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def held_bytes(pid: int) -> int:
    """Return the memory another process holds now, 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/statm")
        if status.exists():
            return int(status.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
        shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return int(shown.stdout or 0) << 10
    except (OSError, IndexError, ValueError):
        return 0
