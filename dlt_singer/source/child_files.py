"""Child tables of Arrow items: their schema, and their files in the load package that is being extracted.

dlt's extract takes Arrow for the tables of resources alone: it counts rows by resource. But its packages are
directories, and what normalises and loads them asks each file for no more than its table. So the files are written
beside those of the extract, with dlt's own writers, when the item they belong to has arrived.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pyarrow as pa
from dlt.common.data_writers import DataWriter
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.utils import resolve_merge_strategy
from dlt.common.libs.pyarrow import normalize_py_arrow_item
from dlt.common.normalizers.json.helpers import get_propagation_mapping
from dlt.common.normalizers.json.relational import DataItemNormalizer as RelationalNormalizer
from dlt.common.schema import Schema
from dlt.common.schema.typing import TTableSchema, TTableSchemaColumns, TWriteDisposition
from dlt.common.schema.utils import is_nested_table, new_table
from dlt.common.storages import PackageStorage
from dlt.extract.storage import ExtractorItemStorage

from dlt_singer.decode.arrow_table import Tables
from dlt_singer.source.nested import Columns, child_name, put_into

ROOT_ID = "_dlt_root_id"
PARENT_ID = "_dlt_parent_id"
POSITION = "_dlt_list_idx"
ROW_ID = "_dlt_id"
_OWN: Mapping[str, Mapping[str, object]] = {
    ROOT_ID: {"data_type": "text", "nullable": False, "root_key": True},
    PARENT_ID: {"data_type": "text", "nullable": False, "parent_key": True},
    POSITION: {"data_type": "bigint", "nullable": False},
    ROW_ID: {"data_type": "text", "nullable": False, "unique": True, "row_key": True},
}
"""What dlt's normaliser adds to the rows of child tables, in its order."""


@dataclass(frozen=True, slots=True)
class Package:
    """A load package that is being extracted.

    Attributes:
        storage: Where it is.
        load_id: Its name.
        capabilities: Of the destination it is for.
    """

    storage: PackageStorage
    load_id: str
    capabilities: DestinationCapabilitiesContext


class ChildFiles:
    """Writes the child tables of one stream in one extract.

    Args:
        schema: Of the source.
        root: The stream's table, as dlt names it.
        resource: The resource's name.
        package: Where the files go.
    """

    def __init__(self, schema: Schema, root: str, resource: str, package: Package) -> None:
        self._schema = schema
        self._root = root
        self._resource = resource
        self._package = package
        self._storage: ExtractorItemStorage | None = None
        self._closed = False
        self._lock = threading.Lock()

    def obstacle(self, disposition: str) -> str | None:
        """Return why the stream must be given rows; None if it takes Arrow.

        Args:
            disposition: How the stream's table will be written.
        """
        normalizer = self._schema.data_item_normalizer
        if type(normalizer) is not RelationalNormalizer:
            return "its child tables have a normaliser of their own"
        if set(self._propagated()) - {ROW_ID}:
            return "its child tables inherit columns"
        below = (t for name, t in self._schema.tables.items() if name.startswith(f"{self._root}__"))
        if any(not is_nested_table(table) and table.get("resource") == self._resource for table in below):
            return "one of its child tables is nobody's child"
        tables = {self._root: self._root_table(disposition)}
        if resolve_merge_strategy(tables, tables[self._root], self._package.capabilities) not in (
            None,
            "delete-insert",
        ):
            return "its rows are told apart by their keys"
        return None

    def put(self, children: Columns, disposition: str) -> None:
        """Put the child tables into the schema, under the root as it will be.

        Args:
            children: Their columns by path, parents first.
            disposition: How the stream's table will be written.
        """
        self._schema.update_table(self._root_table(disposition))
        put_into(self._schema, self._root, self._resource, children)

    def write(self, tables: Tables) -> None:
        """Write the child tables of an item that has arrived."""
        with self._lock:
            for child in tables.children:
                if child.table.num_rows:
                    self._write(child_name(self._schema.naming, self._root, child.path), child.table)
            if self._closed:
                # A limit closes the stream before its last item arrives.
                self._end(failed=False)

    def close(self, *, failed: bool) -> None:
        """Finish the files; without what waits to be written if the extract fails anyway."""
        with self._lock:
            self._closed = True
            self._end(failed=failed)

    def _end(self, *, failed: bool) -> None:
        if self._storage is not None:
            storage, self._storage = self._storage, None
            storage.close_writers(self._package.load_id, skip_flush=failed)

    def _write(self, name: str, table: pa.Table) -> None:
        naming = self._schema.naming
        inherits = ROOT_ID in self._propagated().values()
        own = {each: hint for each, hint in _OWN.items() if inherits or each != ROOT_ID}
        columns = {naming.normalize_identifier(each): {**hint} for each, hint in own.items()}
        for each, hint in columns.items():
            hint["name"] = each
        partial = new_table(name, str(self._schema.get_table(name)["parent"]))
        partial["columns"] = cast("TTableSchemaColumns", columns)
        self._schema.update_table(partial)
        if not inherits:
            table = table.drop_columns([naming.normalize_identifier(ROOT_ID)])
        known = self._schema.get_table_columns(name)
        item = normalize_py_arrow_item(table, known, naming, self._package.capabilities)
        if self._storage is None:
            spec = DataWriter.writer_spec_from_file_format("parquet", "arrow")
            self._storage = ExtractorItemStorage(self._package.storage, spec)
        self._storage.write_data_item(self._package.load_id, self._schema.name, name, [item], known)

    def _root_table(self, disposition: str) -> TTableSchema:
        return new_table(
            self._root, write_disposition=cast("TWriteDisposition", disposition), resource=self._resource
        )

    def _propagated(self) -> dict[str, str]:
        """Return which columns of the root its child tables inherit, and under which names."""
        config = RelationalNormalizer.get_normalizer_config(self._schema).get("propagation")
        found = get_propagation_mapping(config, self._root, is_root=True) if config else {}
        return {str(name): str(inherited) for name, inherited in found.items()}
