"""Pages of the documentation as blocks, and a scratch directory with a shell that runs them as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SHOWN_AT = "/home/ada/shop"
"""Where the pages say that the reader's project is."""
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^>]*?) -->\n+)?^(?P<indent> *)```(?P<language>\w*)(?P<attributes>[^\n]*)\n"
    r"(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        language: What stands behind the fence.
        file: The file it is the content of, if it has a title.
        body: Its text.
        mark: The comment above it.
        line: Where it begins.
    """

    language: str
    file: str | None
    body: str
    mark: str
    line: int

    @property
    def is_run(self) -> bool:
        """False if it says why it is not."""
        return not self.mark.startswith("not run: ")


@dataclass(frozen=True)
class Page:
    """A page, and what its first comment says of its blocks."""

    path: Path

    @property
    def text(self) -> str:
        """Its Markdown."""
        return self.path.read_text(encoding="utf-8")

    @property
    def why_not_run(self) -> str:
        """Return the reason if the page says that none of its blocks is run."""
        found = re.search(r"^<!-- no block of this page is run: (.*?) -->$", self.text, re.MULTILINE)
        return found[1] if found else ""

    @property
    def starts_where_the_tutorial_ends(self) -> bool:
        """Whether its commands need the tutorial's project."""
        return "<!-- starts where the tutorial ends -->" in self.text

    def blocks(self) -> Iterator[Block]:
        """Yield its code blocks."""
        for found in _BLOCK.finditer(self.text):
            title = re.search(r'title="([^"]+)"', found["attributes"])
            body = re.sub(f"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
            line = self.text[: found.start()].count("\n") + 1
            yield Block(found["language"], title[1] if title else None, body, found["mark"] or "", line)


class Reader:
    """Somebody who follows a page in a directory: writes its files, types its commands."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self._environment = environment

    def follow(self, page: Page) -> Iterator[tuple[Block, str, str]]:
        """Do what each block says; yield those whose output stands below them, with what came and what is shown."""
        said: tuple[Block, str] | None = None
        for block in page.blocks():
            if not block.is_run:
                said = None
            elif block.file:
                file = self.directory / block.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.body, encoding="utf-8")
            elif block.language == "text" and said:
                yield said[0], said[1], block.body
                said = None
            elif block.language in {"shell", "python"}:
                said = block, self.type(block.body, block.language, f"{page.path.name}:{block.line}")

    def type(self, text: str, language: str, where: str) -> str:
        """Run a block and return its stdout, with the directory the pages name."""
        program = [sys.executable, "-"] if language == "python" else ["bash", "-euo", "pipefail", "-s"]
        done = subprocess.run(
            program,
            input=text,
            cwd=self.directory,
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, f"{where} ends with {done.returncode}:\n{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout.replace(str(self.directory), SHOWN_AT)
