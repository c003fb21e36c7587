"""dlt's schema for a source of thousands of tables.

For each new table dlt goes through all tables to find its own few. Here it remembers them, and looks only at what
is new; everything else is as in `Schema`.
"""

from __future__ import annotations

from copy import copy

from dlt.common.pipeline import SupportsPipeline
from dlt.common.schema import Schema
from dlt.common.schema.typing import TTableSchema
from dlt.common.schema.utils import is_dlt_table_or_column
from dlt.extract.source import DltSource

_MANY_STREAMS = 500


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

    def clone(self, *args: object, **kwargs: object) -> Schema:
        """Return a copy that is as fast; dlt extracts its state into one."""
        copied = super().clone(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they are
        copied.__class__ = type(self)
        return copied

    def update_schema(self, schema: Schema) -> None:
        """Take over another schema; for dlt's own state that is the one this was copied from."""
        if schema.tables == self.tables:
            schema = copy(schema)
            schema._schema_tables = {}  # noqa: SLF001 - dlt offers no schema without its own tables
        super().update_schema(schema)


def widen(source: DltSource, pipeline: SupportsPipeline | None) -> None:
    """Have the schemas of an extract be fast, if its streams are very many.

    Args:
        source: What is extracted.
        pipeline: Into which; its schema is what dlt copies for the next extract.
    """
    if len(source.resources) <= _MANY_STREAMS:
        return
    source.schema.__class__ = WideSchema
    if pipeline is not None and source.schema.name in pipeline.schemas:
        pipeline.schemas[source.schema.name].__class__ = WideSchema
