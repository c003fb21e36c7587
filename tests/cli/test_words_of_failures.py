"""What dlt refuses, and what nobody expected, is told in words and an exit code, without a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException, LookupTrace
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.exceptions import DltException, MissingDependencyException

from dlt_singer.cli.failure import explained
from dlt_singer.testing import FakeTap
from tests.cli.conftest import Cli


def wrapped(failure: Exception) -> Exception:
    """As dlt's pipelines do: the step that failed around what it failed with."""
    step = DltException("Pipeline execution failed at `step=load`")
    step.__cause__ = failure
    return step


@pytest.mark.parametrize(
    ("failure", "text", "code"),
    [
        (
            wrapped(MissingDependencyException("Lake destination", ["dlt[lake]"])),
            'Error: The Lake destination needs a package that is not there.\n  Run: pip install "dlt[lake]"',
            2,
        ),
        (wrapped(ConfigurationException("workers: no number\n")), "Error: workers: no number", 2),
        (
            wrapped(DltException("The table is locked.")),
            "Error: The table is locked.\n  With --debug the traceback is shown.",
            1,
        ),
        (
            OSError("no space"),
            "Error: OSError: no space\n  This was not expected; with --debug the traceback is shown.",
            1,
        ),
    ],
    ids=["a driver that is missing", "a setting of dlt's", "anything else of dlt's", "of nobody we know"],
)
def test_a_failure_is_told_by_what_it_came_from(failure: Exception, text: str, code: int) -> None:
    assert explained(failure) == (text, code)


def test_what_fails_before_dlt_is_imported_does_not_import_it() -> None:
    program = """
import sys
from dlt_singer.cli.failure import explained
text, code = explained(OSError("no"))
print(text.splitlines()[0], code, "dlt" in sys.modules)
"""

    said = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert said == "Error: OSError: no 1 False\n"


def test_a_setting_that_no_variable_may_hold_is_told_in_dlts_first_words() -> None:
    traces = {"host": [LookupTrace("config.toml", [], "host", None)]}
    failure = ConfigFieldMissingException(BaseConfiguration(), traces)  # type: ignore[arg-type]  # of an invariant dict

    text, code = explained(failure)

    first, *_ = str(failure).splitlines()
    assert code == 2
    assert " ".join(text.split()) == f"Error: {first} See dlt's documentation of credentials."


def test_a_setting_of_dlts_that_is_none_ends_a_run_with_2(
    tap: FakeTap, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAD__WORKERS", "many")

    said = cli("run", tap.name, "--quiet")

    assert said.code == 2
    assert ("workers" in said.err, "Traceback" in said.err) == (True, False)
