"""What is typed at alto's command line means the same here, or is refused by its name."""

from __future__ import annotations

import pytest

from dlt_singer.cli.alto import translated
from dlt_singer.cli.command import UsageError


@pytest.mark.parametrize(
    ("altos", "ours"),
    [
        ("build", "build"),
        ("build:tap-x", "build tap-x"),
        ("config:tap-x", "config tap-x"),
        ("config:target-y--tap-x", "config target-y--tap-x"),
        ("catalog:tap-x", "catalog tap-x"),
        ("apply tap-x", "catalog --applied tap-x"),
        ("apply:tap-x", "catalog --applied tap-x"),
        ("test:tap-x", "test tap-x"),
        ("about:tap-x", "about tap-x"),
        ("state:tap-x", "state show tap-x"),
        ("tap-x:duckdb", "run tap-x:duckdb"),
        ("run tap-x:duckdb", "run tap-x:duckdb"),
        ("run tap-x -n 2", "run tap-x -n 2"),
        ("tap-x:target-y", "run tap-x:target-y"),
        ("tap-x:reservoir", "reservoir write tap-x"),
        ("run tap-x:reservoir", "reservoir write tap-x"),
        ("reservoir:tap-x-duckdb", "reservoir replay tap-x-duckdb"),
        ("reservoir:tap-x-target-duckdb", "reservoir replay tap-x --destination duckdb"),
        ("clean build:tap-x", "clean pex tap-x"),
        ("clean build", "clean pex"),
        ("clean catalog", "clean catalog"),
        ("clean catalog:tap-x", "clean catalog tap-x"),
        ("clean tap-x:target-y", "clean state tap-x"),
        ("clean tap-x:duckdb", "clean state tap-x --destination duckdb"),
        ("clean tap-x:reservoir", "reservoir compact tap-x"),
        ("clean reservoir:tap-x-target-y", "reservoir reset tap-x"),
        ("invoke python tap-x script.py", "invoke --python tap-x -- script.py"),
        ("invoke tap-x --about", "invoke tap-x --about"),
        ("--root . list", "--root . list"),
        ("-r . build:tap-x", "-r . build tap-x"),
        ("help run", "run --help"),
        ("tabcompletion", "completion"),
        ("list --json", "list --json"),
        ("", ""),
    ],
)
def test_altos_words_become_ours(altos: str, ours: str) -> None:
    assert translated(altos.split()) == ours.split()


@pytest.mark.parametrize("word", ["repl", "forget", "info", "evidence:build", "rill:start"])
def test_what_has_no_counterpart_is_refused_by_its_name(word: str) -> None:
    with pytest.raises(UsageError, match=f"'{word}'"):
        translated([word])
