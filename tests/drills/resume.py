"""The resume drill: a tap that takes a minute for a hundred checkpoints, killed with its pipeline halfway.

    python -m tests.drills.resume [--checkpoints 100] [--seconds 60] [--markers]

The next run must ask the tap only for what came after one of the last five checkpoints, and the tables must be
right. With --markers the tap says that its progress is not resumable: the next run must ask for everything, and
say why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import dlt
import duckdb
import yaml

import dlt_singer
from tests.drills.stage import start, wait
from tests.drills.tap_slow import STREAMS, rows

TAP = Path(__file__).with_name("tap_slow.py")
LATE = 5
"""So many checkpoints may be lost with a pipeline that is killed."""


class Project:
    """A project with the slow tap."""

    def __init__(self, checkpoints: int, seconds: float, *, markers: bool) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="resume-"))
        self.checkpoints = checkpoints
        self.markers = markers
        self._notes = self.directory / "notes"
        pace_s = seconds / checkpoints
        tap = {
            "command": [sys.executable, "-I", "-S", str(TAP)],
            "capabilities": ["catalog", "discover", "state"],
            "config": {
                "checkpoints": checkpoints,
                "pace_s": pace_s,
                "markers": markers,
                "notes": str(self._notes),
            },
            "reservoir": True,
            "checkpoint_s": pace_s,
        }
        (self.directory / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-slow": tap}}}))

    def notes(self) -> list[dict[str, int]]:
        """Return what the tap has noted."""
        return list(map(json.loads, self._notes.read_text().splitlines())) if self._notes.exists() else []

    def asked(self) -> int:
        """Return the checkpoint that the tap was asked to go on from last; 0 for everything."""
        return [int(note["asked"]) for note in self.notes() if "asked" in note][-1]

    def kill_at(self, checkpoint: int) -> None:
        """Run the pipeline and kill it once the tap has sent a checkpoint."""
        process = start(self.directory, load)
        while {"sent": checkpoint} not in self.notes():
            time.sleep(0.02)
        os.kill(process, signal.SIGKILL)
        wait(process)

    def wrong(self, killed_at: int) -> list[str]:
        """Run once more and return what is wrong."""
        if code := wait(start(self.directory, load)):
            return [f"the run after the kill ended with {code}"]
        asked = self.asked()
        found = [] if self.markers or killed_at - LATE <= asked <= killed_at else [f"it went on from {asked}"]
        if self.markers and (asked or "progress_markers" not in (self.directory / "log").read_text()):
            found.append(f"it went on from {asked}, or did not say why it started over")
        with contextlib.closing(duckdb.connect(str(self.directory / "drill.duckdb"), read_only=True)) as connection:
            for stream in STREAMS:
                held = connection.execute(f'SELECT "at", id FROM raw.{stream} ORDER BY ALL').fetchall()
                expected = [
                    (row["at"], row["id"]) for each in range(1, self.checkpoints + 1) for row in rows(stream, each)
                ]
                found += [] if held == sorted(expected) else [f"{stream}: {len(held)} rows, not {len(expected)}"]
        return found


def load() -> None:
    """Load the tap."""
    pipeline = dlt.pipeline("drill", destination="duckdb", dataset_name="raw")
    dlt_singer.run(pipeline, dlt_singer.singer("tap-slow"))


def main() -> None:
    """Run the drill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--markers", action="store_true")
    arguments = parser.parse_args()
    project = Project(arguments.checkpoints, arguments.seconds, markers=arguments.markers)
    killed_at = arguments.checkpoints // 2
    project.kill_at(killed_at)
    wrong = project.wrong(killed_at)
    print("; ".join(wrong) or f"killed at {killed_at}, went on from {project.asked()}; all rows are there")  # noqa: T201
    if wrong:
        print(f"see {project.directory}/log")  # noqa: T201
        sys.exit(1)
    shutil.rmtree(project.directory)


if __name__ == "__main__":
    main()
