"""Plugins as executables: resolved by uv, packed by pex, built once and kept by content.

In: a plugin's settings as plain values. Out: the command line and environment that start it.
Building is the only thing here that takes time, and it says so.
"""

from dlt_singer.pex.cache import PluginBuild
from dlt_singer.pex.keys import local_contents
from dlt_singer.pex.plugin import PluginExecutable, executable, find_built, forget, key_of, publish

__all__ = [
    "PluginBuild",
    "PluginExecutable",
    "executable",
    "find_built",
    "forget",
    "key_of",
    "local_contents",
    "publish",
]
