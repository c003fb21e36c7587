"""The last step of a stream's pipe, behind a limit: what passes it reaches dlt."""

from __future__ import annotations

from typing import ClassVar

from dlt.extract.items import DataItemWithMeta
from dlt.extract.items_transform import ItemTransform

from dlt_singer.source.definition import Definition
from dlt_singer.source.delivery import Delivered, DeliveredHints, DeliveredTable


class _Pause:
    """Marks an item that is none."""


def pause() -> DataItemWithMeta:
    """Return an item that makes dlt come back from its recursion and that no table sees.

    Without the mark dlt would write it with the resource's own hints: the table would lose those of its stream.
    """
    return DataItemWithMeta(_Pause(), [])


class HandOver(ItemTransform[object, dict[str, object]]):
    """Tells a stream that a batch has arrived, and dlt's pipe which stream it is.

    Args:
        definition: The source definition the stream belongs to.
        stream: Its name.
        backend: How its records are decoded; None if it is not asked for in particular.
    """

    # Behind dlt's limit (1.1), before its fork to transformers (2).
    placement_affinity: ClassVar[float] = 1.5

    def __init__(self, definition: Definition, stream: str, backend: str | None = None) -> None:
        super().__init__(lambda item: item)
        self.definition = definition
        self.stream = stream
        self.backend = backend

    def __call__(self, item: object, meta: object = None) -> object:
        """Pass the item on, unless it is none."""
        if isinstance(meta, _Pause):
            return None
        if isinstance(meta, (DeliveredHints, DeliveredTable, Delivered)) and meta.delivery is not None:
            meta.delivery.sync.arrived(meta.delivery)
        return item
