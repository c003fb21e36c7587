"""`fs`: what moves a file into the store, and asks before it removes many."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlt_singer.testing import FakeTap
from tests.cli.conftest import Cli


@pytest.mark.parametrize("path", ["nothing.txt", "."], ids=["nothing", "a directory"])
def test_only_a_file_is_pushed(path: str, tap: FakeTap, cli: Cli) -> None:
    said = cli("fs", "push", path, "state/notes/")

    assert (said.code, said.err) == (2, f"Error: '{path}' is no file.\n")
    assert cli("fs", "ls", "state/notes").out == f"{Path.cwd()}/.alto holds nothing under 'state/notes'.\n"


@pytest.mark.parametrize(
    ("answer", "left", "removed"),
    [("y", 0, "removed state/notes/one\nremoved state/notes/two\n"), ("n", 2, "Nothing was removed.\n")],
    ids=["yes", "no"],
)
def test_whoever_is_there_is_asked_before_several_files_are_removed(
    answer: str, left: int, removed: str, tap: FakeTap, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "note").touch()
    cli("fs", "push", "note", "state/notes/one")
    cli("fs", "push", "note", "state/notes/two")

    said = cli("fs", "rm", "state/notes", answers=f"{answer}\n")

    assert "Remove 2 files below 'state/notes' from" in said.out
    assert said.out.endswith(removed)
    assert len(list((tmp_path / ".alto" / "state" / "notes").iterdir())) == left
