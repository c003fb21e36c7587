"""What the page on stores says holds: its snippets are projects, its names are those there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dlt_singer.config import load_project
from dlt_singer.config.grammar import STORES
from dlt_singer.storage.drivers import driver_of

PAGE = (Path(__file__).parents[2] / "docs" / "stores.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
VARIABLES = {
    "STORE_KEY": "key-of-the-store", "STORE_SECRET": "s3cr3t", "MINIO_KEY": "minio", "MINIO_SECRET": "s3cr3t",
}  # fmt: skip
BUCKET = "company-data/alto/shop"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("number", "url", "options"),
    [
        pytest.param(0, f"s3://{BUCKET}", {}, id="S3 by keys"),
        pytest.param(1, f"s3://{BUCKET}", {}, id="S3 by URL"),
        pytest.param(
            4,
            f"s3://{BUCKET}",
            {"endpoint_url": "http://minio.internal:9000", "key": "minio", "secret": "s3cr3t"},
            id="MinIO",
        ),
        pytest.param(
            5,
            f"gcs://{BUCKET}",
            {"project": "my-project", "token": "/run/secrets/service-account.json"},
            id="Google",
        ),
        pytest.param(
            6, f"abfs://{BUCKET}", {"account_name": "companystorage", "account_key": "key-of-the-store"}, id="Azure"
        ),
        pytest.param(7, "/mnt/share/alto/shop", {}, id="a directory"),
    ],
)
def test_each_store_on_the_page_is_where_the_page_says(
    number: int, url: str, options: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "alto.yaml").write_text(SNIPPETS[number])

    project = load_project(tmp_path)

    assert project.storage_url == url
    assert project.resolved_storage_options() == options


@pytest.mark.parametrize("credentials", [2, 3], ids=["secrets file", "variables"])
def test_credentials_on_the_page_reach_the_driver_and_stay_wrapped(credentials: int, tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").write_text(SNIPPETS[0])
    (tmp_path / ("alto.secrets.yaml" if credentials == 2 else "alto.local.yaml")).write_text(SNIPPETS[credentials])

    project = load_project(tmp_path)

    assert {"key", "secret"} <= set(project.resolved_storage_options())
    assert "s3cr3t" not in f"{project!r} {project.storage_options!r} {project.public_settings()}"


def test_every_snippet_is_a_project(tmp_path: Path) -> None:
    for snippet in SNIPPETS:
        (tmp_path / "alto.yaml").write_text(snippet)
        load_project(tmp_path).resolved_storage_options()

    assert len(SNIPPETS) == 10


def test_the_page_has_every_name_with_what_it_takes_to_install(tmp_path: Path) -> None:
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \| (?!comes with)(.*?) \|$", PAGE, re.MULTILINE)
    shown = {name: extra for names, _, extra in rows for name in re.findall(r"`(\w+)`", names)}
    needed = {}
    for name in STORES:
        (tmp_path / "alto.yaml").write_text(f"default: {{filesystem: {name}, bucket: b, project_name: p}}")
        needed[name] = driver_of(load_project(tmp_path).storage_url).install.strip('"')

    assert {name: extra.strip("`") for name, extra in shown.items()} == {
        name: install or "always there" for name, install in needed.items()
    }
