"""Child tables in dlt's words: their names, and our hints for them with the user's on top.

dlt finds a child table's hints by the path of properties to it, objects that are flattened included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast

from dlt.common.normalizers.naming import NamingConvention
from dlt.common.schema import Schema
from dlt.common.schema.typing import TAnySchemaColumns, TTableSchemaColumns
from dlt.common.schema.utils import new_table
from dlt.extract.hints import TResourceNestedHints, make_nested_hints
from dlt.extract.utils import ensure_table_schema_columns

from dlt_singer.hints import ColumnHint, Path

Columns: TypeAlias = Mapping[Path, Mapping[str, ColumnHint]]
"""The columns of tables, parents before their children; those of the stream's own are at `()`."""

NestedHints: TypeAlias = dict[tuple[str, ...], TResourceNestedHints]

_EMPTY = "_empty"
_KEYS = ("primary_key", "merge_key")


def child_name(naming: NamingConvention, root: str, path: Path) -> str:
    """Return the name of the table that dlt makes of the array at `path`.

    Args:
        naming: Of the schema.
        root: The stream's table, as dlt names it.
        path: From the root; `()` is the root itself.
    """
    return naming.shorten_fragments(root, *_fragments(naming, path)) if path else root


def users_columns(naming: NamingConvention, users: object, path: Path) -> Mapping[str, ColumnHint]:
    """Return what the user says of the columns of a child table, in the nested hints of a resource."""
    hints = _normalized(naming, users).get(_fragments(naming, path), {})
    return cast("Mapping[str, ColumnHint]", _columns(hints))


def nested_hints(naming: NamingConvention, root: str, children: Columns, users: object) -> NestedHints:
    """Return hints for child tables: ours, and where the user has an opinion, the user's.

    Args:
        naming: Of the schema.
        root: The stream's table, as dlt names it.
        children: Our columns by path, parents before their children.
        users: The nested hints of the resource.
    """
    merged = _normalized(naming, users)
    for path in _needed(children):
        theirs = merged.get(_fragments(naming, path), {})
        columns = overlaid(children[path], _columns(theirs))
        ours = make_nested_hints(columns=cast("TTableSchemaColumns", columns))
        # A key of the user's own makes a table that is nobody's child.
        keys = [name for name in _KEYS if theirs.get(name) or any(column.get(name) for column in columns.values())]
        if not keys:
            ours["parent_table_name"] = child_name(naming, root, _parent(path, children))
        merged[_fragments(naming, path)] = cast("TResourceNestedHints", {**ours, **theirs, **_both(ours)})
    return merged


def put_into(schema: Schema, root: str, resource: str, children: Columns) -> None:
    """Put child tables into a schema, for rows that no nested hints can come with; not under a schema contract.

    Args:
        schema: Of the source.
        root: The stream's table, as dlt names it.
        resource: The resource's name.
        children: Our columns by path, parents before their children.
    """
    contract = schema.resolve_contract_settings_for_table(root)
    if any(mode != "evolve" for mode in contract.values()):
        return
    if root not in schema.tables:
        schema.update_table(new_table(root, resource=resource))
    for path in _needed(children):
        table = new_table(
            child_name(schema.naming, root, path), child_name(schema.naming, root, _parent(path, children))
        )
        table["columns"] = cast("TTableSchemaColumns", {name: {**hint} for name, hint in children[path].items()})
        schema.update_table(table)


def overlaid(ours: Mapping[str, ColumnHint], users: object) -> dict[str, Mapping[str, object]]:
    """Return our columns with the user's on top, unless these depend on the rows."""
    merged: dict[str, Mapping[str, object]] = {**ours}
    for name, column in (users if isinstance(users, Mapping) else {}).items():
        merged[name] = {**merged.get(name, {}), **column}
    return merged


def _needed(children: Columns) -> list[Path]:
    """Return the tables that have columns, and those above them: dlt must know a parent before its child."""
    typed = [path for path, columns in children.items() if columns]
    return [path for path in children if any(path == below[: len(path)] for below in typed)]


def _parent(path: Path, children: Mapping[Path, object]) -> Path:
    return max((above for above in children if above == path[: len(above)] and above != path), key=len, default=())


def _fragments(naming: NamingConvention, path: Path) -> tuple[str, ...]:
    pieces = (piece for part in path for piece in naming.break_path(part) or [_EMPTY])
    return tuple(naming.normalize_table_identifier(piece) for piece in pieces)


def _normalized(naming: NamingConvention, users: object) -> NestedHints:
    """Return a resource's nested hints by normalised path."""
    return dict(_entries(naming, users)) if isinstance(users, Mapping) else {}


def _entries(
    naming: NamingConvention, users: Mapping[str | tuple[str, ...], TResourceNestedHints]
) -> Iterator[tuple[tuple[str, ...], TResourceNestedHints]]:
    for path, hints in users.items():
        yield tuple(map(naming.normalize_table_identifier, (path,) if isinstance(path, str) else path)), hints


def _columns(hints: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    columns = hints.get("columns")
    if columns is None or callable(columns):
        return {}
    return cast(
        "Mapping[str, Mapping[str, object]]", ensure_table_schema_columns(cast("TAnySchemaColumns", columns))
    )


def _both(ours: TResourceNestedHints) -> Mapping[str, object]:
    """Return the columns, which hold the user's already, under every name that dlt has for them."""
    columns = ("columns", "original_columns")
    return {name: value for name, value in ours.items() if name in columns}
