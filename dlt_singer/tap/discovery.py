"""The base catalog of a tap: discovered once, kept in the store before any override of the user's.

Kept with the moment of discovery and a fingerprint of program and settings; other settings, and the tap is asked
again.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import cast

from dlt_singer._types import JSON
from dlt_singer.catalog import Catalog
from dlt_singer.config import Plugin, Project
from dlt_singer.errors import CatalogError, DiscoveryError
from dlt_singer.tap.about import About, about_key, cast_config
from dlt_singer.tap.executable import store_of
from dlt_singer.tap.fingerprint import catalog_fingerprint
from dlt_singer.tap.launch import Arguments, running
from dlt_singer.tap.log import announce
from dlt_singer.tap.run import describe_exit

_TIMEOUT_S = 600.0
_OBJECT_START = re.compile(r"^[^{\n]*\{", re.MULTILINE)


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
        return "less than a minute old"


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
        return BaseCatalog(_parsed(text, f"The catalog file of {plugin.name}, {plugin.catalog},", "Correct it."))
    store = store_of(project)
    kept = store.read(_key(plugin))
    if kept is None:
        return None
    info = store.read(_info_key(plugin))
    moment = None
    if info is not None:
        moment = _moment(info, catalog_fingerprint(plugin))
        if moment is None:
            return None
    place = f"The kept catalog of {plugin.name}, {store.url}/{_key(plugin)},"
    return BaseCatalog(_parsed(kept, place, "Correct it, or delete it to have it discovered again."), moment)


def forget(plugin: Plugin, project: Project) -> tuple[str, ...]:
    """Delete the kept catalog and what the tap said of itself; return the keys that were there.

    Raises:
        StorageError: The store refused.
    """
    store = store_of(project)
    keys = (_key(plugin), _info_key(plugin), about_key(plugin))
    found = tuple(key for key in keys if store.exists(key))
    for key in found:
        store.delete(key)
    return found


def _moment(info: bytes, fingerprint: str) -> datetime | None:
    """When the catalog was discovered; None if not with these settings, or nobody can tell."""
    try:
        document = json.loads(info)
        found = datetime.fromisoformat(document["discovered_at"])
        return found.astimezone(timezone.utc) if document["fingerprint"] == fingerprint else None
    except (ValueError, KeyError, TypeError):
        return None


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
    catalog = _parsed(
        _ask(plugin, project, about),
        f"What {plugin.name} printed",
        "Run it with --discover by hand to see what that is.",
    )
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
            ending = describe_exit(code, log.headline())
            raise DiscoveryError(f"Discovery failed: {plugin.name} {ending}", log.last_words())
    return output


def _parsed(text: bytes, what: str, remedy: str) -> Catalog:
    try:
        return Catalog.parse(_document(text.decode("utf-8-sig")))
    except (ValueError, RecursionError) as err:
        raise DiscoveryError(
            f"{what} is no catalog ({len(text)} bytes, not valid JSON: {type(err).__name__}).", remedy
        ) from None


def _document(text: str) -> JSON:
    """Read the JSON object with `streams`: some taps greet on stdout before, or say goodbye after."""
    try:
        whole: JSON = json.loads(text)
        return whole
    except (ValueError, RecursionError):
        for start in _OBJECT_START.finditer(text):
            with contextlib.suppress(ValueError, RecursionError):
                document, _ = json.JSONDecoder().raw_decode(text, start.end() - 1)
                if "streams" in document:
                    return cast("JSON", document)
        raise


def _key(plugin: Plugin) -> str:
    return f"catalogs/{plugin.name}.base.json"


def _info_key(plugin: Plugin) -> str:
    return f"catalogs/{plugin.name}.base.info.json"
