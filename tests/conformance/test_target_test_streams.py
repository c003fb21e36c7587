"""The streams by which singer-sdk judges targets, played by a tap: each is loaded as promised, or refused.

`CASES` is the specification, a case per file; docs/conformance.md shows the same table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import files
from pathlib import Path

import dlt
import duckdb
import pytest
import yaml
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import singer
from dlt_singer.errors import SingerError, TapProtocolError
from dlt_singer.testing import singer_state

STREAMS = {file.stem: Path(str(file.locate())) for file in files("singer-sdk") or [] if file.suffix == ".singer"}
PLAYER = Path(__file__).with_name("play.py")
DOCS = Path(__file__).parents[2] / "docs" / "conformance.md"

Row = tuple[object, ...]


@dataclass(frozen=True)
class Case:
    """What becomes of a file.

    Attributes:
        file: Its name.
        promise: What it is about, in words.
        tables: The rows of each table after the load, `table(column, ...)`; of a child table, the key of the
            parent and the values in order.
        after: A file that is loaded before it, by the same pipeline.
        error: What it is refused with.
        words: What the error says.
    """

    file: str
    promise: str
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    after: str | None = None
    error: type[SingerError] | None = None
    words: str = ""


# fmt: off
ANY_STRINGS = [
    "simple string 2837", "απλή συμβολοσειρά", "简单的字串", "chaîne simple", 'quoted "string"',
    'various " \\ / \n escape sequences', "m", "ā", "ƙ",
]
KINDS = ["simple", "greek", "chinese", "french", "quoted string", "escape sequences", *["unicode"] * 3]

CASES = [
    Case(
        "array_data",
        "An array becomes a child table, in its order.",
        {
            "test_array_data(id)": [(1,), (2,), (3,), (4,)],
            "test_array_data__fruits(id, value)": [
                (1, ["apple", "orange", "pear"]),
                (2, ["banana", "apple"]),
                (3, ["pear"]),
                (4, ["orange", "banana", "apple", "pear"]),
            ],
        },
    ),
    Case(
        "camelcase",
        "Names are put into the destination's convention.",
        {"test_camelcase(id, client_name)": [("1", "Gitter Windows Desktop App"), ("2", "Gitter iOS App")]},
    ),
    Case(
        "camelcase_complex_schema",
        "Two SCHEMAs and no RECORD: an empty table with the columns of the second.",
        {
            "forecasting_type_to_category(id, is_deleted, created_date, created_by_id, last_modified_date, "
            "last_modified_by_id, system_modstamp, forecasting_type_id, forecasting_item_category, "
            "display_position, is_adjustable, is_owner_adjustable, age, new_camel_cased_attribute, "
            "_attribute_startswith_underscore)": [],
        },
    ),
    Case(
        "duplicate_records",
        "The last record of a key wins.",
        {"test_duplicate_records(id, metric)": [(1, 100), (2, 20)]},
    ),
    Case(
        "encoded_string_data",
        "Strings keep every character, NUL included, also in objects and arrays.",
        {
            "test_strings(id, info)": [
                *enumerate(ANY_STRINGS, 1),
                (10, "Double quoting: \\u0000 \\u0041 \\u0001"),
                (11, "Control Characters in string: \x00 A \x01"),
            ],
            "test_strings_in_objects(id, info__name, info__value)": [
                *zip(range(1, 10), KINDS, ANY_STRINGS, strict=True),
                (10, "Double quoting", " \\u0000 \\u0041 \\u0001"),
                (11, "Control Characters in string", "\x00 A \x01"),
            ],
            "test_strings_in_arrays(id)": [(1,), (2,), (3,), (4,), (5,), (6,)],
            "test_strings_in_arrays__strings(id, value)": [
                (1, ["simple string", *ANY_STRINGS[1:3]]),
                (2, ANY_STRINGS[3:5]),
                (3, ANY_STRINGS[5:6]),
                (4, ANY_STRINGS[6:9]),
                (5, ["aaa", "Double quoting: \\u0000 \\u0041 \\u0001"]),
                (6, ["bbb", "Control Characters in string: \x00 A \x01"]),
            ],
        },
    ),
    Case(
        "invalid_schema",
        "A SCHEMA without properties is no error: it allows records of any form. Here none comes, so the table has "
        "no columns but dlt's own.",
        {"test_invalid_schema()": []},
    ),
    Case(
        "multiple_state_messages",
        "Every record is loaded; the last STATE is kept, though a record follows it.",
        {
            "test_multiple_state_messages_a(id, metric)": [(n, n * 100) for n in range(1, 7)],
            "test_multiple_state_messages_b(id, metric)": [(n, n * 110) for n in range(1, 7)],
        },
    ),
    Case(
        "no_primary_keys",
        "Without keys rows are appended.",
        {"test_no_pk(id, metric)": [(1, 11), (2, 22), (3, 33)]},
    ),
    Case(
        "no_primary_keys_append",
        "So rows with equal ids stay side by side.",
        {
            "test_no_pk(id, metric)": [
                (1, 11), (1, 101), (2, 22), (2, 202), (3, 33), (3, 303), (4, 404), (5, 505),
            ]
        },
        after="no_primary_keys",
    ),
    Case(
        "optional_attributes",
        "A property that a record lacks is null.",
        {
            "test_optional_attributes(id, optional)": [
                (1, "This is optional"), (2, None), (3, "Also optional"), (4, None),
            ]
        },
    ),
    Case(
        "pk_updates",
        "The keys stand inside of the JSON schema, where Singer has none: the stream is one without keys.",
        {
            "example_stream(id, name, email)": [
                (1, "Alice", "alice@example.com"), (2, "Bob", "bob@example.com"),
            ]
        },
    ),
    Case(
        "record_before_schema",
        "A RECORD without a SCHEMA before it.",
        error=TapProtocolError,
        words="sent a RECORD of stream 'test_record_before_schema' before its SCHEMA",
    ),
    Case(
        "record_missing_fields",
        "A property that a record lacks is null.",
        {"record_missing_fields(id, optional)": [(1, "now you see me"), (2, None)]},
    ),
    Case(
        "record_missing_key_property",
        "A record without a value for its key.",
        error=TapProtocolError,
        words="Record 1 of stream 'test_record_missing_key_property' has no value for its key 'id'",
    ),
    Case(
        "record_missing_required_property",
        "`required` binds keys only: a record that lacks another required property has null there.",
        {"test_record_missing_required_property(id, metric)": [(None, 3215)]},
    ),
    Case(
        "schema_no_properties",
        "An object with properties is flattened, one without is a json column.",
        {
            "test_object_schema_with_properties(object_store__id, object_store__metric)": [(1, 187), (2, 203)],
            "test_object_schema_no_properties(object_store)": [
                ('{"id": 1, "metric": 1}',),
                ('{"id": 2, "metric": 2}',),
            ],
        },
    ),
    Case(
        "schema_updates",
        "Columns come as the SCHEMA grows; earlier rows have null there.",
        {
            "test_schema_updates(id, a1, a2, a3, a4__id, a4__value, a6)": [
                (1, 101.0, "string1", None, None, None, None), (2, 102.0, "string2", True, None, None, None),
                (3, 103.0, "string3", False, 1, 1, None), (4, 104.0, "string4", True, 2, 22, None),
                (5, 105.0, "string5", False, 3, 33, 985), (6, 106.0, "string6", True, 4, 444, 341),
            ],
            "test_schema_updates__a5(id, value)": [
                (3, ["banana", "apple"]),
                (4, ["orange", "pear"]),
                (5, ["apple"]),
                (6, ["banana", "orange"]),
            ],
        },
    ),
    Case(
        "special_chars_in_attributes",
        "Streams and properties may have any name.",
        {
            "test_special_chars_in_attributes(_id, d__env, d__agent_type, d__agent_os_version)": [
                ("a2e98886", "prod", "desktop", "10.13.1")
            ]
        },
    ),
    Case(
        "user_location_data",
        "Three streams, one after the other.",
        {
            "test_users(id, name)": [(1, "Yannis"), (2, "Micael"), (3, "Jacob"), (4, "Josh"), (5, "Thomas")],
            "test_locations(id, name)": [(1, "Philadelphia"), (2, "NY"), (3, "SF")],
            "test_user_in_location(id, user_id, location_id, info__weather, info__mood)": [
                (1, 1, 1, "rainy", "sad"), (2, 1, 2, "sunny", "satisfied"), (3, 1, 3, "sunny", "happy"),
            ],
        },
    ),
    Case(
        "user_location_upsert_data",
        "Rows whose key is there are replaced, others are added, the rest stays.",
        {
            "test_users(id, name)": [
                (1, "Johny"), (2, "George"), (3, "Jacob"), (4, "Josh"), (5, "Jim"), (8, "Thomas"), (12, "Paul"),
                (13, "Mary"),
            ],
            "test_locations(id, name)": [
                (1, "Philly"), (2, "NY"), (3, "San Francisco"), (6, "Colorado"), (8, "Boston"),
            ],
            "test_user_in_location(id, user_id, location_id, info__weather, info__mood)": [
                (1, 1, 4, "rainy", "sad"), (2, 2, 3, "sunny", "satisfied"), (3, 1, 3, "sunny", "happy"),
                (6, 3, 2, "sunny", "happy"), (14, 4, 1, "cloudy", "ok"),
            ],
        },
        after="user_location_data",
    ),
]
# fmt: on
LOADED = [case for case in CASES if case.error is None]
REFUSED = [case for case in CASES if case.error is not None]


def named(case: Case) -> str:
    return case.file


@pytest.mark.parametrize("case", LOADED, ids=named)
def test_the_file_is_loaded_as_promised(case: Case, tmp_path: Path) -> None:
    for file in filter(None, (case.after, case.file)):
        play(file, tmp_path)

    assert {table: rows(tmp_path, table) for table in case.tables} == case.tables
    assert {table.partition("(")[0] for table in case.tables} == tables(tmp_path)


@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_the_file_is_refused_and_nothing_of_it_is_loaded(case: Case, tmp_path: Path) -> None:
    with pytest.raises(PipelineStepFailed) as failure:
        play(case.file, tmp_path)

    error = root_of(failure.value)
    assert type(error) is case.error
    assert case.words in str(error)
    assert not (tmp_path / "loaded.duckdb").exists() or not tables(tmp_path)


def test_the_last_state_of_a_file_is_kept(tmp_path: Path) -> None:
    pipeline = play("multiple_state_messages", tmp_path)

    assert singer_state(pipeline, "tap-file") == {
        "test_multiple_state_messages_a": 5,
        "test_multiple_state_messages_b": 6,
    }


def test_every_file_has_a_case() -> None:
    assert sorted(case.file for case in CASES) == sorted(STREAMS)


def test_the_docs_show_the_cases() -> None:
    shown = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    assert shown == [docs_line(case) for case in CASES]


def play(file: str, directory: Path) -> dlt.Pipeline:
    """Load a file into `loaded.duckdb`."""
    tap = {"command": [sys.executable, "-I", str(PLAYER), str(STREAMS[file])], "capabilities": []}
    (directory / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-file": tap}}}))
    messages = map(json.loads, STREAMS[file].read_text(encoding="utf-8").splitlines())
    streams = list(dict.fromkeys(message["stream"] for message in messages if "stream" in message))
    pipeline = dlt.pipeline(
        "conformance",
        destination=dlt.destinations.duckdb(str(directory / "loaded.duckdb")),
        dataset_name="raw",
        pipelines_dir=str(directory / "pipelines"),
    )
    try:
        pipeline.run(singer("tap-file", streams=streams, project_dir=directory))
    finally:
        pipeline.deactivate()
    return pipeline


def rows(directory: Path, table: str) -> list[Row]:
    """Return the rows of `name(column, ...)`, which has these columns and none else of the tap's."""
    name, _, columns = table.rstrip(")").partition("(")
    with duckdb.connect(str(directory / "loaded.duckdb")) as database:
        if "__" in name:
            parent = name.rpartition("__")[0]
            query = f"""
                SELECT id, list(value ORDER BY child._dlt_list_idx) FROM raw.{name} AS child
                JOIN raw.{parent} AS parent ON child._dlt_parent_id = parent._dlt_id GROUP BY id ORDER BY id
            """
            return database.execute(query).fetchall()
        found = [column for column, *_ in database.execute(f"DESCRIBE raw.{name}").fetchall()]
        assert {column for column in found if not column.startswith(("_dlt_", "_sdc_"))} == set(
            filter(None, columns.split(", "))
        )
        return database.execute(f"SELECT {columns or '*'} FROM raw.{name} ORDER BY ALL").fetchall()


def tables(directory: Path) -> set[str]:
    """Return the names of the tap's tables."""
    with duckdb.connect(str(directory / "loaded.duckdb")) as database:
        found = database.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'").fetchall()
    return {name for (name,) in found if not name.startswith("_dlt_")}


def root_of(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else root_of(error.__cause__)


def docs_line(case: Case) -> str:
    """Return the case as a line of the table in docs/conformance.md."""
    if case.error is not None:
        outcome = f"refused: `{case.error.__name__}`, “… {case.words} …”"
    else:
        counts = ", ".join(f"`{table.partition('(')[0]}` {rows_of(table, case)}" for table in case.tables)
        outcome = f"loaded{f' after `{case.after}`' if case.after else ''}: {counts}"
    return f"| `{case.file}` | {case.promise} | {outcome} |"


def rows_of(table: str, case: Case) -> int:
    """Return how many rows a table has; of a child table the cases list the rows by parent."""
    last = [row[-1] if row else None for row in case.tables[table]]
    return sum(len(values) if isinstance(values, list) else 1 for values in last)


if __name__ == "__main__":
    print(*map(docs_line, CASES), sep="\n")  # noqa: T201 - the table for the docs
