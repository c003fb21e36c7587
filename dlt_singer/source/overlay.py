"""What dlt's configuration providers say about us, as overlays for `config`.

In: dlt's active providers. Out: `[sources.singer]` of `.dlt/config.toml` and `secrets.toml` as one mapping with
secrets wrapped, and `SOURCES__SINGER__...` variables as another. Never asks for a bare key such as `CONFIG`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.providers.doc import BaseDocProvider
from dlt.common.configuration.providers.vault import VaultDocProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from dlt_singer._types import JSON
from dlt_singer.config import Overlays, wrap
from dlt_singer.config.layers import merge
from dlt_singer.config.secret import Setting

_SECTION = ("sources", "singer")
# Sections that dlt itself looks up under a source's name.
_MEANT_FOR_DLT = frozenset({"extract", "normalize", "load", "data_writer", "schema"})
# `schema` of a tap is alto's.
_MEANT_FOR_DLT_OF_A_TAP = _MEANT_FOR_DLT - {"schema"}
_PREFIX = "SOURCES__SINGER__"


def dlt_overlays(arguments: Mapping[str, Setting]) -> Overlays:
    """Return everything that lies over `alto.*`.

    Args:
        arguments: What was given in Python, in the shape of `[sources.singer]`.
    """
    return Overlays(files=_from_providers(), environ=_from_environ(), arguments=arguments)


def _from_providers() -> Mapping[str, Setting]:
    found: Mapping[str, Setting] = {}
    for provider in reversed(list(_documents())):
        value, _ = provider.get_value(_SECTION[-1], dict, "", *_SECTION[:-1])
        if isinstance(value, Mapping):
            own = {key: _ours(item) for key, item in value.items() if key not in _MEANT_FOR_DLT}
            wrapped = {key: wrap(item) if provider.supports_secrets else item for key, item in own.items()}
            found = merge(found, wrapped)
    return found


def _ours(item: Setting) -> Setting:
    if not isinstance(item, Mapping):
        return item
    return {key: value for key, value in item.items() if key not in _MEANT_FOR_DLT_OF_A_TAP}


def _documents() -> Iterator[BaseDocProvider]:
    """Yield the providers that hold a document; a vault answers one key at a time, over the network."""
    for provider in Container()[PluggableRunContext].providers.providers:
        if isinstance(provider, BaseDocProvider) and not isinstance(provider, (EnvironProvider, VaultDocProvider)):
            yield provider


def _from_environ() -> Mapping[str, Setting]:
    nested: dict[str, Setting] = {}
    for name, value in os.environ.items():
        if name.upper().startswith(_PREFIX):
            *parents, leaf = name[len(_PREFIX) :].split("__")
            sections = [parent.lower() for parent in parents[:2]]
            if (sections or [leaf.lower()])[0] in _MEANT_FOR_DLT or {*sections[1:]} & _MEANT_FOR_DLT_OF_A_TAP:
                continue
            _put(nested, parents, leaf, value)
    return nested


def _put(nested: dict[str, Setting], parents: list[str], leaf: str, value: JSON) -> None:
    for parent in parents:
        below = nested.setdefault(parent, {})
        if not isinstance(below, dict):
            return
        nested = below
    nested[leaf] = value
