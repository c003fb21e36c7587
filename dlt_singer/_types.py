"""Type aliases every layer shares; no code, no imports of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""Anything `json.loads` may return."""
JSONObject: TypeAlias = Mapping[str, JSON]
