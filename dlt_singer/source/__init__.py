"""The public functions: a tap as a dlt source, a run with what belongs after it, and discovery on request."""

from __future__ import annotations

from dlt_singer.source.factory import discover, singer
from dlt_singer.source.load import run

__all__ = ["discover", "run", "singer"]
