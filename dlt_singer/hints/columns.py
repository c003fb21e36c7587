"""What we say of columns and tables, in dlt's words but without dlt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

Path: TypeAlias = tuple[str, ...]
"""A property and the objects around it, outermost first; of a child table, the arrays around it, too."""
DataType: TypeAlias = Literal["text", "bigint", "double", "decimal", "bool", "timestamp", "date", "time", "json"]


class ColumnHint(TypedDict, total=False):
    """What we say of a column, in the keys of dlt's `TColumnSchema`."""

    name: str
    data_type: DataType
    nullable: bool
    precision: int
    scale: int
    description: str
    variant: bool
    dedup_sort: Literal["asc", "desc"]
    hard_delete: bool


@dataclass(frozen=True, slots=True)
class TableHints:
    """The columns of a table, and the child tables that dlt makes of the arrays in its rows.

    Attributes:
        columns: Column hints by column name, in the order of the schema.
        paths: Which column the value of a property goes to; objects that are flattened are not listed.
        children: The tables of arrays, by property; without columns where items may be anything.
        items: What a row is made of: an object, a value (dlt's `{"value": value}`) or an array (`{"list": array}`).
    """

    columns: dict[str, ColumnHint]
    paths: Mapping[Path, str]
    children: Mapping[Path, TableHints]
    items: Literal["objects", "values", "arrays"]

    def descendants(self, parent: Path = ()) -> Iterator[tuple[Path, TableHints]]:
        """Yield all child tables by their path from here, parents first."""
        for path, child in self.children.items():
            yield (*parent, *path), child
            yield from child.descendants((*parent, *path))
