"""The table of one stream: our hints with the user's on top, travelling on the items themselves.

Set on the resource they would stick to it: a `replace` would wipe the bookmark before the next run and empty the
table of a stream that was skipped. So items carry them, to a variant of the resource's own table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

import pyarrow as pa
from dlt.common.schema import Schema
from dlt.common.schema.typing import TFileFormat, TTableSchema, TTableSchemaColumns, TWriteDisposition
from dlt.common.schema.utils import get_nested_tables, has_table_seen_data
from dlt.extract.hints import TResourceHints, make_hints
from dlt.extract.items import DataItemWithMeta
from dlt.extract.resource import DltResource

from dlt_singer.decode.arrow_table import ChildTable, Tables
from dlt_singer.hints import ColumnHint, Path
from dlt_singer.source.arrow_items import ArrowItems, obstacles
from dlt_singer.source.child_files import ChildFiles, Package
from dlt_singer.source.delivery import Delivered, DeliveredHints, DeliveredTable, Delivery
from dlt_singer.source.nested import Columns, child_name, nested_hints, overlaid, put_into, users_columns

OURS: Mapping[str, str] = {"disposition": "append"}
"""The disposition our resources are created with: as a mapping, so that a user's plain `append` can be told."""


class Table:
    """Where the rows of a stream go.

    Args:
        resource: The live resource; None if rows are read without a pipeline.
        schema: The schema of the source, with the tables that are there already.
        file_format: For the load files, if the user asks for none; None leaves it to dlt.
        arrow: How Arrow items are made; None if there is nothing to write them to.
        feeds_transformer: A transformer takes the rows. It would inherit the items' table, so hints are applied
            to the resource instead; the same for a resource whose hints depend on the data.
        has_steps: The user has put steps behind the stream, and they expect rows.
    """

    def __init__(  # noqa: PLR0913 - three of them are yes or no
        self,
        resource: DltResource | None,
        schema: Schema | None,
        file_format: TFileFormat | None,
        arrow: ArrowItems | None = None,
        *,
        feeds_transformer: bool,
        has_steps: bool = False,
    ) -> None:
        self._schema = schema
        self._resource = resource
        self._sticks = resource is not None and (
            feeds_transformer or resource.has_dynamic_table_name or resource.has_other_dynamic_hints
        )
        self._file_format = file_format
        self._arrow = arrow
        self._has_steps = has_steps
        self._children: Columns = {}
        if resource is not None and isinstance(resource.table_name, str):
            # What an earlier run of this object has left would hide what the user has said since.
            resource._hints_variants.pop(resource.table_name, None)  # noqa: SLF001 - no public way

    @property
    def name(self) -> str | None:
        """The table's name at the destination; None if each row decides, or there is no pipeline."""
        if self._resource is None or self._schema is None or not isinstance(self._resource.table_name, str):
            return None
        return self._schema.naming.normalize_tables_path(self._resource.table_name)

    @cached_property
    def arrow_obstacle(self) -> str | None:
        """Why the resource must be given rows; None if it takes Arrow."""
        if self._resource is None or self._schema is None or self._arrow is None:
            return "there is no pipeline to write it"
        if self._sticks:
            return "a transformer takes the rows, or the resource's hints depend on them"
        if self._has_steps:
            return "a step of the resource takes rows"
        users = self._resource._hints or TResourceHints()  # noqa: SLF001 - no public way
        if self._nested:
            # dlt would give child tables the columns of an Arrow table.
            return "its child tables have hints"
        file_format = users.get("file_format") or self._file_format
        return next(obstacles(self._resource, self._schema, cast("str | None", file_format)), None)

    @cached_property
    def arrow_columns(self) -> dict[str, ColumnHint]:
        """The columns that Arrow items bring and that dlt adds to rows; none if the resource must be given rows."""
        return {} if self.arrow_obstacle or not self._arrow else self._arrow.columns(self._normalize)

    def typed(self, tables: Tables, columns: Columns) -> Tables:
        """Return Arrow tables in the destination's types, with the columns that dlt adds to rows.

        Args:
            tables: The rows.
            columns: Our columns.

        Raises:
            NotExact: A value does not fit the type that the user has asked for.
        """
        assert self._arrow is not None  # noqa: S101 - there would be an obstacle
        merged = overlaid(columns[()], self._resource.columns if self._resource is not None else None)
        children: list[ChildTable] = []
        done = [self._arrow.complete(tables.root, merged, self._normalize)]
        for child in tables.children:
            children.append(self._arrow.complete_child(child, done, columns[child.path], self._normalize))
            done.append(children[-1].table)
        return Tables(done[0], tuple(children))

    def child_obstacle(self, ours: str) -> str | None:
        """Return why a stream with arrays must be given rows; None if it takes Arrow.

        Args:
            ours: The disposition, if the user does not say.
        """
        if self.arrow_obstacle or self._arrow is None or self._child_files is None:
            return self.arrow_obstacle or "there is no load package"
        if self._arrow.adds_id or self._arrow.adds_load_id:
            return "dlt adds its columns itself"
        users = self._users_disposition
        if users != OURS and not isinstance(users, str):
            return "its disposition has options"
        return self._child_files.obstacle(self.disposition(ours))

    def write_children(self, tables: Tables, columns: Columns, ours: str) -> None:
        """Write the child tables of an Arrow item that reaches dlt now.

        Args:
            tables: From `typed`.
            columns: Our columns.
            ours: The disposition, if the user does not say.
        """
        if self._child_files is None:
            return
        children = {path: hints for path, hints in columns.items() if path}
        if children != self._children:
            self._child_files.put(children, self.disposition(ours))
            self._children = children
        self._child_files.write(tables)

    def close(self, *, failed: bool) -> None:
        """Write no more; for what still comes there is a file of its own."""
        if "_child_files" in self.__dict__ and self._child_files is not None:
            self._child_files.close(failed=failed)

    @cached_property
    def _child_files(self) -> ChildFiles | None:
        if self._arrow is None or self._arrow.packages is None or self._schema is None:
            return None
        if self._resource is None or self.name is None:
            return None
        package = Package(self._arrow.packages, self._arrow.load_id, self._arrow.capabilities)
        return ChildFiles(self._schema, self.name, self._resource.name, package)

    def _normalize(self, name: str) -> str:
        assert self._schema is not None  # noqa: S101 - as above
        return self._schema.naming.normalize_identifier(name)

    @property
    def _users_disposition(self) -> object:
        """What the user says of the disposition: `OURS` for nothing."""
        return OURS if self._resource is None else self._resource.write_disposition

    @property
    def keeps_history(self) -> bool:
        """Whether the user keeps every version of a row: a column of ours would make each run a new one."""
        users = self._users_disposition
        return isinstance(users, Mapping) and users.get("strategy") == "scd2"

    @property
    def is_written_as_we_say(self) -> bool:
        """Whether the user leaves the disposition to us."""
        users = self._users_disposition
        return users == OURS or callable(users)

    def disposition(self, ours: str) -> str:
        """Return how the table will be written: as the user says, else as we do."""
        users = self._users_disposition
        if self.is_written_as_we_say:
            return ours
        return str(users["disposition"]) if isinstance(users, Mapping) else str(users)

    def filled(self) -> list[TTableSchema]:
        """Return the table and its child tables, as far as earlier runs have loaded rows into them."""
        if self._schema is None or self.name is None or self.name not in self._schema.tables:
            return []
        return [each for each in get_nested_tables(self._schema.tables, self.name) if has_table_seen_data(each)]

    def stored_columns(self, path: Path = ()) -> Mapping[str, ColumnHint]:
        """Return the columns the table has already, with the types the user has given on top.

        Args:
            path: Of a child table; `()` is the table itself.
        """
        if self._resource is None or self._schema is None or self.name is None:
            return {}
        stored = self._schema.tables.get(child_name(self._schema.naming, self.name, path), {}).get("columns", {})
        users = users_columns(self._schema.naming, self._nested, path) if path else self._resource.columns
        merged = {**stored, **(users if isinstance(users, Mapping) else {})}
        return cast("Mapping[str, ColumnHint]", merged)

    @property
    def _nested(self) -> object:
        return self._resource.nested_hints if self._resource is not None else None

    def item(
        self, rows: list[dict[str, object]] | pa.Table, delivery: Delivery | None, hints: TResourceHints | None
    ) -> DataItemWithMeta:
        """Return rows for dlt.

        Args:
            rows: The rows.
            delivery: The delivery they are, for the last step of the pipe; None if they are none.
            hints: From `hints`; None if dlt has them already.
        """
        if self._resource is None or self._sticks:
            if hints is not None and self._resource is not None:
                self._resource.merge_hints(hints)
            return DataItemWithMeta(Delivered(delivery), rows)
        table_name = str(self._resource.table_name)
        meta = DeliveredTable(table_name, delivery) if hints is None else DeliveredHints(hints, delivery)
        return DataItemWithMeta(meta, rows)

    def hints(self, columns: Columns, primary_key: tuple[str, ...], disposition: str) -> TResourceHints:
        """Return the hints of the table: ours, and where the user has an opinion, the user's.

        Args:
            columns: Our columns, by the path of their table; `()` is the table itself.
            primary_key: Our key; an empty one takes back the key of an earlier SCHEMA.
            disposition: Ours.
        """
        # dlt offers no public way to read a key that was applied to a resource.
        users = (self._resource._hints if self._resource is not None else None) or TResourceHints()  # noqa: SLF001
        write_disposition = users.get("write_disposition", OURS)
        hints = make_hints(
            write_disposition=cast(
                "TWriteDisposition", disposition if write_disposition == OURS else write_disposition
            ),
            columns=cast("TTableSchemaColumns", overlaid(columns[()], users.get("columns"))),
            primary_key=users.get("primary_key", list(primary_key)),
            file_format=cast("TFileFormat | None", users.get("file_format") or self._file_format),
            # Also where there are none: those of an earlier SCHEMA would stay.
            nested_hints=self._nested_hints({path: hints for path, hints in columns.items() if path}),
        )
        if self._resource is not None and not self._sticks:
            hints["table_name"] = self._resource.table_name
        return hints

    def _nested_hints(self, children: Columns) -> Any:  # noqa: ANN401 - dlt's dict
        if callable(self._nested) or self._schema is None or self._resource is None or self.name is None:
            return None
        naming = self._schema.naming
        if naming.normalize_table_identifier(str(self._resource.table_name)) == self.name:
            return nested_hints(naming, self.name, children, self._nested)
        put_into(self._schema, self.name, self._resource.name, children)
        return self._nested or {}
