from collections.abc import Callable
from pathlib import Path

import pytest

from dlt_singer.config import Overlays, Project, load_project

LoadYaml = Callable[..., Project]


@pytest.fixture
def load(tmp_path: Path) -> LoadYaml:
    """Return a function that writes `alto.yaml`, and other files by name, and loads the project."""

    def write_and_load(
        text: str,
        env: str | None = None,
        overlays: Overlays | None = None,
        environ: dict[str, str] | None = None,
        **files: str,
    ) -> Project:
        (tmp_path / "alto.yaml").write_text(text)
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content)
        return load_project(tmp_path, env, environ=environ or {}, overlays=overlays)

    return write_and_load
