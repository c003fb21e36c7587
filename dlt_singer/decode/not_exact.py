"""The verdict that a batch must become rows."""

from __future__ import annotations


class NotExact(Exception):  # noqa: N818 - a verdict, not a failure: whoever asked falls back
    """Arrow would hold something else than rows do.

    Attributes:
        reason: Why; never a value.
        column: The property, if it is known.
    """

    def __init__(self, reason: str, column: str | None = None) -> None:
        self.reason = reason
        self.column = column
        super().__init__(reason)
