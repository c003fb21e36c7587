"""Whether a load brought what the tap sent: rows counted, and sums of hashes that do not depend on the order.

In: where a peer left its rows. Out: what differs from the tap's own, in words, or None. Values are compared in the
types of the data set, whatever types the peer gave them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from benchmarks import records
from benchmarks.columns import Kind
from benchmarks.datasets import DataSet
from benchmarks.job import DATABASE, DATASET, Job

_LISTS = {
    "items": {"sku": ("$.sku", "VARCHAR"), "quantity": ("$.quantity", "BIGINT"), "price": ("$.price", "DOUBLE")},
    "tags": {"value": ("$", "VARCHAR")},
}
"""Arrays of the nested data set that may become child tables, and where the values of their columns come from."""
_LONGEST_LINE = 1 << 28
_MARK_OF_TYPE = r"^[\x{E000}-\x{F8FF}]"
"""dlt's extracted JSON marks a value that is no JSON by a private character before it."""


@dataclass(frozen=True, slots=True)
class Sums:
    """A number for each column, and one for the rows as wholes."""

    rows: int
    columns: Mapping[str, int]

    def differs_from(self, expected: Sums) -> str | None:
        """Say how, or None."""
        if self.rows != expected.rows:
            return f"{self.rows:,} rows instead of {expected.rows:,}"
        wrong = [name for name, total in expected.columns.items() if self.columns.get(name) != total]
        return f"wrong values in {', '.join(wrong)}" if wrong else None


def difference(job: Job, store: str) -> str | None:
    """Say what is wrong with what a job has loaded, or None.

    Args:
        job: The job; its directory holds what was loaded.
        store: Where the peer keeps rows: `database`, `jsonl` or `nothing`.
    """
    if store == "nothing":
        return None
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            rows = _loaded(connection, job, store)
            lists = _child_tables(connection, job) if store == "database" else []
            columns = {name: kind for name, kind in job.data.columns.items() if name not in lists}
            found = _sums(connection, rows, _expressions(connection, rows, columns))
            wrong = found.differs_from(_expected(job.data, job.data_directory, tuple(columns)))
            for name in lists:
                wrong = wrong or _list_difference(connection, job, name)
        except duckdb.Error as err:
            return f"cannot be checked: {str(err).splitlines()[0]}"
    return wrong


@cache
def _expected(data: DataSet, directory: Path, columns: tuple[str, ...]) -> Sums:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = records.everything(data, directory)
        kinds = {name: data.columns[name] for name in columns}
        return _sums(connection, rows, _expressions(connection, rows, kinds))


def _sums(connection: duckdb.DuckDBPyConnection, rows: str, expressions: Mapping[str, str]) -> Sums:
    named = ", ".join(f'{text} AS "{name}"' for name, text in expressions.items())
    columns = [f'sum(hash("{name}")::HUGEINT)' for name in expressions]
    whole = ", ".join(f'"{name}"' for name in expressions)
    query = (
        f"SELECT count(*), sum(hash({whole})::HUGEINT), {', '.join(columns)} FROM (SELECT {named} FROM ({rows}))"
    )
    count, together, *each = connection.execute(query).fetchall()[0]
    return Sums(count, {**dict(zip(expressions, each, strict=True)), "rows as wholes": together})


def _expressions(connection: duckdb.DuckDBPyConnection, rows: str, columns: Mapping[str, Kind]) -> dict[str, str]:
    """Return, by column, the SQL for its value in the data set's type, as far as nested data are laid out."""
    there = {row[0] for row in connection.execute(f"DESCRIBE {rows}").fetchall()}
    expressions = {"_stream": '"_stream"'}
    for name, kind in columns.items():
        if not kind.members:
            expressions[name] = _typed(f'"{name}"', kind.sql)
        for member, inner in kind.members.items():
            flat = f"{name}__{member}"
            value = f'"{flat}"' if flat in there else f"json_extract_string(\"{name}\"::JSON, '$.{member}')"
            expressions[flat] = _typed(value, inner.sql)
    return expressions


