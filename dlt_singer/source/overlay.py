"""What dlt's configuration providers say about us, as overlays for `config`; and a tap with all that applied.

In: dlt's active providers. Out: `[sources.singer]` of `.dlt/config.toml` and `secrets.toml` as one mapping with
secrets wrapped, and `SOURCES__SINGER__...` variables as another. Never asks for a bare key such as `CONFIG`, and
imports dlt only where its files may say something.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.config import Overlays, Project, identifier, load_project, split_name, wrap
from dlt_singer.config.layers import merge
from dlt_singer.config.secret import Setting
from dlt_singer.tap import Tap

if TYPE_CHECKING:
    from dlt.common.configuration.providers.doc import BaseDocProvider

_SECTION = ("sources", "singer")
# Sections that dlt itself looks up under a source's name.
_MEANT_FOR_DLT = frozenset({"extract", "normalize", "load", "data_writer", "schema"})
# `schema` of a tap is alto's.
_MEANT_FOR_DLT_OF_A_TAP = _MEANT_FOR_DLT - {"schema"}
_DLTS_NAMES = ("config.toml", "secrets.toml")
_PREFIX = "SOURCES__SINGER__"


def tap_of(
    name: str,
    env: str | None,
    project_dir: str | Path | None,
    arguments: Mapping[str, JSON | Mapping[str, JSON]],
) -> Tap:
    """Return a tap of a project, with everything that lies over `alto.*`.

    Args:
        name: The tap's name in the project file; `tap-x@eu` is its partition `eu`.
        env: The environment.
        project_dir: Where the project file is; None searches the working directory and its parents.
        arguments: Keys of the tap given in Python; None means not given.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    overlay = cast("Mapping[str, Setting]", {identifier(split_name(name)[0]): given} if given else {})
    project = project_of(env, project_dir, overlay)
    return Tap(project.tap(name), project)


def project_of(
    env: str | None, project_dir: str | Path | None, arguments: Mapping[str, Setting] | None = None
) -> Project:
    """Return a project, with everything that lies over `alto.*`.

    Args:
        env: The environment.
        project_dir: Where the project file is; None searches the working directory and its parents.
        arguments: What was given in Python, in the shape of `[sources.singer]`.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    return load_project(project_dir, env, overlays=dlt_overlays(arguments or {}))


def dlt_overlays(arguments: Mapping[str, Setting]) -> Overlays:
    """Return everything that lies over `alto.*`.

    Args:
        arguments: What was given in Python, in the shape of `[sources.singer]`.
    """
    asks_dlt = "dlt" in sys.modules or any(map(_mentions_us, _dlts_files()))
    files = _from_providers() if asks_dlt else {}
    return Overlays(files=files, environ=_from_environ(), arguments=arguments)


def _dlts_files() -> Iterator[Path]:
    """Yield every file that dlt might read settings from; wherever dlt would look, and then some."""
    here, home = Path.cwd(), Path.home()
    directories = [directory / ".dlt" for directory in (here, *here.parents, home)]
    directories += [Path("/var/dlt"), Path(tempfile.gettempdir(), "dlt")]
    if place := os.environ.get("DLT_PROJECT_DIR"):
        directories.append(Path(place, ".dlt"))
    if place := os.environ.get("DLT_DATA_DIR"):
        directories.append(Path(place))
    if place := os.environ.get("XDG_DATA_HOME"):
        directories.append(Path(place, "dlt"))
    # Only a workspace has files of its profiles; elsewhere `example.secrets.toml` is nobody's.
    profiles = any((directory / ".workspace").exists() for directory in directories)
    for directory in directories:
        yield from (file for file in directory.glob("*.toml") if profiles or file.name in _DLTS_NAMES)


def _mentions_us(file: Path) -> bool:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(_SECTION[-1] in line.partition("#")[0] for line in lines)


def _from_providers() -> Mapping[str, Setting]:
    """Return what dlt's files say; secrets are wrapped."""
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
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.providers import EnvironProvider
    from dlt.common.configuration.providers.doc import BaseDocProvider
    from dlt.common.configuration.providers.vault import VaultDocProvider
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

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
