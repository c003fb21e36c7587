"""A tap that is tried: whether anything comes of it, and what it said last if not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from dlt_singer._types import JSON
from dlt_singer.config import load_project
from dlt_singer.tap import Tap
from dlt_singer.tap.probing import examine, first_record, own_test, starts

SCHEMA = (
    '{"type":"SCHEMA","stream":"users","schema":{"properties":{"id":{"type":"integer"}}},"key_properties":["id"]}'
)
RECORD = '{"type":"RECORD","stream":"users","record":{"id":1}}'


def says(project: Path, body: str) -> Tap:
    """Return a tap that does nothing but this."""
    (project / "tap.py").write_text(body)
    tap: dict[str, JSON] = {"command": [sys.executable, "tap.py"], "capabilities": ["test"]}
    (project / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-x": tap}}}))
    loaded = load_project(project)
    return Tap(loaded.tap("tap-x"), loaded)


def test_a_tap_that_ends_without_a_record_gave_none_and_its_last_words_say_why(tmp_path: Path) -> None:
    tap = says(tmp_path, f"import sys; print('{SCHEMA}'); print('the account is empty', file=sys.stderr)")

    given, why = first_record(tap, None)

    assert not given
    assert why.startswith("It ended with exit code 0. ")
    assert "the account is empty" in why


def test_a_tap_is_not_waited_for_once_a_record_came(tmp_path: Path) -> None:
    tap = says(tmp_path, f"import signal; print('{SCHEMA}'); print('{RECORD}', flush=True); signal.pause()")

    assert first_record(tap, None) == (True, "")


def test_a_last_line_without_its_end_is_a_line(tmp_path: Path) -> None:
    tap = says(tmp_path, f"print('{SCHEMA}'); print('{RECORD}', end='')")

    findings = {finding.rule: finding for finding in examine(tap, None, None)}

    assert findings["values"].text == "All 1 records are as their SCHEMA says."
    assert findings["exit"].text == "It ended with exit code 0."


def test_a_test_that_takes_too_long_has_failed(tmp_path: Path) -> None:
    tap = says(tmp_path, "import signal; signal.pause()")

    passed, why = own_test(tap, 0.1)

    assert not passed
    assert why.startswith("It took longer than 0.1 s.")


@pytest.mark.parametrize(
    ("body", "expected"),
    [("", (True, "")), ("import no_such_module", (False, "ModuleNotFoundError: No module named 'no_such_module'"))],
    ids=["a sound one", "one that cannot be imported"],
)
def test_whether_a_tap_can_be_started_is_told_by_its_help(
    tmp_path: Path, body: str, expected: tuple[bool, str]
) -> None:
    assert starts(says(tmp_path, body), 60) == expected
