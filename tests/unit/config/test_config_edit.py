"""A tap is written into a project file without touching anything else in it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from dlt_singer._types import JSON
from dlt_singer.config.documents import parse_document
from dlt_singer.config.edit import with_tap
from dlt_singer.errors import ConfigError

YAML = Path("alto.yaml")
TAP: Mapping[str, JSON] = {
    "pip_url": "tap-x==1.0",
    "config": {"url": "https://example.org", "count": 3, "deep": {"list": [1, "a"]}},
}
COMMENTED = """\
# what this is
default:
  # where to
  load_path: raw

  taps:
    tap-a:
      pip_url: tap-a   # pinned later
      config:
        query: |
          SELECT 1
          # not a comment

  # what follows
  targets: {}

live:
  taps:
    tap-a:
      config: {query: SELECT 2}
"""


def test_comments_and_all_other_lines_stay_as_they_are() -> None:
    changed = with_tap(COMMENTED, YAML, "tap-x", TAP)

    changes = difflib.ndiff(COMMENTED.splitlines(), changed.splitlines())
    assert [line for line in changes if line.startswith(("-", "?"))] == []
    assert "\n\n  # what follows\n" in changed
    assert changed.index("tap-x:") < changed.index("# what follows")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "default:\n",
        "default:\n  load_path: raw\n",
        "default:\n  taps:\n",
        "default:\n  taps: {}\n",
        "default:\n    taps:\n        tap-a: {pip_url: a}\n",
        "live:\n  load_path: raw\n",
        "# only a comment\n",
        COMMENTED,
        COMMENTED.rstrip("\n"),
    ],
    ids=[
        "empty", "empty environment", "without taps", "taps without value", "no taps", "wide indent",
        "other environment", "comment", "everything", "no line end",
    ],
)  # fmt: skip
def test_the_file_says_what_it_said_and_the_tap(text: str) -> None:
    changed = with_tap(text, YAML, "tap-x", TAP)

    document = yaml.safe_load(changed)
    taps = document["default"]["taps"]
    assert taps.pop("tap-x") == TAP
    before = yaml.safe_load(text) or {}
    assert document == {**before, "default": {**(before.get("default") or {}), "taps": taps}}


def test_settings_that_are_not_set_are_shown_as_comments_below_config() -> None:
    changed = with_tap("", YAML, "tap-x", {"pip_url": "tap-x"}, ["path:  # string, required"])

    assert changed == (
        "default:\n  taps:\n    tap-x:\n      pip_url: tap-x\n      config:\n        # path:  # string, required\n"
    )


def test_such_comments_stay_with_their_tap_when_another_is_added() -> None:
    first = with_tap("default:\n  taps: {}\n\n# on top\nlive: {}\n", YAML, "tap-x", {"pip_url": "tap-x"}, ["path:"])

    changed = with_tap(first, YAML, "tap-y", {"pip_url": "tap-y"})

    assert changed == (
        "default:\n  taps:\n    tap-x:\n      pip_url: tap-x\n      config:\n        # path:\n"
        "    tap-y:\n      pip_url: tap-y\n\n# on top\nlive: {}\n"
    )


def test_json_and_toml_are_extended_too() -> None:
    as_json = with_tap('{"default": {"load_path": "raw"}}', Path("alto.json"), "tap-x", TAP)
    as_toml = with_tap('# kept\n[default]\nload_path = "raw"\n', Path("alto.toml"), "tap-x", {"pip_url": "tap-x"})

    assert json.loads(as_json) == {"default": {"load_path": "raw", "taps": {"tap-x": TAP}}}
    assert as_toml.startswith("# kept\n")
    assert parse_document(as_toml, Path("alto.toml"))["default"] == {
        "load_path": "raw",
        "taps": {"tap-x": {"pip_url": "tap-x"}},
    }


def test_what_cannot_be_extended_is_shown_to_be_added_by_hand() -> None:
    with pytest.raises(ConfigError, match=r"cannot be added") as refused:
        with_tap("default: {taps: {tap-a: {pip_url: a}}}\n", YAML, "tap-x", {"pip_url": "tap-x"})

    assert "  | tap-x:\n  |   pip_url: tap-x" in refused.value.remedy


def test_a_tap_that_is_there_is_not_written_over() -> None:
    with pytest.raises(ConfigError, match="in the file already"):
        with_tap(COMMENTED, YAML, "tap-a", TAP)
