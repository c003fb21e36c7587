"""The table of one stream: our hints with the user's on top, travelling on the items themselves.

Set on the resource they would stick to it: a `replace` would wipe the bookmark before the next run and empty the
table of a stream that was skipped. So items carry them, to a variant of the resource's own table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar, cast

import dlt
from dlt.common.normalizers.json.relational import DataItemNormalizer as RelationalNormalizer
from dlt.common.pipeline import SupportsPipeline
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnName, TFileFormat, TTableSchemaColumns, TWriteDisposition
from dlt.destinations import destination as FunctionDestination  # noqa: N812 - a class, named like its decorator
from dlt.extract.hints import HintsMeta, TResourceHints, make_hints
from dlt.extract.items import DataItemWithMeta, TableNameMeta
from dlt.extract.resource import DltResource

from dlt_singer.hints import ColumnHint

OURS: Mapping[str, str] = {"disposition": "append"}
"""The disposition our resources are created with: as a mapping, so that a user's plain `append` can be told."""

DeliveryT = TypeVar("DeliveryT")


class DeliveredHints(HintsMeta, Generic[DeliveryT]):
    """Hints on an item, and the delivery the item belongs to."""

    __slots__ = ("delivery",)

    def __init__(self, hints: TResourceHints, delivery: DeliveryT) -> None:
        super().__init__(hints, create_table_variant=True)
        self.delivery = delivery


class DeliveredTable(TableNameMeta, Generic[DeliveryT]):
    """The table of an item, and the delivery the item belongs to."""

    __slots__ = ("delivery",)

    def __init__(self, table_name: str, delivery: DeliveryT) -> None:
        super().__init__(table_name)
        self.delivery = delivery


class Delivered(Generic[DeliveryT]):
    """Only the delivery an item belongs to."""

    __slots__ = ("delivery",)

    def __init__(self, delivery: DeliveryT) -> None:
        self.delivery = delivery


class Table:
    """Where the rows of a stream go.

    Args:
        resource: The live resource; None if rows are read without a pipeline.
        schema: The schema of the source, with the tables that are there already.
        file_format: For the load files, if the user asks for none; None leaves it to dlt.
        feeds_transformer: A transformer takes the rows. It would inherit the items' table, so hints are applied
            to the resource instead; the same for a resource whose hints depend on the data.
    """

    def __init__(
        self,
        resource: DltResource | None,
        schema: Schema | None,
        file_format: TFileFormat | None,
        *,
        feeds_transformer: bool,
    ) -> None:
        self._schema = schema
        self._resource = resource
        self._sticks = resource is not None and (
            feeds_transformer or resource.has_dynamic_table_name or resource.has_other_dynamic_hints
        )
        self._file_format = file_format
        if resource is not None and isinstance(resource.table_name, str):
            # What an earlier run of this object has left would hide what the user has said since.
            resource._hints_variants.pop(resource.table_name, None)  # noqa: SLF001 - no public way

    @property
    def keeps_history(self) -> bool:
        """Whether the user keeps every version of a row: a column of ours would make each run a new one."""
        users = OURS if self._resource is None else self._resource.write_disposition
        return isinstance(users, Mapping) and users.get("strategy") == "scd2"

    def disposition(self, ours: str) -> str:
        """Return how the table will be written: as the user says, else as we do."""
        users = OURS if self._resource is None else self._resource.write_disposition
        if users == OURS or callable(users):
            return ours
        return str(users["disposition"]) if isinstance(users, Mapping) else str(users)

    def prepare_to_merge(self) -> None:
        """Have child tables carry the root's id although this run replaces: a column that cannot be null later."""
        if self._schema is not None and self._resource is not None and isinstance(self._resource.table_name, str):
            name = self._schema.naming.normalize_table_identifier(self._resource.table_name)
            root_id = {TColumnName("_dlt_id"): TColumnName("_dlt_root_id")}
            RelationalNormalizer.update_normalizer_config(
                self._schema, {"propagation": {"tables": {name: root_id}}}
            )

    def stored_columns(self) -> Mapping[str, ColumnHint]:
        """Return the columns the table has already, with the types the user has given on top."""
        if self._resource is None or self._schema is None or not isinstance(self._resource.table_name, str):
            return {}
        name = self._schema.naming.normalize_table_identifier(self._resource.table_name)
        stored = self._schema.tables.get(name, {}).get("columns", {})
        users = self._resource.columns
        merged = {**stored, **(users if isinstance(users, Mapping) else {})}
        return cast("Mapping[str, ColumnHint]", merged)

    def item(
        self, rows: list[dict[str, object]], delivery: DeliveryT, hints: TResourceHints | None
    ) -> DataItemWithMeta:
        """Return rows for dlt.

        Args:
            rows: The rows.
            delivery: What the last step of the pipe gets to see.
            hints: From `hints`; None if dlt has them already.
        """
        if self._resource is None or self._sticks:
            if hints is not None and self._resource is not None:
                self._resource.merge_hints(hints)
            return DataItemWithMeta(Delivered(delivery), rows)
        table_name = str(self._resource.table_name)
        meta = DeliveredTable(table_name, delivery) if hints is None else DeliveredHints(hints, delivery)
        return DataItemWithMeta(meta, rows)

    def hints(
        self, columns: Mapping[str, ColumnHint], primary_key: tuple[str, ...], disposition: str
    ) -> TResourceHints:
        """Return the hints of the table: ours, and where the user has an opinion, the user's.

        Args:
            columns: Our columns.
            primary_key: Our key; an empty one takes back the key of an earlier SCHEMA.
            disposition: Ours.
        """
        # dlt offers no public way to read a key that was applied to a resource.
        users = (self._resource._hints if self._resource is not None else None) or TResourceHints()  # noqa: SLF001
        write_disposition = users.get("write_disposition", OURS)
        merged: dict[str, Mapping[str, object]] = {**columns}
        users_columns = users.get("columns")
        for name, column in (users_columns if isinstance(users_columns, Mapping) else {}).items():
            merged[name] = {**merged.get(name, {}), **column}
        hints = make_hints(
            write_disposition=cast(
                "TWriteDisposition", disposition if write_disposition == OURS else write_disposition
            ),
            columns=cast("TTableSchemaColumns", merged),
            primary_key=users.get("primary_key", list(primary_key)),
            file_format=cast("TFileFormat | None", users.get("file_format") or self._file_format),
        )
        if self._resource is not None and not self._sticks:
            hints["table_name"] = self._resource.table_name
        return hints


def file_format_of(pipeline: SupportsPipeline | None) -> TFileFormat | None:
    """Return parquet if the pipeline's destination takes it: dlt writes it several times faster than its own."""
    destination = None if pipeline is None else pipeline.destination
    # A function of the user's own is promised rows, and would be given Arrow.
    if destination is None or isinstance(destination, FunctionDestination):
        return None
    # Who has told dlt which format to write means it for these tables, too.
    if dlt.config.get("normalize.loader_file_format") is not None:
        return None
    can = destination.capabilities()
    formats = can.supported_loader_file_formats
    if can.loader_file_format_selector is not None:
        # some take parquet only with a driver that may not be there
        _, formats = can.loader_file_format_selector(can.preferred_loader_file_format, formats, table_schema={})
    return "parquet" if "parquet" in formats else None
