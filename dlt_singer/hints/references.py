"""References within a JSON schema document. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from dlt_singer._types import JSON


def target_of(reference: str, document: JSON) -> JSON:
    """Return what a local reference (`#/…`) points to, None if there is no such thing.

    Args:
        reference: What stands under `$ref`.
        document: The whole schema.

    Example:
        >>> target_of("#/definitions/id", {"definitions": {"id": {"type": "integer"}}})
        {'type': 'integer'}
    """
    node: JSON = document if reference.startswith("#") else None
    for part in unquote(reference).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            node = node.get(key)
        elif isinstance(node, Sequence) and not isinstance(node, str):
            # A position in a list is a key like any other.
            node = {str(at): each for at, each in enumerate(node)}.get(key)
        else:
            return None
    return node
