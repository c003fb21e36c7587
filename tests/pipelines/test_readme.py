"""The example in the README, where the sample's tap is built."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pipelines.conftest import Clone

README = Path(__file__).parents[2] / "README.md"

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]


def test_the_example_prints_what_stands_below_it(project: Clone) -> None:
    text = README.read_text(encoding="utf-8")
    example, shown = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", text, re.DOTALL)[0]

    done = project.python("-c", example)

    assert done.stdout == shown, done.stderr
