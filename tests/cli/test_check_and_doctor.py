"""`test`, `check` and `doctor`: what they find, in words, and their exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from dlt_singer.storage import Store
from dlt_singer.testing import CRASH, NOISE, FakeTap, record
from tests.cli.conftest import LOGS, USERS, Cli

Screen = Callable[[str, str], None]


def test_a_good_tap_gets_a_report_without_complaints(tap: FakeTap, cli: Cli, same_screen: Screen) -> None:
    cli("catalog", tap.name)

    same_screen("check", cli("check", tap.name).screen)


def test_a_bad_tap_gets_a_report_that_names_its_faults(tap: FakeTap, cli: Cli, same_screen: Screen) -> None:
    tap.emits(record("logs", line="a"), NOISE("hello"), USERS, LOGS, CRASH(2))
    cli("catalog", tap.name)

    said = cli("check", tap.name, "--quiet")

    same_screen("check-faults", said.screen)
    assert said.code == 1
    assert [each["rule"] for each in json.loads(cli("check", tap.name, "--json").out)["findings"] if each["level"] == "fault"] == ["stdout", "schema", "exit"]  # fmt: skip  # noqa: E501 - one expression


def test_a_check_ends_the_tap_after_some_records(tap: FakeTap, cli: Cli) -> None:
    assert "ended by us after 2 records" in cli("check", tap.name, "--limit", "2", "--streams", "users").out


def test_a_tap_is_tried_until_its_first_record(tap: FakeTap, cli: Cli, tmp_path: Path, same_screen: Screen) -> None:
    FakeTap(tmp_path, "tap-silent").emits(CRASH(5))

    said = cli("test", "--quiet")

    same_screen("test", said.screen)
    assert said.code == 1
    assert cli("test:tap-fake").code == 0


def test_a_tap_with_a_test_of_its_own_is_asked_to_run_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tap").write_text('#!/bin/sh\ncase "$*" in *--test*) exit $CODE;; esac\nexit 9\n')
    (tmp_path / "tap").chmod(0o755)
    tap = {"command": ["./tap"], "capabilities": ["test"], "environment": {"CODE": "0"}}
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-x": tap}}}))

    fine = cli("test", "tap-x")
    (tmp_path / "alto.yaml").write_text((tmp_path / "alto.yaml").read_text().replace("'0'", "'4'"))
    failing = cli("test", "tap-x")

    assert (fine.code, failing.code) == (0, 1)
    assert "exit code 4" in failing.out


def test_doctor_finds_nothing_wrong_with_what_is_fine(tap: FakeTap, cli: Cli) -> None:
    cli("catalog", tap.name)

    said = cli("doctor")

    assert said.code == 0
    assert "Nothing stands in the way of a run." in said.out
    assert [line for line in said.out.splitlines() if len(line) > 80 and "/" not in line] == []


def doctor(cli: Cli, project: object, tmp_path: Path) -> list[tuple[str, str, str]]:
    """Return what doctor finds but for what is well."""
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": project}))
    said = cli("doctor", "--json")
    found = [each for each in json.loads(said.out) if each["level"] != "ok"]
    assert said.code == (1 if any(each["level"] == "fault" for each in found) else 0)
    assert all(each["remedy"] for each in found)
    return [(each["subject"], each["level"], f"{each['text']} {each['remedy']}") for each in found]


@pytest.mark.parametrize(
    ("project", "subject", "said"),
    [
        ({"taps": {"tap-x": {"pip_url": "tap-x", "python": "2.3"}}}, "tap-x", "python '2.3', which is not on"),
        ({"taps": {"tap-x": {"command": ["./nowhere"]}}}, "tap-x", "does not start: Cannot start"),
        ({"taps": {"tap-x": {"command": ["./broken"]}}}, "tap-x", "No module named 'requests_not_there'"),
        ({"taps": {"tap-x": {"command": ["x"], "config": {"a": "@format {env[NOT_SET]}"}}}}, "tap-x", "NOT_SET"),
        ({"taps": {"tap-x": {"command": ["x"], "pip_url": "x"}}}, "tap-x", "both a pip_url and a command"),
        ({"storage_url": "nope://bucket/x", "taps": {}}, "project", "The store cannot be used"),
        ({"tap": {}}, "project", "Did you mean 'taps'?"),
    ],
    ids=[
        "missing interpreter", "missing command", "tap that cannot import", "missing variable", "two programs",
        "unreachable store", "misspelt key",
    ],
)  # fmt: skip
def test_doctor_finds_and_explains(project: object, subject: str, said: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text(f"#!{sys.executable}\nimport requests_not_there\n")
    (tmp_path / "broken").chmod(0o755)

    found = doctor(cli, project, tmp_path)

    assert [(level, said in text) for where, level, text in found if where == subject] == [("fault", True)]


def test_doctor_finds_a_required_setting_that_is_not_set(cli: Cli, tmp_path: Path) -> None:
    about = {
        "capabilities": ["catalog"],
        "settings": {"properties": {"key": {"type": "string"}}, "required": ["key"]},
    }
    (tmp_path / "tap").write_text(f"#!/bin/sh\necho '{json.dumps(about)}'\n")
    (tmp_path / "tap").chmod(0o755)
    project = {"taps": {"tap-x": {"command": ["./tap"], "config": {"kye": 1}}}}
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": project}))
    cli("about", "tap-x")

    found = doctor(cli, project, tmp_path)

    assert ("tap-x", "fault") in [(subject, level) for subject, level, _ in found]
    assert any("Required and not set: key." in text for *_, text in found)
    assert any("does not say it takes: kye." in text for *_, text in found)


def test_doctor_finds_an_expired_catalog_and_an_old_one(tap: FakeTap, cli: Cli, tmp_path: Path) -> None:
    cli("catalog", tap.name)
    info = tmp_path / ".alto" / "catalogs" / f"{tap.name}.base.info.json"
    old = datetime.now(timezone.utc) - timedelta(days=40)
    info.write_text(json.dumps({**json.loads(info.read_text()), "discovered_at": old.isoformat()}))
    aged = cli("doctor").out
    tap.configure(config={"other": "settings"})
    expired = cli("doctor").out

    assert "Its catalog is 40 days old" in aged
    assert "Its catalog has expired" in expired


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_doctor_finds_a_cache_that_cannot_be_written(tap: FakeTap, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".alto").chmod(0o500)

    assert "cannot be written" in cli("doctor").out


def test_doctor_finds_a_cache_that_is_no_directory(tap: FakeTap, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".alto").mkdir(exist_ok=True)
    (tmp_path / ".alto" / "plugins").write_text("in the way")

    said = cli("doctor")

    assert "The cache" in said.out
    assert said.code == 1


def test_doctor_finds_a_dlt_that_is_too_old(tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.2.0" if name == "dlt" else real(name))

    said = cli("doctor")

    assert "dlt 1.2.0 is not" in said.out
    assert said.code == 1


def test_doctor_warns_of_a_sqlglot_that_dlt_cannot_read_with(
    tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, installed = metadata.version, {"sqlglot": "30.1.0"}
    monkeypatch.setattr(metadata, "version", lambda name: installed.get(name) or real(name))

    warned = cli("doctor")
    installed["sqlglot"] = "29.0"

    assert (warned.code, 'Run: pip install "sqlglot<30"' in warned.out) == (0, True)
    assert "sqlglot 30" not in cli("doctor").out


def test_doctor_finds_that_nothing_can_be_built(
    tap: FakeTap, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("uv", "pex"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)

    said = cli("doctor")

    assert said.code == 1
    assert "pex is not there; taps cannot be built." in said.out
    assert "uv is not there" not in said.out


@pytest.mark.parametrize(
    ("says", "level"),
    [("usage: tap [-c]", "warning"), ("cannot open display", "fault")],
    ids=["it only lacks help", "it says what is wrong"],
)
def test_doctor_tells_a_command_without_help_from_one_that_is_broken(
    says: str, level: str, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "tap").write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 2\n")
    (tmp_path / "tap").chmod(0o755)

    found = doctor(cli, {"taps": {"tap-x": {"command": ["./tap"], "capabilities": []}}}, tmp_path)

    assert [(subject, how) for subject, how, _ in found] == [("tap-x", level)]
    assert says in found[0][2]
    assert ("dlt-singer test tap-x" in found[0][2]) == (level == "warning")


def test_doctor_finds_a_store_that_loses_what_is_written(
    tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "write", lambda *_: None)

    said = cli("doctor")

    assert (said.code, "loses what is written to it." in said.out) == (1, True)


def test_a_tap_that_takes_no_catalog_is_checked_without_one(tap: FakeTap, cli: Cli) -> None:
    tap.configure(capabilities=[])

    said = cli("check", tap.name)

    assert said.code == 0
    assert ["catalog" in call for call in tap.syncs] == [False]
    assert [call for call in tap.calls if call not in tap.syncs] == []


def test_doctor_finds_credentials_that_are_missing(tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION_TYPE", "postgres")

    said = cli("doctor")

    assert "DESTINATION__POSTGRES__CREDENTIALS__PASSWORD" in said.out
    assert "[destination.postgres.credentials]" in said.out
