"""The files of a BATCH are rows as good as RECORD lines, or the run fails."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt_singer.errors import TapProtocolError
from dlt_singer.messages import Batch, BatchEncoding, Records
from dlt_singer.tap.batch import records


def batch(*files: Path, form: str = "jsonl", compression: str | None = None, stream: str = "users") -> Batch:
    return Batch(stream, BatchEncoding(form, compression), [f"file://{file}" for file in files])


def texts(found: Batch) -> list[str]:
    return [bytes(raw).decode() for piece in records(found, Path("/")) for raw in piece.raws]


def rows(found: Batch) -> list[object]:
    return [json.loads(text) for text in texts(found)]


def file_with(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "batch-1"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("compression", "pack"),
    [(None, bytes), ("none", bytes), ("gzip", gzip.compress), ("gz", gzip.compress)],
    ids=["unnamed", "none", "gzip", "gz"],
)
def test_lines_of_json_are_rows(tmp_path: Path, compression: str, pack: Callable[[bytes], bytes]) -> None:
    file = file_with(tmp_path, pack(b'{"id": 1}\n\n  \n{"id": 2}\r\n{"id": 3}'))

    assert rows(batch(file, compression=compression)) == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_files_are_read_in_the_order_of_the_manifest_and_left_where_they_are(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("b", "a")]
    for number, file in enumerate(files):
        file.write_text(json.dumps({"id": number}))

    assert rows(batch(*files)) == [{"id": 0}, {"id": 1}]
    assert all(file.exists() for file in files)


def test_a_plain_path_will_do(tmp_path: Path) -> None:
    file = file_with(tmp_path, b'{"id": 1}')

    assert rows(Batch("users", BatchEncoding("jsonl"), [str(file)])) == [{"id": 1}]


def test_rows_belong_to_the_stream_whatever_its_name(tmp_path: Path) -> None:
    file = file_with(tmp_path, b"{}")

    (record,) = records(batch(file, stream='say "hi" %s ß'), Path("/"))

    assert isinstance(record, Records)
    assert record.stream == 'say "hi" %s ß'


def test_no_number_changes_on_the_way(tmp_path: Path) -> None:
    line = '{"a": 1.10, "b": 12345678901234567890123, "c": 1e400, "d": NaN}'

    assert texts(batch(file_with(tmp_path, line.encode()))) == [line]


@pytest.mark.parametrize(("form", "compression"), [("csv", None), ("jsonl", "lzma")], ids=["format", "compression"])
def test_an_unknown_encoding_fails_and_names_those_that_are_known(form: str, compression: str | None) -> None:
    with pytest.raises(TapProtocolError, match=f"stream 'users' is encoded as {form}/{compression}") as caught:
        texts(batch(form=form, compression=compression))

    assert "jsonl, parquet; compression gzip or none" in caught.value.remedy


WHOLE = gzip.compress(b"".join(b'{"id": %d, "name": "Ada"}\n' % number for number in range(10_000)))


@pytest.mark.parametrize(
    ("form", "compression", "content"),
    [
        ("jsonl", "gzip", WHOLE[: len(WHOLE) // 2]),
        ("jsonl", "gzip", WHOLE[:1000] + bytes(1000) + WHOLE[2000:]),
        ("jsonl", "gzip", b'{"name": "Ada"}'),
        ("jsonl", None, b'{"name": "Ada"}\n{"name": "Ada", "b'),
        ("jsonl", None, WHOLE),
        ("jsonl", None, b'{"name": "Ada"}{"name": "Bob"}\n'),
        ("parquet", None, b'{"name": "Ada"}'),
        ("parquet", None, b""),
    ],
    ids=[
        "cut gzip", "damaged gzip", "gzip that is none", "cut line", "gzip unannounced", "glued lines",
        "parquet that is none", "empty parquet",
    ],
)  # fmt: skip
def test_a_damaged_file_fails_the_run_without_showing_a_row(
    tmp_path: Path, form: str, compression: str | None, content: bytes
) -> None:
    file = file_with(tmp_path, content)

    with pytest.raises(TapProtocolError, match="File 1 of 1 in a BATCH of stream 'users'") as caught:
        texts(batch(file, form=form, compression=compression))

    assert "Ada" not in str(caught.value)


def test_a_missing_file_fails_the_run_and_is_counted_not_quoted(tmp_path: Path) -> None:
    there = file_with(tmp_path, b"{}")

    with pytest.raises(TapProtocolError, match=r"File 2 of 2 .* cannot be read \(FileNotFoundError\)") as caught:
        texts(batch(there, tmp_path / "missing"))

    assert "storage root" in caught.value.remedy


def test_a_place_whose_driver_is_missing_fails_the_run() -> None:
    with pytest.raises(TapProtocolError, match=r"cannot be read \((ImportError|ValueError)\)"):
        texts(Batch("users", BatchEncoding("jsonl"), ["nosuch://bucket/file"]))


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([2**62]), str(2**62)),
        (pa.array([1.5]), "1.5"),
        (pa.array([None], pa.int64()), "null"),
        (pa.array([Decimal("1.10")]), "1.10"),
        (pa.array([Decimal("12345678901234567890.123456789")]), "12345678901234567890.123456789"),
        (pa.array([date(2024, 2, 29)]), '"2024-02-29"'),
        (pa.array([time(1, 2, 3)]), '"01:02:03"'),
        (pa.array([datetime(2024, 1, 1, 1, 2, 3, 4)]), '"2024-01-01T01:02:03.000004"'),  # noqa: DTZ001 - as stored
        (pa.array([datetime(2024, 1, 1, tzinfo=timezone.utc)]), '"2024-01-01T00:00:00Z"'),
        (pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")), '"2023-11-14 22:13:20.123456789"'),
        (pa.array([1_700_000_000_123_456_000], pa.timestamp("ns", "UTC")), '"2023-11-14 22:13:20.123456000Z"'),
        (pa.array([1_700_000_000_123], pa.timestamp("ms", "Europe/Berlin")), '"2023-11-14T23:13:20.123000+01:00"'),
        (pa.array([1], pa.time64("ns")), '"00:00:00.000000001"'),
        (pa.array([b"\xff\x00"]), '"/wA="'),
        (pa.array(["ä\n"]), '"ä\\n"'),
        (pa.array([{"a": [1, None]}]), '{"a":[1,null]}'),
        (pa.array(["x"]).dictionary_encode(), '"x"'),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_a_parquet_value_becomes_the_json_a_record_would_have(tmp_path: Path, column: pa.Array, shown: str) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"value": column}), file, compression="gzip")

    assert texts(batch(file, form="parquet")) == [f'{{"value":{shown}}}']


def test_row_groups_without_rows_are_no_records(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    with pq.ParquetWriter(file, pa.schema([("id", pa.int64())])) as writer:
        for ids in ([], [1], [], [2]):
            writer.write_table(pa.table({"id": pa.array(ids, pa.int64())}))

    assert [len(each) for each in records(batch(file, form="parquet"), Path("/"))] == [2]
    assert rows(batch(file, form="parquet")) == [{"id": 1}, {"id": 2}]


def test_parquet_of_many_row_groups_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": list(range(12_345))}), file, row_group_size=1000)

    assert rows(batch(file, form="parquet")) == [{"id": number} for number in range(12_345)]


def test_a_relative_path_starts_where_the_tap_ran(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": 1}\n')
    message = Batch("users", BatchEncoding("jsonl"), ["rows.jsonl"])

    (record,) = records(message, tmp_path)

    assert bytes(record.raws[0]) == b'{"id": 1}'
