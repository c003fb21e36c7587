"""Running uv and pex: their progress goes to the caller, their failure becomes one error.

In: a command and its environment. Out: nothing, or a `PluginBuildError` with the tool's own last words,
without credentials. The child never outlives the call.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dlt_singer.errors import PluginBuildError
from dlt_singer.pex.boot import is_writable
from dlt_singer.storage import redact_url

_SLOW_AFTER_S = 3.0
_PROGRESS = re.compile(r"\s*(Resolved|Prepared|Installed|Downloading|Building|Built|Updating|Updated) ")
_NOISE = re.compile(r"\s*$|Using |Creating virtual|Activate with|warning: |\s*[+~-] \S+==")
_KEPT_LINES = 15


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where the tools of one build run.

    Attributes:
        plugin: The plugin's name, for messages.
        directory: The build's private directory.
        root: The project's root, where the tools are started.
        variables: The environment of the tools.
        on_progress: Takes one line of progress.
    """

    plugin: str
    directory: Path
    root: Path
    variables: Mapping[str, str]
    on_progress: Callable[[str], None]

    def run(self, command: Sequence[str | Path], doing: str) -> None:
        """Run a tool to its end.

        Args:
            command: The tool and its arguments.
            doing: What fails if it fails, as in "installing its requirements".

        Raises:
            PluginBuildError: The tool failed.
        """
        started, said = time.monotonic(), deque[str](maxlen=200)
        with subprocess.Popen(
            [str(part) for part in command],
            cwd=self.root,
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as tool:
            try:
                for line in tool.stdout or ():
                    said.append(line.rstrip())
                    if _PROGRESS.match(line) and time.monotonic() - started > _SLOW_AFTER_S:
                        self.on_progress(f"{self.plugin}: {redact_url(line.strip())}")
            except BaseException:
                # The whole group: uv and pex start build backends of their own.
                with suppress(ProcessLookupError):
                    os.killpg(tool.pid, signal.SIGKILL)
                raise
        if tool.returncode:
            raise self._failed(doing, tool.returncode, said)

    def _failed(self, doing: str, code: int, said: Sequence[str]) -> PluginBuildError:
        lines = [redact_url(line) for line in said if not _NOISE.match(line)][-_KEPT_LINES:]
        text = "\n".join(f"    {line}" for line in lines) or f"    (no output, exit code {code})"
        private = str(self.directory)
        reason = f"{doing} failed for {self.plugin}:\n{text.replace(private, '…')}\n"
        return PluginBuildError(reason, _remedy(" ".join(lines)))


def tool_variables(environ: Mapping[str, str], pip: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return the environment for uv and pex: the user's, without what would steer them elsewhere.

    Args:
        environ: The environment of this process.
        pip: pip's settings in uv's words.
        directory: The build's private directory, which also takes temporary files.
    """
    steering = ("PEX_", "PYTHON", "CONDA", "VIRTUAL_ENV", "__PEX", "UV_PYTHON", "UV_PROJECT", "UV_SYSTEM")
    home = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises
    if "UV_CACHE_DIR" not in environ and not is_writable(Path(home, "uv")):
        # A worker without a writable home still builds; it only downloads everything again.
        pip = {**pip, "UV_CACHE_DIR": str(directory / "uv_cache")}
    kept = {name: value for name, value in environ.items() if not name.startswith(steering)}
    return {
        **kept,
        **pip,
        "NO_COLOR": "1",
        "TMPDIR": str(directory),
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_LINK_MODE": environ.get("UV_LINK_MODE", "copy"),
        "PEX_ROOT": str(directory / "pex_root"),
        "PEX_IGNORE_RCFILES": "true",
        "PYTHONWARNINGS": "ignore",
    }


_REMEDIES = (
    ("git operation failed", "Check the network, the repository's URL and the credentials for it."),
    (
        "failed to fetch|error sending request|dns error",
        "Check the network, the index URL and its credentials.",
    ),
    (
        "not found in the package registry|no version",
        "Check name and version in `pip_url`, or name another index with --extra-index-url.",
    ),
    (
        r"requires-python|python version|\bdepends on python\b",
        "Choose another interpreter with `python:`, or another version in `pip_url`.",
    ),
    (
        "no solution found",
        "Loosen a version in `pip_url`, or overrule one of its dependencies with `--override FILE`.",
    ),
    (
        "failed to build|build backend",
        "Try an older `python:`, or a version that has a wheel for this one.",
    ),
    ("", "Correct `pip_url`; its requirements are installed as `uv pip install` would."),
)


def _remedy(said: str) -> str:
    return next(remedy for pattern, remedy in _REMEDIES if re.search(pattern, said.lower()))
