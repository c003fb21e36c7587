"""The properties of a schema in, the table that dlt's normaliser would make of them out, child tables included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dlt_singer.errors import SchemaError
from dlt_singer.hints.columns import ColumnHint, Path, TableHints
from dlt_singer.hints.shape import Shape

VALUE = "value"
"""What dlt calls an item that is neither object nor array."""
LIST = "list"
"""What dlt calls an array in an array."""


@dataclass(slots=True)
class TableReader:
    """Reads the tables of one stream.

    Attributes:
        stream: Its name.
        normalize: dlt's naming convention for one identifier.
        warnings: One sentence for each column that is wider than declared.
    """

    stream: str
    normalize: Callable[[str], str]
    warnings: list[str] = field(default_factory=list)

    def table(
        self, properties: Mapping[str, Shape], levels: int | None, keys: Collection[str] = (), at: Path = ()
    ) -> TableHints:
        """Return the table of rows that have these properties.

        Args:
            properties: The shapes of the properties.
            levels: How deep dlt goes from here, None for as deep as there is.
            keys: The properties that are the key.
            at: Where the rows are, for errors and warnings.

        Raises:
            SchemaError: Two properties share a column name.
        """
        columns: dict[str, ColumnHint] = {}
        paths: dict[Path, str] = {}
        children: dict[Path, TableHints] = {}
        owners: dict[str, Path] = {}
        for path, shape in _leaves(properties, levels):
            name = column_name(path, self.normalize)
            other = owners.setdefault(name, path)
            if other != path:
                raise self._collision(name, (*at, *other), (*at, *path), nested=bool(at))
            if shape.kind == "array":
                children[path] = self._child(shape, levels, (*at, *path))
                continue
            is_key = len(path) == 1 and path[0] in keys
            typed = _typed(shape, is_key=is_key)
            columns[name] = _column(name, typed, nullable=not is_key)
            paths[path] = name
            if typed.note:
                kind = columns[name]["data_type"]
                where = ".".join((*at, *path))
                self.warnings.append(
                    f"Stream '{self.stream}', property '{where}': {typed.note}; the column is {kind}."
                )
        return TableHints(columns, paths, children, "objects")

    def _child(self, array: Shape, levels: int | None, at: Path) -> TableHints:
        """Return the table of an array; dlt counts its levels from the row, not from the objects within it."""
        below = None if levels is None else levels - 1
        items = array.items
        # Items of an array without a name dlt takes for rows of the table itself.
        nameless = not at[-1].replace("_", "").strip()
        if items is None or items.kind in ("any", "null", "json") or nameless:
            return TableHints({}, {}, {}, "objects")
        if items.kind == "object":
            return self.table(items.properties, below, at=at)
        if items.kind == "array":
            table = self.table({LIST: items}, None if below is None else below - 1, at=at)
            return replace(table, items="arrays")
        return replace(self.table({VALUE: items}, below, at=at), items="values")

    def _collision(self, column: str, first: Path, second: Path, *, nested: bool) -> SchemaError:
        names = f"'{'.'.join(first)}' and '{'.'.join(second)}'"
        way_out = "Load its arrays as JSON (`max_table_nesting: 0`)" if nested else "Deselect one of them"
        return SchemaError(
            f"Stream '{self.stream}': the properties {names} both become the column '{column}'.",
            f"{way_out}, or choose another dlt naming convention.",
        )


def column_name(path: Path, normalize: Callable[[str], str]) -> str:
    """Return the name of the column that dlt makes of a property, objects around it flattened."""
    return "__".join(normalize(part) if part.strip() else "_empty" for part in path)


def _leaves(
    properties: Mapping[str, Shape], levels: int | None, parents: Path = ()
) -> Iterator[tuple[Path, Shape]]:
    """Yield what dlt's normaliser makes a column (or child table) of, in the order of the schema."""
    for name, shape in properties.items():
        path = (*parents, name)
        if levels is not None and levels <= 0 and shape.kind in ("object", "array"):
            yield path, Shape("json", description=shape.description, note=shape.note)
        elif shape.kind == "object":
            yield from _leaves(shape.properties, None if levels is None else levels - 1, path)
        else:
            yield path, shape


def _typed(shape: Shape, *, is_key: bool) -> Shape:
    """Give a type to what the schema leaves open, so that a column is there before its first value."""
    if shape.kind == "null":
        return replace(shape, kind="text")
    if shape.kind != "any":
        return shape
    # A key is a plain value, and databases compare texts.
    return replace(shape, kind="text" if is_key else "json", note=shape.note or "it declares no type")


def _column(name: str, shape: Shape, *, nullable: bool) -> ColumnHint:
    column = ColumnHint(name=name, nullable=nullable)
    match shape.kind:
        case "any" | "null" | "object" | "array":  # Given a type, flattened, or a table of their own by now.
            pass
        case "decimal":
            column |= ColumnHint(data_type="decimal", precision=shape.digits + shape.scale, scale=shape.scale)
        case kind:
            column["data_type"] = kind
    if shape.description:
        column["description"] = shape.description
    return column
