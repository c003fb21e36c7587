"""A BATCH message as the records it stands for.

Its files are read in place (any fsspec URL) and left there: the tap that wrote them owns them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import fsspec
import msgspec

from dlt_singer.errors import MessageError, TapProtocolError
from dlt_singer.messages import Batch, Records, parse_line

if TYPE_CHECKING:
    from pyarrow import Field, RecordBatch

_PARQUET_ROWS = 5_000
_TEXT_BYTES = 1 << 20
_COMPRESSIONS = {None: None, "none": None, "gzip": "gzip", "gz": "gzip"}


def records(batch: Batch, root: Path) -> Iterator[Records]:
    """Yield the rows of a batch's files, in the order of its manifest.

    Args:
        batch: The message.
        root: The tap's working directory, which relative paths start from.

    Raises:
        TapProtocolError: The encoding is unknown, or a file cannot be read.
    """
    read = _READERS.get(batch.encoding.format)
    if read is None or batch.encoding.compression not in _COMPRESSIONS:
        raise TapProtocolError(
            f"A BATCH of stream '{batch.stream}' is encoded as {batch.encoding.format}"
            f"/{batch.encoding.compression}, which is not read here.",
            f"Set the tap's batch_config to one of: {', '.join(_READERS)}; compression gzip or none.",
        )
    compression = _COMPRESSIONS[batch.encoding.compression]
    for number, url in enumerate(batch.manifest, 1):
        place = url if "://" in url else str(root / url)
        with _explained(batch, number), fsspec.open(place, "rb", compression=compression) as file:
            yield from read(batch.stream, file)


@contextlib.contextmanager
def _explained(batch: Batch, number: int) -> Iterator[None]:
    try:
        yield
    except MessageError as err:
        raise TapProtocolError(
            f"File {number} of {len(batch.manifest)} in a BATCH of stream '{batch.stream}' has a broken row. "
            f"{err.reason}",
            "Nothing was loaded, because data may be missing. Check that the tap had finished the file.",
        ) from None
    # Drivers and decoders share no base class.
    except Exception as err:
        raise TapProtocolError(
            f"File {number} of {len(batch.manifest)} in a BATCH of stream '{batch.stream}' cannot be read "
            f"({type(err).__name__}).",
            "Nothing was loaded. Check that the tap's batch_config storage root can be reached from here.",
        ) from err


def _read_jsonl(stream: str, file: IO[bytes]) -> Iterator[Records]:
    while lines := file.readlines(_TEXT_BYTES):
        rows = [row for line in lines if (row := line.strip())]
        if rows:
            _check_each(rows)
            yield Records.bare(stream, rows)


def _check_each(rows: list[bytes]) -> None:
    """Find a broken row while its file is known."""
    try:
        whole = len(_rows.decode_lines(b"\n".join(rows))) == len(rows)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = False
    if not whole:
        for row in rows:
            # With the same lenience as a tap's own line.
            parse_line(b'{"type":"RECORD","stream":"","record":%s}' % row)


def _read_parquet(stream: str, file: IO[bytes]) -> Iterator[Records]:
    import pyarrow.parquet as pq

    # A decimal is a number in JSON, as in a RECORD.
    encode = msgspec.json.Encoder(decimal_format="number").encode
    for rows in pq.ParquetFile(file).iter_batches(_PARQUET_ROWS):
        if rows.num_rows:
            yield Records.bare(stream, [encode(row) for row in _without_nanoseconds(rows).to_pylist()])


def _without_nanoseconds(rows: RecordBatch) -> RecordBatch:
    """Turn times finer than Python's own into text, which keeps every digit."""
    import pyarrow as pa

    def coarse(field: Field) -> Field:
        fine = (pa.types.is_timestamp(field.type) or pa.types.is_time(field.type)) and field.type.unit == "ns"
        return field.with_type(pa.string()) if fine else field

    return rows.cast(pa.schema([coarse(field) for field in rows.schema]))


_rows: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
_READERS: dict[str, Callable[[str, IO[bytes]], Iterator[Records]]] = {
    "jsonl": _read_jsonl,
    "parquet": _read_parquet,
}
