"""The Dockerfile cannot be built here; what it copies is there, and what it starts are commands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from dlt_singer.cli.grammar import build_parser
from dlt_singer.config.grammar import project_form

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "examples" / "docker" / "Dockerfile").read_text(encoding="utf-8")


def last(instruction: str) -> str:
    return str(re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)[-1])


@pytest.mark.parametrize(
    "words",
    [
        *(
            shlex.split(found)[1:]
            for found in re.findall(r"dlt-singer (?:init|build).*$", DOCKERFILE, re.MULTILINE)
        ),
        json.loads(last("CMD")),
    ],
    ids=" ".join,
)
def test_what_it_starts_is_a_command(words: list[str]) -> None:
    assert build_parser().parse_args(words).action is not None


def test_what_it_names_is_in_a_clone() -> None:
    (project,) = re.findall(r"^ARG PROJECT=(.*)$", DOCKERFILE, re.MULTILINE)
    named = [project, *re.findall(r"/tmp/dlt-singer/([\w./]+\.txt)", DOCKERFILE)]

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_container_is_told_by_a_key_of_the_project_not_to_build() -> None:
    assert "ENV ALTO_BUILD=false" in DOCKERFILE
    assert "build" in project_form


def test_it_installs_extras_that_there_are() -> None:
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)

    assert set(re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.MULTILINE)[0].split(",")) <= set(extras)
