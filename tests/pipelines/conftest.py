"""A copy of the shipped project, and its scripts run in it as a person would."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

REPOSITORY = Path(__file__).parents[2]
SHIPPED = ("alto.yaml", "series.json", ".dlt", "pipelines", "taps")
_NOT_SHIPPED = shutil.ignore_patterns(
    "secrets.toml", "__pycache__", ".*_cache", ".venv", ".venvs", ".alto", "*.egg-info", "*.duckdb*"
)


@dataclass(frozen=True)
class Clone:
    """The project in a directory of its own, and the home of the account that works in it."""

    root: Path
    home: Path

    def python(
        self, *argv: str, below: str = ".", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in a directory of the clone."""
        return self.execute(sys.executable, *argv, below=below, env=env)

    def load(self, script: str = "carbon_intensity", **env: str) -> subprocess.CompletedProcess[str]:
        """Run a pipeline script from the project's root."""
        return self.python(f"pipelines/{script}_pipeline.py", env=env)

    def dlt(self, *argv: str, below: str = ".") -> str:
        """Run the command `dlt` and return what it printed."""
        done = self.python("-m", "dlt._workspace.cli._dlt", *argv, below=below)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def execute(
        self, *argv: str, below: str = ".", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a directory of the clone."""
        return subprocess.run(
            argv,
            cwd=self.root / below,
            env={**os.environ, "HOME": str(self.home), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Ask the DuckDB file the script loaded into."""
        with contextlib.closing(duckdb.connect(str(self.root / "carbon_intensity.duckdb"))) as connection:
            connection.execute("USE raw")
            return connection.execute(query).fetchall()

    def counts(self) -> dict[str, int]:
        """Return the rows of each table."""
        names = [
            str(row[0]) for row in self.ask("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'")
        ]
        tables = [name for name in names if not name.startswith("_dlt")]
        return {name: int(str(self.ask(f'SELECT count(*) FROM "{name}"')[0][0])) for name in tables}

    def tap_log(self) -> str:
        """Return what the tap said in its last run."""
        logs = sorted((self.root / ".alto" / "logs").rglob("*.log"), key=lambda log: log.stat().st_mtime_ns)
        return logs[-1].read_text()


def clone(root: Path, home: Path) -> Clone:
    """Copy the project as it is shipped."""
    root.mkdir(parents=True)
    home.mkdir(exist_ok=True)
    for name in SHIPPED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=_NOT_SHIPPED)
        else:
            shutil.copy(source, root / name)
    return Clone(root, home)


@dataclass(frozen=True)
class Loaded:
    """A clone after its first run."""

    project: Clone
    run: subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def nobodys_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide dlt's settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("DESTINATION_", "PIPELINES__", "RUNTIME__LOG")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A clone in which the carbon intensity was loaded once. Look, but do not run anything in it."""
    place = tmp_path_factory.mktemp("loaded")
    project = clone(place / "project", place / "home")
    return Loaded(project, project.load())


@pytest.fixture
def fresh(tmp_path: Path) -> Clone:
    """A clone in which nothing was built or loaded."""
    return clone(tmp_path / "project", tmp_path / "home")


@pytest.fixture
def project(loaded: Loaded, fresh: Clone) -> Clone:
    """A clone whose tap is built, with nothing loaded yet."""
    return _built(fresh, loaded.project)


@pytest.fixture
def other(loaded: Loaded, tmp_path: Path) -> Clone:
    """Another such clone of the same account."""
    return _built(clone(tmp_path / "other", tmp_path / "home"), loaded.project)


def _built(new: Clone, built: Clone) -> Clone:
    for kept in ("plugins", "catalogs"):
        shutil.copytree(built.root / ".alto" / kept, new.root / ".alto" / kept, symlinks=True)
    (new.root / ".alto" / "pex_root").symlink_to(built.root / ".alto" / "pex_root")
    return new
