"""A worker that runs pipeline scripts, each in a process of its own, as a scheduler does."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import duckdb

# A server that has dlt imported and forks: a script then starts in a moment instead of in seconds.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["dlt_singer.orchestra", "dlt_singer.source", "dlt.destinations.impl.duckdb.duck", "duckdb", "psycopg2"]
)


@dataclass(frozen=True)
class Started:
    """A script that runs in a process of its own."""

    process: BaseProcess
    outputs: tuple[Path, Path]

    def runs(self) -> bool:
        """Tell whether it has not ended yet."""
        return self.process.is_alive()

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end and return what it said."""
        self.process.join(100)
        assert self.process.exitcode is not None, "it does not end"
        out, err = (file.read_text() for file in self.outputs)
        return subprocess.CompletedProcess("", self.process.exitcode, out, err)


@dataclass
class Worker:
    """A machine that runs scripts of a project; what it has on disk is its own, and can be lost.

    Attributes:
        root: The project.
        disk: Where dlt keeps its working directories.
        env: Variables that every process gets.
    """

    root: Path
    disk: Path
    env: dict[str, str] = field(default_factory=dict)

    def start(self, *argv: str, script: str = "pipelines/fake_pipeline.py", **env: str) -> Started:
        """Start a script and do not wait for it."""
        number = len(list(self.root.glob("*.out")))
        outputs = (self.root / f"{number}.out", self.root / f"{number}.err")
        outputs[0].touch()
        everything = {**self.environment, **env}
        process = FORKS.Process(target=_play, args=(self.root, [script, *argv], everything, outputs))
        process.start()
        return Started(process, outputs)

    def load(
        self, *argv: str, script: str = "pipelines/fake_pipeline.py", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script to its end."""
        return self.start(*argv, script=script, **env).ended()

    def python(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script as a shell does."""
        return subprocess.run(
            [sys.executable, *argv],
            cwd=self.root,
            env={**self.environment, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        """All variables of its processes."""
        return {**os.environ, "DLT_DATA_DIR": str(self.disk), "DLT_LOCAL_DIR": str(self.root), **self.env}

    def ask(self, query: str, file: str = "fake.duckdb") -> list[tuple[object, ...]]:
        """Ask a DuckDB file beside the project."""
        with contextlib.closing(duckdb.connect(str(self.root / file))) as connection:
            return list(connection.execute(query).fetchall())


def _play(root: Path, argv: list[str], environ: Mapping[str, str], outputs: tuple[Path, Path]) -> None:
    """Become the script, as far as a process can that has been forked."""
    for descriptor, file in zip((1, 2), outputs, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.chdir(root)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = argv
    runpy.run_path(argv[0], run_name="__main__")
