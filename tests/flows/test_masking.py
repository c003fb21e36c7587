"""What a masked value leaves behind: nothing, wherever one looks."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dlt
import pyarrow.parquet as pq
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import reservoir
from dlt_singer.errors import ConfigError, SelectionError, SingerError, TapProtocolError
from dlt_singer.testing import CRASH, NOISE, FakeTap, Step, Table, record, schema, state

Rows = Callable[[str], list[tuple[object, ...]]]
Sql = Callable[[str], list[tuple[object, ...]]]
Fails = Callable[[type[SingerError]], AbstractContextManager[Any]]

SALT = "a salt nobody knows"
PLAIN = ["jane.roe@example.com", "Acacia Avenue 22", "+44 20 7946 0000", "Roe-Example", "4111-1111-1111-1111"]
EMAIL, STREET, PHONE, NAME, CARD = PLAIN
HOME: Any = {"type": ["object", "null"], "properties": {"street": {"type": "string"}, "zip": {"type": "integer"}}}
USERS = schema(
    "users",
    {
        "id": "integer", "email": "string", "phone": "integer", "name": "string", "home": HOME,
        "cards": {"type": "array", "items": {"type": "object", "properties": {"number": {"type": "string"}}}},
    },
    ["id"],
    replication_method="FULL_TABLE",
)  # fmt: skip
JANE = record(
    "users", id=1, email=EMAIL, phone=PHONE, name=NAME, home={"street": STREET, "zip": 7},
    cards=[{"number": CARD}], work_email=EMAIL,
)  # fmt: skip
MASKS = {
    "*.*email": "sha256", "users.phone": None, "users.home.street": "sha256", "users.cards.number": "redact",
}  # fmt: skip


def digest(text: str) -> str:
    return hashlib.sha256((SALT + text).encode()).hexdigest()


@pytest.fixture
def masking_tap(tap: FakeTap, tmp_path: Path) -> FakeTap:
    """The tap with masks of all kinds, and the salt where secrets are."""
    (tmp_path / "alto.secrets.yaml").write_text(f"default: {{mask_salt: {SALT}}}")
    return tap.configure(select=["users.*", "~users.name"], mask=MASKS)


def left_behind(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file a run has left, unpacked; but not those that the tap itself is made of."""
    for file in directory.rglob("*"):
        if not file.is_file() or file.name.startswith(("tap-fake.", "batch-")):
            continue
        content = file.read_bytes()
        if content[:4] == b"PAR1":
            content += json.dumps(pq.read_table(file).to_pylist(), default=str).encode()
        with contextlib.suppress(gzip.BadGzipFile):
            content += gzip.decompress(content)
        yield str(file.relative_to(directory)), content


