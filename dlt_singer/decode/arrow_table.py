"""What a table is to pyarrow's JSON reader, and the columns and child tables in what it has read.

A child table comes with the row of its parent that each of its rows belongs to, and the place in the array. What
Arrow lets through though a row would hold something else is checked here, column by column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from dlt_singer.decode.decimals import MAX_DIGITS
from dlt_singer.decode.json_columns import unnameable
from dlt_singer.decode.not_exact import NotExact
from dlt_singer.decode.temporal import TEMPORAL
from dlt_singer.hints.table import LIST, VALUE

if TYPE_CHECKING:
    from dlt_singer.hints import Path, TableHints

_Tree: TypeAlias = "dict[str, pa.DataType | _Tree]"

_PLAIN: Final = {
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    **dict.fromkeys(TEMPORAL, pa.string()),
}
_EXACT_INTEGERS: Final = 2.0**53
_TINY: Final = re.compile(rb"[:,\[]\s*-?(?:0\.0{200}|[0-9.]+[eE]-[0-9]{3})")
"""Finds every number that is zero to a double and not zero (and some that are not)."""


@dataclass(frozen=True, slots=True)
class ChildTable:
    """The items of an array in many rows.

    Attributes:
        path: From the root.
        above: Which of the tables is the parent, None for the root.
        table: The rows.
        parents: The parent's row of each.
        positions: The place of each in its array.
    """

    path: Path
    above: int | None
    table: pa.Table
    parents: pa.Array
    positions: pa.Array


@dataclass(frozen=True, slots=True)
class Tables:
    """Rows of a stream, with the rows that dlt makes of their arrays.

    Attributes:
        root: The rows.
        children: The tables of arrays, parents first.
    """

    root: pa.Table
    children: tuple[ChildTable, ...] = ()

    def __len__(self) -> int:
        """Return how many rows the root has."""
        return int(self.root.num_rows)

    @property
    def bytes(self) -> int:
        """How much memory they take."""
        return int(self.root.nbytes + sum(child.table.nbytes for child in self.children))

    def fits(self, after: Tables) -> bool:
        """Return whether others have the same columns and child tables."""
        return [each.schema for each in self._all()] == [each.schema for each in after._all()] and (
            [child.path for child in self.children] == [child.path for child in after.children]
        )

    def join(self, after: Tables) -> Tables:
        """Return these rows and those of tables that fit. The numbers of parents are void then."""
        root, *children = (pa.concat_tables(pair) for pair in zip(self._all(), after._all(), strict=True))
        return Tables(
            root, tuple(replace(ours, table=table) for ours, table in zip(self.children, children, strict=True))
        )

    def cut(self, rows: int) -> tuple[Tables, Tables]:
        """Return the first `rows` and the others, of tables without children."""
        return Tables(self.root.slice(0, rows)), Tables(self.root.slice(rows))

    def _all(self) -> list[pa.Table]:
        return [self.root, *(child.table for child in self.children)]

    def with_root(self, change: Callable[[pa.Table], pa.Table]) -> Tables:
        """Return them with as many rows of the root, but other columns."""
        return replace(self, root=change(self.root))

    def filter(self, keep: list[bool]) -> Tables:
        """Return the rows that are to be kept, and what belongs to them. The numbers of parents are void then."""
        masks: list[pa.Array] = []
        children = []
        for child in self.children:
            mask = pc.take(pa.array(keep) if child.above is None else masks[child.above], child.parents)
            masks.append(mask)
            kept = (pc.filter(array, mask) for array in (child.parents, child.positions))
            children.append(ChildTable(child.path, child.above, child.table.filter(mask), *kept))
        return Tables(self.root.filter(pa.array(keep)), tuple(children))


class ArrowTable:
    """Reads one table and those below it.

    Args:
        hints: Its hints.
        at: Its path.

    Attributes:
        at: Its path.
        fields: What it is to pyarrow; what has no field is not read here.
        columns: The column of each property, and its hint.
        plain: The type of each property that is read here.
    """

    def __init__(self, hints: TableHints, at: Path = ()) -> None:
        self.at = at
        self._items = hints.items
        self.columns = {path: (name, hints.columns.get(name, {})) for path, name in hints.paths.items()}
        self.plain = {path: kind for path, (_, column) in self.columns.items() if (kind := _read_as(column))}
        self._children = {path: ArrowTable(child, (*at, *path)) for path, child in hints.children.items()}
        tree = _tree({**self.plain, **{path: pa.list_(child.item) for path, child in self._children.items()}})
        self.fields = _fields(tree)
        self._indices = {path: _indices(tree, path) for path in (*self.plain, *self._children)}

    @property
    def item(self) -> pa.DataType:
        """The type of an item of the array that the table is made of."""
        return pa.struct(self.fields) if self._items == "objects" or not self.fields else self.fields[0].type

    def below(self) -> Iterator[ArrowTable]:
        """Yield this table and all below it."""
        yield self
        for child in self._children.values():
            yield from child.below()

    def obstacles(self, *, has_texts: bool) -> Iterator[str]:
        """Yield why the table cannot be read here.

        Args:
            has_texts: Some columns of the stream are cut out as texts.
        """
        nested = [column for path, (column, _) in self.columns.items() if len(path) > 1]
        for path, (column_name, column) in self.columns.items():
            name = ".".join((*self.at, *path))
            is_text = column.get("data_type") == "json" and not self.at
            if path not in self.plain and not is_text:
                yield f"its column '{name}' is of a type that only rows are read for"
            if path in self.plain and self._items == "values" and pa.types.is_decimal(self.plain[path]):
                yield f"its array '{'.'.join(self.at)}' is one of decimals"
            if any(each.startswith(f"{column_name}__") for each in nested):
                yield f"its property '{name}' shares a column with an object"
        for path in (*self.columns, *self._children):
            if has_texts and unnameable(path):
                name = repr(".".join(path))
                yield f"it has free-form values, and quotes or control characters in the name of property {name}"
        for child in self._children.values():
            if not child.fields:
                yield f"the items of its array '{'.'.join(child.at)}' may be anything"
            yield from child.obstacles(has_texts=has_texts)

    def values(self, record: pa.ChunkedArray, path: Path, text: bytes) -> pa.ChunkedArray:
        """Return the column of a property.

        Args:
            record: The rows as structs.
            path: The property.
            text: What they were read from.

        Raises:
            NotExact: A row would hold another value.
        """
        column = pc.struct_field(record, self._indices[path])
        name = ".".join((*self.at, *path))
        kind = str(self.columns[path][1].get("data_type"))
        if kind in TEMPORAL:
            return TEMPORAL[kind](column, name)
        if kind == "double" and column.null_count < len(column):
            bounds = pc.min_max(column)
            if bounds["min"].as_py() <= -_EXACT_INTEGERS or bounds["max"].as_py() >= _EXACT_INTEGERS:
                raise NotExact("an integer may be more than a double holds", name)
            if pc.any(pc.equal(column, 0.0)).as_py() and _TINY.search(text):
                raise NotExact("a number may be less than a double holds", name)
        return column

    def children(
        self, record: pa.ChunkedArray, text: bytes, above: int | None = None, first: int = 0
    ) -> list[ChildTable]:
        """Return the child tables in rows, parents first.

        Args:
            record: The rows as structs.
            text: What they were read from.
            above: The number of this table, None for the root.
            first: The number of the first child.

        Raises:
            NotExact: A row would hold another value.
        """
        found: list[ChildTable] = []
        for path, child in self._children.items():
            lists = _whole(pc.struct_field(record, self._indices[path]))
            rows = child.rows_of(pc.list_flatten(lists))
            parents = pc.list_parent_indices(lists)
            columns = {name: child.values(rows, at, text) for at, (name, _) in child.columns.items()}
            # Arrow forgets how many rows a table has that has no columns.
            table = pa.table(columns) if columns else pa.table({"": pa.nulls(len(rows))})
            number = first + len(found)
            found.append(ChildTable(child.at, above, table, parents, _positions(lists, parents)))
            found += child.children(rows, text, number, number + 1)
        return found

    def rows_of(self, items: pa.Array) -> pa.ChunkedArray:
        """Return the items of all arrays as the rows that dlt makes of them."""
        if self._items != "values" and items.null_count:
            # dlt makes a row with a null value of it.
            raise NotExact("an item of an array is null", ".".join(self.at))
        if self._items == "objects":
            return pa.chunked_array([items])
        name = VALUE if self._items == "values" else LIST
        return pa.chunked_array([pa.StructArray.from_arrays([items], [name])])


def _whole(lists: pa.ChunkedArray) -> pa.Array:
    joined = lists.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)


def _positions(lists: pa.Array, parents: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.cast(pc.list_value_length(lists), pa.int64()), 0)
    starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
    numbers = pc.subtract(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), len(parents))), 1)
    return pc.subtract(numbers, pc.take(starts, parents))


def _read_as(column: Mapping[str, object]) -> pa.DataType | None:
    """Return the type to read a column as; None if it is not read here."""
    if column.get("data_type") != "decimal":
        return _PLAIN.get(str(column.get("data_type")))
    precision, scale = column.get("precision"), column.get("scale")
    if isinstance(precision, int) and isinstance(scale, int) and precision <= MAX_DIGITS:
        return pa.decimal128(precision, scale)
    return None


def _tree(plain: Mapping[Path, pa.DataType]) -> _Tree:
    tree: _Tree = {}
    for path, kind in plain.items():
        node = tree
        for part in path[:-1]:
            below = node.setdefault(part, {})
            # A property is a value or an object, never both: the hints have one column for each.
            node = below if isinstance(below, dict) else {}
        node[path[-1]] = kind
    return tree


def _fields(tree: _Tree) -> list[pa.Field]:
    return [
        pa.field(name, pa.struct(_fields(kind)) if isinstance(kind, dict) else kind) for name, kind in tree.items()
    ]


def _indices(tree: _Tree, path: Path) -> list[int]:
    indices = []
    node: pa.DataType | _Tree = tree
    for part in path:
        if isinstance(node, dict):
            indices.append(list(node).index(part))
            node = node[part]
    return indices
