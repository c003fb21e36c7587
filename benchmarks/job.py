"""What a measured process is told, as a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.datasets import DataSet
from benchmarks.workloads import WORKLOADS, Workload

DATABASE = "loaded.duckdb"
DATASET = "raw"
PIPELINE = "benchmark"


@dataclass(frozen=True, slots=True)
class Job:
    """One load by one peer.

    Attributes:
        workload: Key of the workload.
        peer: Who loads.
        share: Which part of the workload's rows, 1 for all.
        backend: Our `backend` argument.
        cache: Where data, projects and environments are kept.
        directory: The process's own directory, where everything it loads ends up.
        first: Whether this is the load before the one that is measured.
        profile: Whether to note where the time goes.
        tap: The tap's command line.
        tap_env: Variables of the tap's.
        spawned: When the process was started, in seconds since the epoch.
    """

    workload: str
    peer: str
    share: float
    backend: str
    cache: str
    directory: str
    first: bool = False
    profile: bool = False
    tap: tuple[str, ...] = ()
    tap_env: tuple[tuple[str, str], ...] = ()
    spawned: float = 0.0

    @property
    def load(self) -> Workload:
        """The workload."""
        return WORKLOADS[self.workload]

    @property
    def data(self) -> DataSet:
        """What is loaded."""
        return self.load.data.scaled(self.share)

    @property
    def data_directory(self) -> Path:
        """Where its files are."""
        return self.data.directory(Path(self.cache))

    @property
    def idle(self) -> bool:
        """Whether the tap has nothing to send now."""
        return self.load.idle and not self.first

    @property
    def project(self) -> Path:
        """Where the project is that defines our tap."""
        return Path(self.cache) / "projects" / f"{self.workload}-{self.share:g}"

    @property
    def database(self) -> Path:
        """The database that is loaded into."""
        return Path(self.directory) / DATABASE

    def write(self, path: Path) -> None:
        """Keep it in a file."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """Return what a file holds."""
        document = json.loads(path.read_text(encoding="utf-8"))
        given = {field.name: document[field.name] for field in fields(cls)}
        given["tap"] = tuple(given["tap"])
        given["tap_env"] = tuple((name, value) for name, value in given["tap_env"])
        return cls(**given)
