"""Runs alto's own reservoir functions, in alto's environment: mirror a tap, emit to a target, compact.

argv: what to do, the tap as an executable, the target as one. HOME decides where alto keeps its things.
"""

from __future__ import annotations

import sys
import types
import uuid
from pathlib import Path

from alto import engine  # type: ignore[import-not-found] # it is in an environment of its own


class Plugin:
    """A plugin that is an executable."""

    supports_state = supports_catalog = supports_properties = False

    def __init__(self, name: str, executable: str) -> None:
        self.name = name
        self.pex_name = executable
        self.environment: dict[str, str] = {}

    def __str__(self) -> str:
        return self.name

    def get_stream_maps(self, _: object) -> list[object]:
        """Return none."""
        return []


class FileSystem(engine.AltoFileSystem):  # type: ignore[misc] # as above
    """alto's own file system, for executables that are there already."""

    def executable_path(self, fname: str, remote: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002 - alto's signature
        """Return the executable."""
        return fname


def main(what: str, tap_executable: str, target_executable: str) -> None:
    """Do one thing."""
    settings = types.SimpleNamespace(get=lambda key, default=None: {"PROJECT_NAME": "shared"}.get(key, default))
    settings.current_env = "default"
    filesystem = FileSystem(Path.cwd(), types.SimpleNamespace(inner=settings))
    tap, target = Plugin("tap-fake", tap_executable), Plugin("target-file", target_executable)
    if what == "mirror":
        Path(filesystem.config_path(tap.name)).write_text("{}", encoding="utf-8")
        engine.tap_to_reservoir(tap, str(uuid.uuid4()), filesystem, "default", 2)
    elif what == "emit":
        # alto's last position is kept between runs by alto's caller.
        state = Path(filesystem.state_path("reservoir-fake", "target-file"))
        kept = Path("emitted.json")
        state.parent.mkdir(parents=True, exist_ok=True)
        if kept.exists():
            state.write_text(kept.read_text())
        engine.reservoir_to_target(tap, target, str(uuid.uuid4()), filesystem, "default")
        kept.write_text(state.read_text())
    else:
        engine.compact_reservoir("tap-fake", filesystem, "default")


main(*sys.argv[1:])
