"""The command line in this process, in a project of its own, and screens that are compared with what is kept."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from dlt_singer.cli import main
from dlt_singer.testing import FakeTap, Table

SCREENS = Path(__file__).parents[1] / "cases" / "screens"
USERS = Table(
    "users",
    [{"id": number, "name": f"user {number}", "updated_at": f"2024-01-0{number}"} for number in range(1, 6)],
    {"id": "integer", "name": "string", "updated_at": {"type": "string", "format": "date"}},
    ["id"],
    "updated_at",
)
LOGS = Table("logs", [{"line": "a"}, {"line": "b"}], {"line": "string", "level": "integer"})


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def screen(self) -> str:
        """All of it, as a terminal would show it."""
        parts = [self.out, f"--- stderr ---\n{self.err}" if self.err else "", f"--- exit code {self.code} ---\n"]
        return "".join(parts)


Cli = Callable[..., Said]


class Terminal(io.StringIO):
    """A stream that somebody sits at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in the test's directory, at 80 columns."""
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("DLT_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("ALTO_ENV", "")  # a command may set it
    monkeypatch.chdir(tmp_path)
    yield
    if Container()[PipelineContext].is_active():
        Container()[PipelineContext].deactivate()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return a function that runs a command as a script would: with no terminal, and nothing on stdin.

    With `answers` somebody is there, and types them.
    """

    def run(*words: str, stdin: str = "", answers: str | None = None) -> Said:
        capsys.readouterr()
        screen = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(stdin) if answers is None else Terminal(answers))
            if answers is not None:
                patch.setattr(sys, "stdout", screen)
            code = main(words)
        captured = capsys.readouterr()
        return Said(code, captured.out + screen.getvalue(), captured.err)

    return run


@pytest.fixture
def tap(tmp_path: Path) -> FakeTap:
    """A tap of two streams, one with a bookmark and a key."""
    return FakeTap(tmp_path).emits(USERS, LOGS)


@pytest.fixture
def same_screen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], None]:
    """Return a function that compares a screen with the one kept in tests/cases/screens."""

    def compare(name: str, text: str) -> None:
        file = SCREENS / f"{name}.txt"
        now = _timeless(text.replace(str(tmp_path), "/project"))
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(now, encoding="utf-8")
        assert now == (file.read_text(encoding="utf-8") if file.exists() else ""), f"see {file}, --update-golden"
        assert [line for line in now.splitlines() if len(line) > 100] == []

    return compare


def _timeless(text: str) -> str:
    text = re.sub(r"\b\d+\.\d s\b", "1.0 s", text)
    text = re.sub(r"All of them:\s+/", "All of them: /", text)  # where the line breaks depends on the directory
    text = re.sub(r"\b20\d{18}\b", "20240102030405000000", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:00)?", r"2024-01-02T03:04:05\1", text)
    text = re.sub(r"\b\d:\d\d min\b", "1.0 s", text)
    return re.sub(r"-20\d{6}T\d{6}Z-[0-9a-f]{8}\.log", "-20240102T030405Z-0123abcd.log", text)
