"""Projects that share the plugins they build, so that each tap is built once per session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, object]], Path]:
    """Return a function that makes a project with these taps and returns its directory."""
    built = tmp_path_factory.mktemp("built")

    def make(taps: Mapping[str, object]) -> Path:
        root = tmp_path_factory.mktemp("project")
        (root / ".alto").mkdir()
        for name in ("plugins", "pex_root"):
            (built / name).mkdir(exist_ok=True)
            (root / ".alto" / name).symlink_to(built / name)
        (root / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": taps}}))
        return root

    return make


@pytest.fixture(autouse=True)
def no_pipeline_stays_active() -> Iterator[None]:
    yield
    if Container()[PipelineContext].is_active():
        Container()[PipelineContext].deactivate()
