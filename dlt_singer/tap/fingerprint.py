"""What makes two definitions of a plugin the same plugin, and two configurations the same catalog.

Reads the files of a local `pip_url`, starts nothing.
"""

from __future__ import annotations

import hashlib
import json

from dlt_singer.config import Plugin
from dlt_singer.pex import local_contents


def definition_fingerprint(plugin: Plugin) -> str:
    """Identify the program behind a plugin, without building it."""
    return _digest([
        plugin.pip_url, plugin.command, plugin.executable, plugin.entrypoint, plugin.python, plugin.version,
        local_contents(plugin.pip_url, plugin.root) if plugin.pip_url else {},
    ])  # fmt: skip


def catalog_fingerprint(plugin: Plugin) -> str:
    """Identify what a discovery depends on: the program and its settings; a new password changes nothing."""
    return _digest([definition_fingerprint(plugin), plugin.public_config()])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
