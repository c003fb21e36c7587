"""A tap of a project: what it can do, which streams it has, and a run of it as `Iterator[Message]`.

In: a `Plugin` of a `Project`. Out: catalogs and messages. Knows no dlt and keeps no state of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from dlt_singer._types import JSON
from dlt_singer.catalog import Catalog, Selection, narrow, select, with_metadata, with_schema
from dlt_singer.config import Plugin, Project, partition_of
from dlt_singer.mask import Masks, check_rules, mask_rules, salt_fingerprint, sha256
from dlt_singer.storage import Store
from dlt_singer.tap.about import About, about, asked_about, kept_about
from dlt_singer.tap.discovery import BaseCatalog, discover, kept_catalog
from dlt_singer.tap.executable import store_of
from dlt_singer.tap.launch import Arguments, start
from dlt_singer.tap.log import announce, warn
from dlt_singer.tap.run import Patience, TapRun

__all__ = ["About", "BaseCatalog", "Tap", "TapRun", "announce", "warn"]


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap, ready to be asked or run; making one starts nothing.

    Args:
        plugin: Its definition.
        project: The project it belongs to.
    """

    plugin: Plugin
    project: Project

    @property
    def name(self) -> str:
        """Its name in the project file; `tap-x@eu` for a partition."""
        return self.plugin.name

    @property
    def partitions(self) -> tuple[Tap, ...]:
        """Its partitions, each a tap of its own; the tap itself if it has none."""
        parts = tuple(partition_of(self.plugin, name) for name in self.plugin.partitions)
        return tuple(Tap(part, self.project) for part in parts) or (self,)

    @property
    def store(self) -> Store:
        """The project's store."""
        return store_of(self.project)

    def kept_catalog(self) -> BaseCatalog | None:
        """Return the base catalog if it is known without asking the tap."""
        return kept_catalog(self.plugin, self.project)

    def discover(self) -> BaseCatalog:
        """Ask the tap for its catalog and keep it, building the tap if need be."""
        return discover(self.plugin, self.project, self._about())

    @property
    def discovers(self) -> bool:
        """Whether the tap can be asked for its catalog; may have to ask it what it can do."""
        return self._about().discovers

    def select(self, base: Catalog) -> Selection:
        """Apply the plugin's `schema`, `metadata` and `select` to a base catalog, and check its masks against it.

        Raises:
            SelectionError: A rule cannot hold, or nothing is selected.
        """
        typed, type_warnings = with_schema(base, self.plugin.schema)
        overridden, warnings = with_metadata(typed, self.plugin.metadata)
        selection = select(overridden, self.plugin.select)
        read = {*selection.streams, *selection.required_parents}
        check_rules(mask_rules(self.plugin.select, self.plugin.mask, base.stream_ids), overridden, read)
        return replace(selection, warnings=(*type_warnings, *warnings, *selection.warnings))

    def narrow(self, catalog: Catalog, streams: Collection[str]) -> Catalog:
        """Keep only these streams of a catalog, and the parents the tap needs for them."""
        return narrow(catalog, streams)

    def masks(self, catalog: Catalog | None, *, salted: bool = False) -> Masks:
        """Return what is masked.

        Args:
            catalog: The streams, if they are known.
            salted: Whether values will be masked, and not only schemas.

        Raises:
            ConfigError: There is no salt, or it refers to a variable that is not set.
        """
        rules = mask_rules(self.plugin.select, self.plugin.mask, catalog.stream_ids if catalog is not None else ())
        needed = salted and any(rule.effect == "sha256" for rule in rules)
        return Masks(rules, catalog, sha256(self.plugin.resolved_mask_salt()) if needed else None)

    def salt_fingerprint(self) -> str:
        """Return what tells whether two runs mask with the same salt; empty if none is needed.

        Raises:
            ConfigError: There is none, or it refers to a variable that is not set.
        """
        if "sha256" not in self.masks(None).effects.values():
            return ""
        return salt_fingerprint(self.plugin.resolved_mask_salt(), f"{self.project.env}/{self.name}")

    def sync(self, catalog: Catalog | None, state: JSON) -> TapRun:
        """Start the tap.

        Args:
            catalog: What to sync; None for a tap that takes no catalog.
            state: Where to start; an empty one is not handed over.

        Returns:
            Its messages, masked.

        Raises:
            SelectionError: The state holds values of masked properties.
            NotSupportedError: The plugin sets a key whose capability is not there.
            ConfigError: A setting refers to a variable that is not set.
            PluginError: Its executable is not to be had.
        """
        self.plugin.require_supported()
        masks = self.masks(catalog, salted=True)
        masks.check_state(state)
        can = self._about()
        files = can.documents(self.plugin.resolved_config(), catalog)
        if state and "state" in can.capabilities:
            files["--state"] = _as_kept(state)
        process, log = start(self.plugin, self.project, Arguments(files=files))
        plugin = self.plugin
        patience = Patience(plugin.timeout_s, plugin.idle_timeout_s, plugin.max_line_bytes)
        return TapRun(self.name, process, log, self.project.root, masks, patience)

    def kept_about(self) -> About | None:
        """Return what it said of itself if it has been asked; starts nothing."""
        return kept_about(self.plugin, self.project)

    def about(self) -> About:
        """Return what it says of itself, whatever its definition declares; asks it at most once."""
        return asked_about(self.plugin, self.project)

    def _about(self) -> About:
        return about(self.plugin, self.project)


def _as_kept(state: JSON) -> JSON:
    """Return a state as a last STATE leaves it: what the tap was at is not stored, but some look the key up."""
    if isinstance(state, Mapping) and isinstance(state.get("bookmarks"), Mapping):
        return {**state, "currently_syncing": None}
    return state
