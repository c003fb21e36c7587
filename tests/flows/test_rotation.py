"""A tap that changes its settings, as with refresh tokens good for one use, has what it wrote in its next run."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import dlt
import pytest
import yaml
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import singer
from dlt_singer.tap import rotation

ROTATING = """\
import json, sys
from pathlib import Path
file = Path(sys.argv[sys.argv.index("--config") + 1])
config = json.loads(file.read_text())
with open("seen", "a") as seen:
    seen.write(json.dumps(config) + "\\n")
if "--discover" in sys.argv:
    users = {"tap_stream_id": "users", "stream": "users", "schema": {"properties": {"id": {}}}}
    print(json.dumps({"streams": [users]}))
number = int(config["refresh_token"].removeprefix("token-")) + 1
file.write_text(json.dumps({**config, "refresh_token": f"token-{number}", "expires_in": 60}))
if "--discover" not in sys.argv:
    print(f"I have token-{number - 1}", file=sys.stderr)
    print('{"type":"SCHEMA","stream":"users","schema":{"properties":{"id":{"type":"integer"}}},"key_properties":["id"]}')
    print('{"type":"RECORD","stream":"users","record":{"id":1}}')
    sys.exit(config.get("exit", 0))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tap.py").write_text(ROTATING)
    tap = {
        "command": [sys.executable, "tap.py"],
        "capabilities": ["catalog", "discover"],
        "config": {"refresh_token": "token-0", "start": 2020},
    }
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-x": tap}}}))
    return tmp_path


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_changed", {})


def tokens(project: Path) -> list[str]:
    return [json.loads(line)["refresh_token"] for line in (project / "seen").read_text().splitlines()]


def kept(project: Path) -> object:
    return yaml.safe_load((project / "alto.secrets.yaml").read_text())["default"]["taps"]["tap-x"]["config"]


def test_the_next_run_and_the_next_start_have_the_new_token(
    project: Path, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.run(singer("tap-x", project_dir=project))
    monkeypatch.setattr(rotation, "_changed", {})
    pipeline.run(singer("tap-x", project_dir=project))

    # A setting that is there for the first time makes the catalog one of other settings, once.
    assert tokens(project) == ["token-0", "token-1", "token-2", "token-3"]
    assert kept(project) == {"refresh_token": "token-4", "expires_in": 60}
    assert "comes from a variable" not in caplog.text
    assert stat.S_IMODE((project / "alto.secrets.yaml").stat().st_mode) == 0o600
    texts = [file.read_bytes() for file in (project / ".alto").rglob("*") if file.is_file()]
    assert not [text for text in texts if b"token-" in text]


def test_a_run_that_fails_keeps_it_too(project: Path, pipeline: dlt.Pipeline) -> None:
    with pytest.raises(PipelineStepFailed):
        pipeline.run(singer("tap-x", project_dir=project, config={"exit": 3}))

    assert kept(project) == {"refresh_token": "token-2", "expires_in": 60}


@pytest.mark.parametrize("left", ["json.dumps(config, indent=2)", "'[1]'"], ids=["the same", "no object"])
def test_a_tap_that_leaves_nothing_new_in_its_file_changes_nothing(
    project: Path, pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture, left: str
) -> None:
    written = 'json.dumps({**config, "refresh_token": f"token-{number}", "expires_in": 60})'
    (project / "tap.py").write_text(ROTATING.replace(written, left))

    pipeline.run(singer("tap-x", project_dir=project))

    assert tokens(project) == ["token-0", "token-0"]
    assert not (project / "alto.secrets.yaml").exists()
    assert "has changed" not in caplog.text


def test_what_else_stands_in_the_file_stays(project: Path, pipeline: dlt.Pipeline) -> None:
    file = project / "alto.secrets.yaml"
    before = (
        "# Mine.\ndefault:\n  mask_salt: s  # do not lose it\n  taps:\n    tap-x:\n      config:\n"
        "        refresh_token: token-0  # from the console\n        other: 1\n"
    )
    file.write_text(before)

    pipeline.run(singer("tap-x", project_dir=project))

    assert file.read_text() == before.replace("token-0", '"token-2"') + "        expires_in: 60\n"


def test_a_partition_keeps_its_own(project: Path, pipeline: dlt.Pipeline) -> None:
    document = yaml.safe_load((project / "alto.yaml").read_text())
    document["default"]["taps"]["tap-x"]["partitions"] = {"eu": {"refresh_token": "token-5"}, "us": {}}
    (project / "alto.yaml").write_text(yaml.safe_dump(document))

    pipeline.run(singer("tap-x", partition="eu", project_dir=project))

    secrets = yaml.safe_load((project / "alto.secrets.yaml").read_text())
    assert secrets["default"]["taps"] == {
        "tap-x": {"partitions": {"eu": {"refresh_token": "token-7", "expires_in": 60}}}
    }


def test_a_setting_that_comes_from_above_the_files_is_warned_about(
    project: Path, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALTO_TAPS__TAP_X__CONFIG__REFRESH_TOKEN", "token-7")

    pipeline.run(singer("tap-x", project_dir=project))

    assert tokens(project) == ["token-7", "token-8"]
    assert "`refresh_token` comes from a variable, dlt's files or an argument" in caplog.text
    assert "token-" not in caplog.text.replace("refresh_token", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_project_that_cannot_be_written_is_no_failure(
    project: Path, pipeline: dlt.Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    source = singer("tap-x", project_dir=project)
    project.chmod(0o500)
    try:
        pipeline.run(source)
    finally:
        project.chmod(0o700)

    assert "cannot be kept in alto.secrets.yaml" in caplog.text
