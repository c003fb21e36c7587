"""The shares drill: a reservoir loaded in shares by processes at the same time, one of them killed and done again.

    python -m tests.drills.shares [--rounds 5] [--shares 4]

Each round kills one share at another moment, does it again, joins all of them and replays. Every row must be there
once, in files and in DuckDB, and the replay behind the shares must load nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import duckdb

from dlt_singer.source.writing import write
from dlt_singer.testing import FakeTap, Table

SCRIPT = Path(__file__).parents[2] / "pipelines" / "replay_pipeline.py"
RUNS, ROWS = 6, 20_000


def main(rounds: int, shares: int) -> int:
    """Mirror once, load in shares each round; return the exit code."""
    root = Path(tempfile.mkdtemp(prefix="shares-"))
    os.chdir(root)
    mirror(root)
    until = datetime.now(timezone.utc).isoformat()
    wrong = 0
    for number in range(rounds):
        destination = ("filesystem", "duckdb")[number % 2]
        lake = Lake(root, root / f"round_{number}", destination, until)
        lake.load(shares, killed=number % shares, after_s=random.uniform(2, 8))
        lake.ended(lake.start(DLT_SINGER_JOIN=str(shares)))
        lake.ended(lake.start(DLT_SINGER_OUTPUTS=str(root / "outputs.json")))
        new = json.loads((root / "outputs.json").read_text())["rows"]
        found = lake.counts()
        expected = {"logs": RUNS * ROWS, "users": ROWS if destination == "duckdb" else RUNS * ROWS}
        right = (found, new) == (expected, 0)
        wrong += not right
        print(f"round {number}, {destination}: {found}, {new} new; {'right' if right else 'WRONG'}", flush=True)  # noqa: T201
    shutil.rmtree(root)
    return int(wrong > 0)


def mirror(root: Path) -> None:
    """Put runs into the reservoir of a tap: rows that are only added, and keyed ones that all change each time."""
    tap = FakeTap(root).configure(reservoir=True)
    for run in range(RUNS):
        logs = [{"at": run * ROWS + number} for number in range(1, ROWS + 1)]
        users = [{"id": number, "seen": run} for number in range(ROWS)]
        tap.emits(
            Table("logs", logs, {"at": "integer"}, [], "at"),
            Table("users", users, {"id": "integer", "seen": "integer"}, ["id"], "seen"),
        )
        write(tap.name, project_dir=root)


class Lake:
    """Where one round loads."""

    def __init__(self, root: Path, place: Path, destination: str, until: str) -> None:
        self.root, self.place, self.destination = root, place, destination
        place.mkdir()
        self._environ = {
            **os.environ,
            "DLT_SINGER_TAP": "tap-fake",
            "DLT_SINGER_UNTIL": until,
            "DLT_SINGER_DESTINATION": destination,
            "DESTINATION__FILESYSTEM__BUCKET_URL": str(place / "files"),
            "DESTINATION__DUCKDB__CREDENTIALS": str(place / "lake.duckdb"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }

    def start(self, **env: str) -> subprocess.Popen[bytes]:
        """Start the script on a worker whose disk is empty."""
        disk = tempfile.mkdtemp(prefix="disk-", dir=self.place)
        environ = {**self._environ, "DLT_DATA_DIR": disk, **env}
        return subprocess.Popen(
            [sys.executable, str(SCRIPT)], cwd=self.root, env=environ, stdout=subprocess.DEVNULL
        )

    def ended(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for its end, which must be a good one."""
        code = process.wait(300)
        if code:
            raise SystemExit(f"a step ended with {code}")
        return code

    def load(self, shares: int, *, killed: int, after_s: float) -> None:
        """Load all shares at the same time; kill one and do it again."""
        named = [f"{place}/{shares}" for place in range(1, shares + 1)]
        victim = self.start(DLT_SINGER_SHARE=named[killed])
        others = [self.start(DLT_SINGER_SHARE=share) for share in named if share != named[killed]]
        time.sleep(after_s)
        victim.kill()
        victim.wait()
        others.append(self.start(DLT_SINGER_SHARE=named[killed]))
        for process in others:
            self.ended(process)

    def counts(self) -> dict[str, int]:
        """Return how many different rows each table has; a row that is there twice is an error."""
        with contextlib.closing(duckdb.connect()) as connection:
            if self.destination == "duckdb":
                connection.execute(f"ATTACH '{self.place / 'lake.duckdb'}' AS lake")
            found = {}
            for table, columns in {"logs": '"at"', "users": "id, seen"}.items():
                where = f"lake.replayed.{table}"
                if self.destination == "filesystem":
                    where = f"read_parquet('{self.place}/files/replayed/{table}/*.parquet')"
                rows = Counter(connection.execute(f"SELECT {columns} FROM {where}").fetchall())
                if max(rows.values(), default=1) > 1:
                    raise SystemExit(f"{table} has rows twice")
                if table == "users" and self.destination == "duckdb" and {seen for _, seen in rows} != {RUNS - 1}:
                    raise SystemExit("a row of an older run has won")
                found[table] = len(rows)
        return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shares", type=int, default=4)
    given = parser.parse_args()
    sys.exit(main(given.rounds, given.shares))
