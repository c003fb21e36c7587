"""What mkdocs needs beyond `docs/`: the README as first page, and no links to what is no page."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]*)(#[^)]*)?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the README as `index.md`, with links as they are from inside of `docs/`, and a list of decisions."""
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r'(\]\(|src="|srcset=")docs/', r"\1", text)
    files.append(File.generated(config, "index.md", content=text))
    decisions = sorted((_ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    titles = [
        (each.name, each.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")) for each in decisions
    ]
    listed = "".join(f"- [{title}]({name})\n" for name, title in titles)
    files.append(File.generated(config, "decisions/index.md", content=f"# Decisions\n\n{listed}"))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave the text of links that lead out of the site: to code, examples, directories."""
    at = Path(page.file.src_uri).parent

    def text_alone(found: re.Match[str]) -> str:
        words, target, _ = found.groups()
        inside = _normal(at / target) if target else page.file.src_uri
        is_page = files.get_file_from_path(inside) is not None
        if files.get_file_from_path(f"{inside}/index.md"):
            return f"[{words}]({target}/index.md)"
        exists = (Path(config.docs_dir) / at / target).exists() or (_ROOT / at / target).exists()
        return found[0] if is_page or not exists else words

    return _LINK.sub(text_alone, markdown)


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return path.as_posix()
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
