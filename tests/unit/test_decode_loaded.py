"""The test of truth: JSON in, dlt and DuckDB, the same value out. One load for all, one table for each type."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from typing import cast

import dlt
import duckdb
import pytest
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import make_hints

from dlt_singer._types import JSON, JSONObject
from dlt_singer.decode import RowDecoder
from dlt_singer.hints import ColumnHint, stream_hints

UTC = timezone.utc
SCHEMAS: dict[str, JSON] = {
    "int": {"type": ["null", "integer"]},
    "uint": {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
    "num": {"type": "number"},
    "money": {"type": "number", "multipleOf": 0.01},
    "dec": {"type": ["null", "string"], "format": "singer.decimal", "precision": 38, "scale": 20},
    "flag": {"type": "boolean"},
    "txt": {"type": "string"},
    "mixed": {"type": ["string", "integer"]},
    "moment": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "clock": {"type": "string", "format": "time"},
    "doc": {"type": "object"},
    "doc_or_text": {"type": ["object", "string"]},
    "anything": {},
    "nested": {"type": "object", "properties": {"Int": {"type": "integer"}, "none": {"type": "string"}}},
}
CASES: list[tuple[str, str, dict[str, object]]] = [
    ("int", "-9223372036854775808", {"v": -(2**63)}),
    ("int", "9223372036854775808", {"v__v_text": "9223372036854775808"}),
    ("int", '"2024-01-01T00:00:00Z"', {"v__v_text": "2024-01-01T00:00:00Z"}),
    ("int", '"abc"', {"v__v_text": "abc"}),
    ("int", '"0x10"', {"v__v_text": "0x10"}),
    ("int", "1.5", {"v__v_double": 1.5}),
    ("int", "true", {"v__v_bool": True}),
    ("int", '{"a": 1}', {"v__a": 1}),
    ("int", "null", {}),
    ("uint", "18446744073709551615", {"v": Decimal(2**64 - 1)}),
    ("uint", "1" * 30, {"v__v_text": "1" * 30}),
    ("num", "0.1", {"v": 0.1}),
    ("num", "3", {"v": 3.0}),
    ("num", "9007199254740993", {"v__v_bigint": 9007199254740993}),
    ("num", "Infinity", {"v": float("inf")}),
    ("num", "1e400", {"v__v_text": "1e400"}),
    ("money", "12345678901234567890.12", {"v": Decimal("12345678901234567890.12")}),
    ("money", "1.005", {"v__v_text": "1.005"}),
    ("money", "NaN", {"v__v_text": "NaN"}),
    ("dec", '"0.12345678901234567890"', {"v": Decimal("0.12345678901234567890")}),
    ("dec", '"-1E-20"', {"v": Decimal("-1E-20")}),
    ("flag", "0", {"v": False}),
    ("flag", "2", {"v__v_bigint": 2}),
    ("flag", '"t"', {"v__v_text": "t"}),
    ("txt", "1.10", {"v": "1.10"}),
    ("txt", '{"a": [1.0]}', {"v": '{"a": [1.0]}'}),
    ("txt", r'"\ud800 \u00e9"', {"v": "\\ud800 é"}),
    ("mixed", "5", {"v": "5"}),
    ("mixed", '"2024-01-01T00:00:00Z"', {"v": "2024-01-01T00:00:00Z"}),
    ("moment", '"2024-01-01T00:00:00+05:30"', {"v": datetime(2023, 12, 31, 18, 30, tzinfo=UTC)}),
    ("moment", '"2024-01-01T00:00:00.123456000"', {"v": datetime(2024, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)}),
    ("moment", '"9999-12-31T23:59:59Z"', {"v": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)}),
    ("moment", '"2024-01-01T00:00:00.123456789Z"', {"v__v_text": "2024-01-01T00:00:00.123456789Z"}),
    ("moment", '"9999-12-31T23:59:59-05:00"', {"v__v_text": "9999-12-31T23:59:59-05:00"}),
    ("moment", '"0000-00-00"', {"v__v_text": "0000-00-00"}),
    ("moment", '"2024-01-01T24:00:00Z"', {"v__v_text": "2024-01-01T24:00:00Z"}),
    ("moment", '"2024"', {"v__v_text": "2024"}),
    ("moment", '""', {"v__v_text": ""}),
    ("moment", "1700000000", {"v__v_bigint": 1700000000}),
    ("day", '"2024-02-29"', {"v": date(2024, 2, 29)}),
    ("day", '"2024-01-01T00:00:00Z"', {"v": date(2024, 1, 1)}),
    ("day", '"2024-01-01T10:00:00Z"', {"v__v_text": "2024-01-01T10:00:00Z"}),
    ("day", '"2024-01-01T00:00:00+05:30"', {"v__v_text": "2024-01-01T00:00:00+05:30"}),
    ("day", '"0000-00-00"', {"v__v_text": "0000-00-00"}),
    ("clock", '"10:00:00.5"', {"v": time(10, 0, 0, 500000)}),
    ("clock", '"24:00"', {"v__v_text": "24:00"}),
    ("clock", '"10:00:00+02:00"', {"v__v_text": "10:00:00+02:00"}),
    ("doc", '{"a":[1,"x"]}', {"v": '{"a":[1,"x"]}'}),
    ("doc", '[{"a":12345678901234567890.10}]', {"v": '[{"a":12345678901234567890.10}]'}),
    ("doc", "5", {"v": "5"}),
    ("doc_or_text", '"5"', {"v": '"5"'}),
    ("doc_or_text", '{"a":null}', {"v": '{"a":null}'}),
    ("anything", "1", {"v": "1"}),
    ("anything", '"a"', {"v": '"a"'}),
    ("anything", "123456789012345678901234567890", {"v": "123456789012345678901234567890"}),
    ("nested", '{"Int": 1, "extra": "x"}', {"v__int": 1, "v__extra": "x"}),
    ("nested", '{"Int": "x"}', {"v__int__v_text": "x"}),
    ("nested", "null", {}),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder: Path = tmp_path_factory.mktemp("loaded")
    pipeline = dlt.pipeline(
        "decoded",
        destination=dlt.destinations.duckdb(str(folder / "out.duckdb")),
        dataset_name="raw",
        pipelines_dir=str(folder),
    )
    pipeline.run([table(kind, schema) for kind, schema in SCHEMAS.items()])
    with duckdb.connect(str(folder / "out.duckdb"), read_only=True) as connection:
        yield connection


ODD_NAMES = ("a_", "Über", "os:version", "_lead", "9x", "a__b", "CamelCase", "p.q", "  pad ", " ", "__d", "a" * 80)


def test_columns_have_the_names_that_dlt_gives_to_the_values(tmp_path: Path) -> None:
    texts: dict[str, JSON] = {name: {"type": "string"} for name in ODD_NAMES}
    hints = stream_hints(
        {"properties": {**texts, "Obj_": {"type": "object", "properties": texts}}},
        [],
        normalize=dlt.Schema("odd").naming.normalize_path,
    )
    values = dict.fromkeys(ODD_NAMES, "v")
    rows = RowDecoder(hints).decode([json.dumps({**values, "Obj_": values}).encode()])
    destination = dlt.destinations.duckdb(str(tmp_path / "o.duckdb"))
    pipeline = dlt.pipeline("odd", destination=destination, dataset_name="raw", pipelines_dir=str(tmp_path))

    pipeline.run(rows, table_name="odd", columns=columns_of(hints.columns), loader_file_format="parquet")

    with duckdb.connect(str(tmp_path / "o.duckdb"), read_only=True) as connection:
        names = {column[0] for column in connection.execute("DESCRIBE raw.odd").fetchall()}
    assert names == {*hints.columns, "_dlt_id", "_dlt_load_id"}


def columns_of(columns: Mapping[str, ColumnHint]) -> TTableSchemaColumns:
    return cast("TTableSchemaColumns", columns)


def table(kind: str, schema: JSON) -> dlt.sources.DltResource:
    document: JSONObject = {"properties": {"id": {"type": "integer"}, "v": schema}}
    hints = stream_hints(document, ["id"], "INCREMENTAL")
    decoder = RowDecoder(hints)
    texts = [(number, text) for number, (case_kind, text, _) in enumerate(CASES) if case_kind == kind]
    rows = decoder.decode([f'{{"id": {number}, "v": {text}}}'.encode() for number, text in texts])
    item_hints = make_hints(
        table_name=kind,
        columns=columns_of({**hints.columns, **decoder.variants}),
        primary_key=hints.primary_key,
        write_disposition=hints.disposition,
        file_format="parquet",
    )

    @dlt.resource(name=kind)
    def rows_of_one_type() -> Iterator[object]:
        yield dlt.mark.with_hints(rows, item_hints, create_table_variant=True)

    return rows_of_one_type()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{kind} {text[:40]}" for kind, text, _ in CASES])
def test_a_value_is_in_the_database_as_the_tap_sent_it(loaded: duckdb.DuckDBPyConnection, number: int) -> None:
    kind, _, expected = CASES[number]

    result = loaded.execute(f"SELECT * EXCLUDE (id, _dlt_id, _dlt_load_id) FROM raw.{kind} WHERE id = {number}")

    names = [column[0] for column in result.description or ()]
    found = dict(zip(names, result.fetchall()[0], strict=True))
    assert {name: value for name, value in found.items() if value is not None} == expected


def test_a_column_without_a_value_is_there(loaded: duckdb.DuckDBPyConnection) -> None:
    columns = loaded.execute("DESCRIBE raw.nested").fetchall()

    assert ("v__none", "VARCHAR") in {(column[0], column[1]) for column in columns}
