"""A tap's catalog with the user's overrides and rules: as it is kept in the store, or as the tap says, asked once.

Lazy: what is not needed is not read, and nobody is asked before `selection`. Does not import dlt.
"""

from __future__ import annotations

from functools import cached_property

from dlt_singer.catalog import Selection, Stream
from dlt_singer.errors import DiscoveryNeededError
from dlt_singer.tap import BaseCatalog, Tap, warn


class SelectedCatalog:
    """The catalog of a tap as one source uses it.

    Args:
        tap: The tap.
        refresh: Discover anew, once, even if the catalog is kept.
    """

    def __init__(self, tap: Tap, *, refresh: bool = False) -> None:
        self._tap = tap
        self._refresh = refresh
        self._base: BaseCatalog | None = None

    def kept(self) -> Selection | None:
        """Return the selection if the catalog is known without asking the tap.

        Raises:
            SelectionError: A rule cannot hold.
        """
        if self._base is None and not self._refresh:
            self._base = self._tap.kept_catalog()
        return self.known

    def selection(self) -> Selection | None:
        """Return the selection, asking the tap if need be; None for a tap that neither has nor takes a catalog.

        Raises:
            DiscoveryNeededError: The tap would have to be asked, and `discover` is off.
            CatalogError: Discovery failed, or a rule cannot hold.
        """
        if self.kept() is None:
            plugin = self._tap.plugin
            # A tap that has not declared what it can do would have to be asked that, too.
            if not plugin.discover and (plugin.capabilities is None or self._tap.discovers):
                raise DiscoveryNeededError(
                    f"The catalog of {self._tap.name} is not kept in the store, and discovery is off.",
                    f"Run: dlt-singer catalog {self._tap.name}",
                )
            if self._tap.discovers:
                self._base = self._tap.discover()
        return self.known

    @property
    def known(self) -> Selection | None:
        """The selection if anybody has needed it before."""
        return None if self._base is None else self._select_once

    @cached_property
    def _select_once(self) -> Selection:
        assert self._base is not None  # noqa: S101 - `known` has looked
        selection = self._tap.select(self._base.catalog)
        for warning in selection.warnings:
            warn(f"{self._tap.name}: {warning}")
        return selection

    @property
    def age(self) -> str:
        """How old the catalog is, for a person; empty without one."""
        return f" (catalog {self._base.age})" if self._base is not None else ""

    @property
    def streams(self) -> frozenset[str]:
        """Every stream the tap is known to have, selected or not."""
        return frozenset(self._base.catalog.stream_ids) if self._base is not None else frozenset()

    def entry(self, stream: str) -> Stream | None:
        """Return what is known of a selected stream."""
        selection = self.known
        return None if selection is None else selection.catalog.by_id.get(stream)
