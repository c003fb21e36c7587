"""The base catalog of a tap: discovered once, kept in the store before any override of the user's.

Kept with the moment of discovery and a fingerprint of program and settings; other settings, and the tap is asked
again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone

from dlt_singer._types import JSON
from dlt_singer.catalog import Catalog
from dlt_singer.config import Plugin, Project
from dlt_singer.errors import CatalogError, DiscoveryError
from dlt_singer.tap.about import About, cast_config
from dlt_singer.tap.fingerprint import catalog_fingerprint
from dlt_singer.tap.launch import Arguments, running, store_of
from dlt_singer.tap.log import announce
from dlt_singer.tap.run import describe_exit

_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class BaseCatalog:
    """A catalog as the tap gave it, and when (None: by hand or by alto)."""

    catalog: Catalog
    discovered_at: datetime | None = None

    @property
    def age(self) -> str:
        """How old it is, in words."""
        if self.discovered_at is None:
            return "of unknown age"
        seconds = (datetime.now(timezone.utc) - self.discovered_at).total_seconds()
        for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
            if seconds >= length:
                count = int(seconds // length)
                return f"{count} {unit}{'s' * (count > 1)} old"
        return "just discovered"


def kept_catalog(plugin: Plugin, project: Project) -> BaseCatalog | None:
    """Return the catalog file of the plugin, else the kept base catalog, None if it must be discovered.

    Raises:
        CatalogError: The file cannot be read.
    """
    if plugin.catalog is not None:
        try:
            text = plugin.catalog.read_bytes()
        except OSError as err:
            raise CatalogError(
                f"The catalog file of {plugin.name} cannot be read: {plugin.catalog} ({err.strerror}).",
                "Correct 'catalog:' in the plugin's definition.",
            ) from err
        return BaseCatalog(_parsed(plugin.name, text, str(plugin.catalog)))
    store = store_of(project)
    kept = store.read(_key(plugin))
    if kept is None:
        return None
    info = json.loads(store.read(_info_key(plugin)) or b"{}")
    if info.get("fingerprint", catalog_fingerprint(plugin)) != catalog_fingerprint(plugin):
        return None
    moment = datetime.fromisoformat(info["discovered_at"]) if "discovered_at" in info else None
    return BaseCatalog(_parsed(plugin.name, kept, f"{store.url}/{_key(plugin)}"), moment)


def discover(plugin: Plugin, project: Project, about: About) -> BaseCatalog:
    """Ask the tap for its catalog and keep it.

    Raises:
        DiscoveryError: The tap has no discovery, failed, or printed no catalog.
    """
    if not about.discovers:
        raise DiscoveryError(
            f"{plugin.name} has no discovery (capabilities: {', '.join(sorted(about.capabilities)) or 'none'}).",
            "Name a catalog file with 'catalog: path/to/catalog.json', or give streams=[...].",
        )
    announce(f"{plugin.name}: discovering its streams (once; kept in {store_of(project).url}/{_key(plugin)})")
    catalog = _parsed(plugin.name, _ask(plugin, project, about), "what it printed")
    now = datetime.now(timezone.utc)
    info: JSON = {"discovered_at": now.isoformat(), "fingerprint": catalog_fingerprint(plugin)}
    store = store_of(project)
    store.write(_key(plugin), json.dumps(catalog.to_json(), indent=2).encode())
    store.write(_info_key(plugin), json.dumps(info, indent=2).encode())
    return BaseCatalog(catalog, now)


def _ask(plugin: Plugin, project: Project, about: About) -> bytes:
    config = cast_config(plugin.resolved_config(), about.settings)
    timeout_s = plugin.discover_timeout_s or _TIMEOUT_S
    with running(plugin, project, Arguments(["--discover"], {"--config": config})) as (process, log):
        ended = process.communicate(timeout_s)
        if ended is None:
            raise DiscoveryError(
                f"Discovery of {plugin.name} took longer than {timeout_s:g} s and was ended.",
                f"Raise 'discover_timeout_s', or narrow what the tap looks at. {log.last_words()}",
            )
        output, code = ended
        if code != 0:
            raise DiscoveryError(f"Discovery failed: {plugin.name} {describe_exit(code)}.", log.last_words())
    return output


def _parsed(name: str, text: bytes, where: str) -> Catalog:
    # Some taps greet on stdout before they print the catalog.
    start = max(text.find(b"{"), 0)
    try:
        document = json.loads(text[start:])
    except ValueError as err:
        raise DiscoveryError(
            f"{name}: {where} is no catalog ({len(text)} bytes, not valid JSON: {type(err).__name__}).",
            "Run the tap with --discover by hand to see what it prints.",
        ) from None
    return Catalog.parse(document)


def _key(plugin: Plugin) -> str:
    return f"catalogs/{plugin.name}.base.json"


def _info_key(plugin: Plugin) -> str:
    return f"catalogs/{plugin.name}.base.info.json"