def _typed(value: str, sql: str) -> str:
    return f"json({value}::JSON)::VARCHAR" if sql == "JSON" else f"{value}::{sql}"


def _loaded(connection: duckdb.DuckDBPyConnection, job: Job, store: str) -> str:
    """Return the query for all loaded rows with the stream of each."""
    directory = Path(job.directory)
    if store == "jsonl":
        file = directory / f"{job.data.name}.jsonl"
        return f"SELECT '{job.data.name}' AS _stream, * FROM ({records.bare(job.data, file)})"
    if job.load.extract_only:
        return _extracted(directory, job.data)
    connection.execute(f"ATTACH '{directory / DATABASE}' AS loaded (READ_ONLY)")
    tables = (f"SELECT '{name}' AS _stream, * FROM loaded.{DATASET}.\"{name}\"" for name in job.data.stream_names)
    return " UNION ALL ".join(tables)


def _extracted(directory: Path, data: DataSet) -> str:
    """Return the query for the rows of a package that dlt has extracted and not loaded, of both kinds of files."""
    jobs = f"pipelines/*/normalize/extracted/*/new_jobs/{data.name}.*"
    files = [str(path) for path in directory.glob(jobs)]
    columns = ", ".join(f'"{name}"' for name in data.columns)
    parts = []
    if arrow := [file for file in files if file.endswith(".parquet")]:
        parts.append(f"SELECT {columns} FROM read_parquet({arrow})")
    if lists := [file for file in files if not file.endswith(".parquet")]:
        # DuckDB 1.1's ->> makes a text of null.
        texts = ", ".join(
            f"regexp_replace(nullif(row ->> '{name}', 'null'), '{_MARK_OF_TYPE}', '')::{kind.sql} AS \"{name}\""
            for name, kind in data.columns.items()
        )
        items = f"read_json_objects({lists}, format = 'newline_delimited', maximum_object_size = {_LONGEST_LINE})"
        parts.append(f"SELECT {texts} FROM (SELECT unnest(json::JSON[]) AS row FROM {items})")
    return f"SELECT '{data.name}' AS _stream, * FROM ({' UNION ALL '.join(parts)})"


def _child_tables(connection: duckdb.DuckDBPyConnection, job: Job) -> list[str]:
    """Return the arrays that have become tables."""
    if job.load.extract_only:
        return []
    query = "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'loaded'"
    tables = {row[0] for row in connection.execute(query).fetchall()}
    return [name for name in _LISTS if f"{job.data.name}__{name}" in tables]


def _list_difference(connection: duckdb.DuckDBPyConnection, job: Job, name: str) -> str | None:
    """Compare a child table, its rows at the right places of the right parents."""
    root, child = (f'loaded.{DATASET}."{table}"' for table in (job.data.name, f"{job.data.name}__{name}"))
    members = _LISTS[name]
    values = ", ".join(f'child."{member}"::{sql} AS "{member}"' for member, (_, sql) in members.items())
    loaded = (
        f"SELECT parent.id, child._dlt_list_idx::BIGINT AS position, {values} "
        f"FROM {child} AS child LEFT JOIN {root} AS parent ON child._dlt_parent_id = parent._dlt_id"
    )
    items = ", ".join(f"(item ->> '{path}')::{sql} AS \"{member}\"" for member, (path, sql) in members.items())
    rows = records.everything(job.data, job.data_directory)
    sent = (
        f"SELECT id, position - 1 AS position, {items} FROM (SELECT id, unnest({name}::JSON[]) AS item, "
        f"generate_subscripts({name}::JSON[], 1) AS position FROM ({rows}))"
    )
    expressions = {column: f'"{column}"' for column in ("id", "position", *members)}
    wrong = _sums(connection, loaded, expressions).differs_from(_sums(connection, sent, expressions))
    return None if wrong is None else f"{name}: {wrong}"
