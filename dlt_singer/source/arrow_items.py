"""An Arrow table of a batch made into what dlt's normaliser would make of its rows.

dlt writes Arrow as it is, so what it adds to rows is added here: the id of the load and one for each row. And
since nothing of dlt's looks at the single value on that way, a table is only given Arrow if nothing needs to.
"""

from __future__ import annotations

import base64
import logging
import secrets
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.libs.pyarrow import get_py_arrow_datatype
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnSchema, TColumnType
from dlt.common.storages import PackageStorage
from dlt.common.storages.load_package import LoadPackageStateInjectableContext
from dlt.extract.resource import DltResource
from dlt.normalize.configuration import ItemsNormalizerConfiguration

from dlt_singer.decode import NotExact
from dlt_singer.decode.arrow_table import ChildTable
from dlt_singer.hints import ColumnHint
from dlt_singer.source.child_files import PARENT_ID, POSITION, ROOT_ID, ROW_ID

_LOAD_ID: Final = "_dlt_load_id"
_ID_LENGTH: Final = 14
_BITS_OF_A_DIGIT: Final = 6


@dataclass(frozen=True, slots=True)
class ArrowItems:
    """What the Arrow items of one extract have in common.

    Attributes:
        load_id: The load package they go to.
        capabilities: Of the destination.
        adds_load_id: Whether dlt adds `_dlt_load_id` itself, by the user's configuration.
        adds_id: The same for `_dlt_id`.
        packages: Where the load package is.
    """

    load_id: str
    capabilities: DestinationCapabilitiesContext
    adds_load_id: bool
    adds_id: bool
    packages: PackageStorage | None = None

    def columns(self, normalize: Callable[[str], str]) -> dict[str, ColumnHint]:
        """Return hints for the columns that `complete` adds, as dlt's normaliser gives them to rows."""
        load_id, row_id = normalize(_LOAD_ID), normalize(ROW_ID)
        added: dict[str, TColumnSchema] = {}
        if not self.adds_load_id:
            added[load_id] = {"name": load_id, "data_type": "text", "nullable": False}
        if not self.adds_id:
            added[row_id] = {
                "name": row_id, "data_type": "text", "nullable": False, "unique": True, "row_key": True
            }  # fmt: skip
        return cast("dict[str, ColumnHint]", added)

    def complete(
        self, table: pa.Table, columns: Mapping[str, Mapping[str, object]], normalize: Callable[[str], str]
    ) -> pa.Table:
        """Return a table in dlt's types, with dlt's columns.

        Args:
            table: The rows.
            columns: The columns' hints, the user's among them.
            normalize: dlt's naming convention for one identifier.

        Raises:
            NotExact: The user has asked for a type that does not hold a value, or the tap has a column of dlt's.
        """
        own = {normalize(_LOAD_ID), normalize(ROW_ID)}
        if taken := own.intersection(table.column_names):
            raise NotExact("the tap gives dlt's own column a value", taken.pop())
        names, arrays = list(table.column_names), list(table.columns)
        arrays = [self._typed(column, columns.get(name, {})) for name, column in zip(names, arrays, strict=True)]
        if not self.adds_load_id:
            names.append(normalize(_LOAD_ID))
            arrays.append(pa.repeat(self.load_id, len(table)))
        if not self.adds_id:
            names.append(normalize(ROW_ID))
            arrays.append(row_ids(len(table)))
        hints = {**columns, **self.columns(normalize)}
        # dlt would warn of a nullable column where its schema has none.
        fields = [
            pa.field(name, array.type, nullable=bool(hints.get(name, {}).get("nullable", True)))
            for name, array in zip(names, arrays, strict=True)
        ]
        return pa.table(arrays, schema=pa.schema(fields))

    def complete_child(
        self,
        child: ChildTable,
        above: Sequence[pa.Table],
        columns: Mapping[str, Mapping[str, object]],
        normalize: Callable[[str], str],
    ) -> ChildTable:
        """Return a child table in dlt's types, with dlt's columns.

        Args:
            child: The rows.
            above: The root, then the child tables, all that come before it and complete.
            columns: The columns' hints.
            normalize: dlt's naming convention for one identifier.

        Raises:
            NotExact: The tap has a column of dlt's.
        """
        root_id, parent_id, position, row_id = map(normalize, (ROOT_ID, PARENT_ID, POSITION, ROW_ID))
        if taken := {root_id, parent_id, position, row_id}.intersection(child.table.column_names):
            raise NotExact("the tap gives dlt's own column a value", taken.pop())
        parent = above[0 if child.above is None else child.above + 1]
        arrays = {name: self._typed(child.table[name], hint) for name, hint in columns.items()}
        arrays[root_id] = pc.take(parent[row_id if child.above is None else root_id], child.parents)
        arrays[parent_id] = pc.take(parent[row_id], child.parents)
        arrays[position] = child.positions
        arrays[row_id] = row_ids(len(child.parents))
        fields = [
            pa.field(name, array.type, nullable=name in columns and bool(columns[name].get("nullable", True)))
            for name, array in arrays.items()
        ]
        return replace(child, table=pa.table(list(arrays.values()), schema=pa.schema(fields)))

    def _typed(self, column: pa.ChunkedArray, hint: Mapping[str, object]) -> pa.ChunkedArray:
        # dlt minds time zones itself, and a timestamp's precision is the destination's affair.
        if hint.get("data_type") in (None, "timestamp", "time"):
            return column
        kind = get_py_arrow_datatype(cast("TColumnType", hint), self.capabilities, "UTC")
        if kind == column.type:
            return column
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            reason = "a value does not fit the type that was asked for"
            raise NotExact(reason, str(hint.get("name"))) from None


