"""docs/api.md is what the signatures and docstrings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.api_reference import PAGES, reference

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_page_is_made_from_the_docstrings(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(reference(), encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == reference(), "python scripts/api_reference.py > docs/api.md"


def test_every_name_that_the_package_exports_is_on_it() -> None:
    import dlt_singer

    assert {*dlt_singer.__all__} - {"SingerError"} == {*PAGES["dlt_singer"]}
