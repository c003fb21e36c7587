from __future__ import annotations

import pytest

from dlt_singer import reason_of
from dlt_singer.errors import TapError


class StepFailed(Exception):  # noqa: N818 - it plays dlt's PipelineStepFailed
    """As dlt's own: it keeps what a step failed with as an attribute."""

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception


REASON = TapError("tap-x is down.", "Try again.")


def caused(error: Exception) -> Exception:
    outer = RuntimeError("extraction failed")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "failure",
    [REASON, caused(REASON), StepFailed(caused(caused(REASON)))],
    ids=["it is one", "it is the cause", "it is the cause of what a step failed with"],
)
def test_the_reason_is_found_however_it_is_wrapped(failure: BaseException) -> None:
    assert reason_of(failure) is REASON


def test_a_failure_of_somebody_else_has_no_reason_of_ours() -> None:
    assert reason_of(caused(ValueError())) is None


def test_a_circle_of_causes_ends() -> None:
    failure = RuntimeError()
    failure.__context__ = StepFailed(failure)

    assert reason_of(failure) is None


def test_a_remedy_stands_on_the_line_of_its_reason_unless_that_one_has_ended() -> None:
    assert str(TapError("It is down.", "Try again.")) == "It is down. Try again."
    assert str(TapError("It says:\n  | no\n", "Try again.")) == "It says:\n  | no\nTry again."