def test_masked_values_are_in_no_file_no_table_no_log_and_no_state(
    masking_tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    masking_tap.emits(
        USERS, JANE, record("users", id=2, email=None), state({"bookmarks": {"users": {"version": 1}}})
    )

    info = pipeline.run(masking_tap.source())

    found = dict(left_behind(tmp_path))
    found["logs"] = caplog.text.encode()
    found["screen"] = "".join(capfd.readouterr()).encode()
    found["state"] = json.dumps(pipeline.state, default=str).encode()
    found["info"] = f"{info!s}{info.asdict()}{pipeline.last_trace!r}".encode()
    tables = [str(name) for (name,) in sql("SELECT table_name FROM duckdb_tables()")]
    found |= {f"table {name}": str(sql(f'SELECT * FROM "{name}"')).encode() for name in tables}
    assert len(found) > 20
    assert [name for name, content in found.items() for plain in PLAIN if plain.encode() in content] == []
    assert any(digest(EMAIL).encode() in content for content in found.values())
    assert [name for name, content in found.items() if SALT.encode() in content] == ["alto.secrets.yaml"]


def test_masked_columns_are_text_and_equal_values_stay_equal(
    masking_tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    masking_tap.emits(USERS, JANE, record("users", id=2, email=EMAIL, home=None))

    pipeline.run(masking_tap.source())

    columns = "id, email, phone, name, home__street, home__zip, work_email"
    assert sql(f"SELECT {columns} FROM users ORDER BY id") == [
        (1, digest(EMAIL), None, digest(NAME), digest(STREET), 7, digest(EMAIL)),
        (2, digest(EMAIL), None, None, None, None, None),
    ]
    assert sql("SELECT number FROM users__cards") == [("***",)]
    text = sql("SELECT column_name FROM duckdb_columns() WHERE table_name = 'users' AND data_type = 'VARCHAR'")
    assert {("email",), ("phone",), ("name",), ("home__street",)} <= set(text)


def test_a_masked_key_still_merges(tap: FakeTap, new_pipeline: Callable[[], dlt.Pipeline], sql: Sql) -> None:
    people = schema("people", {"email": "string", "n": "integer"}, ["email"], replication_method="INCREMENTAL")

    for number in (1, 2):
        tap.emits(people, record("people", email=EMAIL, n=number))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOURCES__SINGER__MASK_SALT", SALT)
            new_pipeline().run(tap.source(mask={"*.email": "sha256"}))

    assert sql("SELECT email, n FROM people") == [(digest(EMAIL), 2)]


def test_the_users_own_type_of_a_masked_column_is_a_string_all_the_same(
    masking_tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql
) -> None:
    masking_tap.configure(schema={"users": {"email": {"type": "integer"}, "id": {"type": "string"}}})
    masking_tap.emits(USERS, JANE)

    pipeline.run(masking_tap.source())

    assert sql("SELECT id, email FROM users") == [("1", digest(EMAIL))]


def test_rows_of_batch_files_are_masked(
    masking_tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql, tmp_path: Path
) -> None:
    file = tmp_path / "batch-1.jsonl"
    file.write_text(json.dumps({"id": 1, "email": EMAIL}) + "\n")
    batch = {"type": "BATCH", "stream": "users", "encoding": {"format": "jsonl"}, "manifest": [str(file)]}
    masking_tap.emits(USERS, NOISE(json.dumps(batch)))

    pipeline.run(masking_tap.source())

    assert sql("SELECT email FROM users") == [(digest(EMAIL),)]


PARTITIONED = {"bookmarks": {"users": {"partitions": [{"context": {"email": EMAIL}}]}}}


@pytest.mark.parametrize(
    ("trouble", "kind", "said"),
    [
        (state(PARTITIONED), SelectionError, "the state of 'users' is kept for each value"),
        (
            NOISE(
                f'{{"type": "RECORD", "stream": "users", "record": {{"id": 1, "email": "{EMAIL}"}}, "stream": "x"}}'
            ),
            TapProtocolError,
            "cannot be masked",
        ),
    ],
    ids=["a state that holds it", "a record that cannot be masked"],
)
def test_what_cannot_be_masked_fails_the_run_and_leaves_nothing(
    masking_tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails, tmp_path: Path,
    trouble: Step, kind: type[SingerError], said: str,
) -> None:  # fmt: skip
    masking_tap.emits(USERS, JANE, trouble)

    with fails(kind) as failure:
        pipeline.run(masking_tap.source())

    assert said in failure.text
    assert EMAIL not in failure.text
    assert [name for name, content in left_behind(tmp_path) if EMAIL.encode() in content] == []


def test_without_a_salt_the_tap_is_not_even_started(tap: FakeTap, pipeline: dlt.Pipeline, fails: Fails) -> None:
    tap.emits(USERS, JANE)

    with fails(ConfigError) as failure:
        pipeline.run(tap.source(mask={"users.email": "sha256"}))

    assert "`mask_salt`" in failure.text
    assert "SOURCES__SINGER__MASK_SALT" in failure.text
    assert tap.syncs == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"mask_salt": "another"}, "(the salt)"), ({"mask": {"users.email": None}}, "(rules)")],
    ids=["another salt", "another rule"],
)
def test_a_run_that_masks_otherwise_than_the_one_that_died_starts_over(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    change: dict[str, Any], reason: str,
) -> None:  # fmt: skip
    people = schema(
        "users", {"id": "integer", "email": "string"}, ["id"],
        replication_method="INCREMENTAL", replication_key="id",
    )  # fmt: skip
    first, second = (record("users", id=each, email=EMAIL) for each in (1, 2))
    reached = state({"bookmarks": {"users": {"value": 1}}})
    tap.configure(reservoir=True, mask={"users.email": "sha256"}, mask_salt=SALT)
    for _ in range(2):
        tap.emits(people, first, reached, CRASH(1))
        with pytest.raises(PipelineStepFailed):
            pipeline.run(tap.source())
    resumed_from = tap.syncs[-1].get("state")
    tap.configure(**change).emits(people, first, second, reached)

    pipeline.run(tap.source())

    assert resumed_from == {"bookmarks": {"users": {"value": 1}}}
    assert tap.syncs[-1].get("state") is None
    assert f"masked otherwise {reason} than they would be now" in caplog.text
    assert len({email for _, email in rows("users")}) == 1
    stored = [content for _, content in left_behind(tmp_path / ".alto/reservoir")]
    assert not [content for content in stored if SALT.encode() in content or digest("").encode() in content]


def test_a_replay_says_from_which_run_on_values_are_masked_otherwise(
    tap: FakeTap, pipeline: dlt.Pipeline, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    tap.configure(reservoir=True, mask={"users.email": "sha256"}, mask_salt=SALT)
    for number, salt in enumerate([SALT, SALT, "another"], 1):
        users = Table("users", [{"id": number, "email": EMAIL}], {"id": "integer", "email": "string"}, ["id"], "id")
        tap.configure(mask_salt=salt).emits(users)
        dlt.pipeline("live", destination="duckdb", dataset_name="raw").run(tap.source())

    pipeline.run(reservoir(tap.name))
    said = [line for line in caplog.messages if "masked by other rules" in line]
    tap.emits(Table("users", [{"id": 4, "email": EMAIL}], {"id": "integer", "email": "string"}, ["id"], "id"))
    dlt.pipeline("live", destination="duckdb", dataset_name="raw").run(tap.source())
    pipeline.run(reservoir(tap.name))

    assert len(said) == 1
    assert [line for line in caplog.messages if "masked by other rules" in line] == said
    assert len({email for _, email in rows("users")}) == 2


def test_other_masks_need_no_salt(tap: FakeTap, pipeline: dlt.Pipeline, sql: Sql) -> None:
    tap.emits(USERS, JANE)

    pipeline.run(tap.source(mask={"users.email": "redact"}))

    assert sql("SELECT email FROM users") == [("***",)]


def test_a_rule_that_matches_nothing_is_told_when_the_source_is_made(tap: FakeTap) -> None:
    tap.emits(USERS)

    with pytest.raises(SelectionError, match=r"'users\.emial' matches no property.* Did you mean 'email'"):
        tap.source(mask={"users.emial": "sha256"})
