"""dlt's schema for a source of thousands of tables.

For each new table dlt goes through all tables to find its own few. Here it remembers them, and looks only at what
is new; everything else is as in `Schema`.
"""

from __future__ import annotations

from dlt.common.schema import Schema
from dlt.common.schema.typing import TTableSchema
from dlt.common.schema.utils import is_dlt_table_or_column


class WideSchema(Schema):
    """A schema that finds dlt's own tables without going through all of them."""

    _own: tuple[str, ...] = ()
    _newest: str | None = None

    def dlt_tables(self) -> list[TTableSchema]:
        """Return dlt's own tables, in order."""
        tables = self.tables
        new: list[str] = []
        for name in reversed(tables):
            if name == self._newest:
                break
            new.append(name)
        else:
            # The table that was the newest is gone.
            self._own = ()
        found = [name for name in reversed(new) if is_dlt_table_or_column(name, self._dlt_tables_prefix)]
        self._own = (*(name for name in self._own if name in tables), *found)
        self._newest = next(reversed(tables), None)
        return [tables[name] for name in self._own]


def widened(schema: Schema) -> Schema:
    """Return a copy of a schema that is fast with very many tables."""
    return WideSchema.from_stored_schema(schema.to_dict())