def arrow_items(
    capabilities: DestinationCapabilitiesContext | None, package: LoadPackageStateInjectableContext | None
) -> ArrowItems | None:
    """Return how Arrow items of this extract are made; None without a destination or a load package."""
    if capabilities is None or package is None:
        return None
    config = resolve_configuration(ItemsNormalizerConfiguration(), sections=("normalize", "parquet_normalizer"))
    return ArrowItems(package.load_id, capabilities, config.add_dlt_load_id, config.add_dlt_id, package.storage)


def bring_json_as_text(owner: object, resources: Iterable[str]) -> None:
    """As long as `owner` lives, let dlt not warn with each item that JSON comes as text, as Arrow has no JSON.

    Args:
        owner: An extract.
        resources: Whose items are Arrow.
    """
    beginnings = tuple(f"In resource: {name}, when merging arrow schema with dlt" for name in resources)

    def is_another(record: logging.LogRecord) -> bool:
        return not (isinstance(record.msg, str) and record.msg.startswith(beginnings))

    if logger.LOGGER is not None:
        logger.LOGGER.addFilter(is_another)
        weakref.finalize(owner, logger.LOGGER.removeFilter, is_another)


def obstacles(resource: DltResource, schema: Schema, file_format: str | None) -> Iterator[str]:
    """Yield why a resource must be given rows.

    Args:
        resource: The resource.
        schema: Of the source.
        file_format: What its load files will be.
    """
    if file_format != "parquet":
        yield f"its load files are {file_format or 'not parquet'}"
    contract = schema.resolve_contract_settings_for_table(str(resource.table_name))
    if any(mode != "evolve" for mode in contract.values()) or resource.schema_contract is not None:
        yield "a schema contract looks at values"
    if isinstance(resource.write_disposition, Mapping) and resource.write_disposition.get("strategy") == "scd2":
        yield "its rows are told apart by a hash of their values"


def row_ids(count: int) -> pa.Array:
    """Return random ids of the length and letters of dlt's own.

    Example:
        >>> len(row_ids(1000).unique())
        1000
    """
    digits = base64.b64encode(secrets.token_bytes(-(-count * _ID_LENGTH * _BITS_OF_A_DIGIT // 8)))
    return pa.StringArray.from_buffers(count, _ends_of_ids(count.bit_length()), pa.py_buffer(digits))


@lru_cache
def _ends_of_ids(bits: int) -> pa.Buffer:
    """Return where each id ends, for any number of them that has no more bits."""
    return pa.array(range(0, ((1 << bits) + 1) * _ID_LENGTH, _ID_LENGTH), pa.int32()).buffers()[1]
