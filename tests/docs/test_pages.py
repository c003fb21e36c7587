"""What the pages tell a reader to do is done, in the order of the page, and shows what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from dlt_singer.config import load_project
from tests.docs.conftest import Page, Reader

ROOT = Path(__file__).parents[2]
TUTORIAL = Page(ROOT / "docs" / "tutorial.md")
CHECKED = {"yaml", "toml", "shell", "python", "text", "json"}
"""Languages that need no mark: files, commands, their output, and settings that must be valid."""


def how_tos() -> list[Page]:
    """Return the pages that `mkdocs.yml` lists as how-tos."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    (pages,) = (group["How to"] for group in navigation if "How to" in group)
    return [Page(ROOT / "docs" / path) for page in pages for path in page.values()]


PAGES = [TUTORIAL, Page(ROOT / "README.md"), *how_tos()]
RUN = [
    page
    for page in PAGES[1:]
    if not page.why_not_run and any(b.is_run and b.language in {"shell", "python"} for b in page.blocks())
]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a reader's variables: commands as an installed package puts them on PATH, one place to unpack into.

    Copies of the tutorial's project find its plugins there.
    """
    directory = tmp_path_factory.mktemp("tools")
    for name, words in {"dlt-singer": "-m dlt_singer", "python": "", "dlt": "-m dlt._workspace.cli._dlt"}.items():
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        script.chmod(0o755)
    return {
        "PATH": os.pathsep.join([str(directory), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "DLT_SINGER_HOME": str(tmp_path_factory.mktemp("unpacked")),
        "COLUMNS": "80",
    }


@pytest.fixture(scope="session")
def followed(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> tuple[Path, list[tuple[str, str]]]:
    """Follow the tutorial once; return its project, and what came beside what is shown."""
    reader = Reader(tmp_path_factory.mktemp("shop"), environment)
    return reader.directory, [(came, shown) for _, came, shown in reader.follow(TUTORIAL)]


@pytest.mark.registry
@pytest.mark.timeout(300)
def test_the_tutorial_does_what_it_says(followed: tuple[Path, list[tuple[str, str]]]) -> None:
    _, outputs = followed

    assert [timeless(came) for came, _ in outputs] == [timeless(shown) for _, shown in outputs]


@pytest.mark.registry
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.path.stem)
def test_a_page_does_what_it_says(
    page: Page, followed: tuple[Path, list[tuple[str, str]]], environment: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "shop"
    if page.starts_where_the_tutorial_ends:
        shutil.copytree(followed[0], project)
    else:
        project.mkdir()

    outputs = [(came, shown) for _, came, shown in Reader(project, environment).follow(page)]

    assert [timeless(came) for came, _ in outputs] == [timeless(shown) for _, shown in outputs]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_settings_on_a_page_are_valid(page: Page, tmp_path: Path) -> None:
    for block in page.blocks():
        text = yaml.safe_load(block.body) if block.language == "yaml" else None
        if not isinstance(text, dict) or not {"default", "taps"} & set(text) or not block.is_run:
            continue
        (tmp_path / "alto.yaml").write_text(yaml.safe_dump(text if "default" in text else {"default": text}))

        load_project(tmp_path, "default")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_a_block_is_run_or_says_why_not(page: Page) -> None:
    unsaid = [
        f"{page.path.name}:{block.line} ({block.language or 'no language'})"
        for block in page.blocks()
        if block.language not in CHECKED and not block.file and block.is_run and not page.why_not_run
    ]

    assert unsaid == []


def timeless(text: str) -> str:
    """Return an output without what differs from run to run."""
    text = re.sub(r"\b\d+\.\d s\b", "1.0 s", text)
    text = re.sub(r"\b20\d{18}\b", "20240102030405000000", text)
    text = re.sub(r"\d{8}T\d{12}Z-[0-9a-f]{8}", "20240102T030405000000Z-0123abcd", text)
    text = re.sub(r"\d+ minutes? old", "less than a minute old", text)
    return re.sub(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(\+00:00)?", r"2024-01-02T03:04:05\1", text).rstrip()
