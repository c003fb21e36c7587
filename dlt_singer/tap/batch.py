"""A BATCH message as the RECORD messages it stands for.

Its files are read in place (any fsspec URL) and left there: the tap that wrote them owns them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import IO

import fsspec
import msgspec

from dlt_singer.errors import TapProtocolError
from dlt_singer.messages import Batch, Record

_PARQUET_ROWS = 5_000
_COMPRESSIONS = {None: None, "none": None, "gzip": "gzip", "gz": "gzip"}


def records(batch: Batch) -> Iterator[Record]:
    """Yield the rows of a batch's files, in the order of its manifest.

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
        with _explained(batch, number), fsspec.open(url, "rb", compression=compression) as file:
            for raw in read(file):
                yield Record(batch.stream, raw)


@contextlib.contextmanager
def _explained(batch: Batch, number: int) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as err:
        raise TapProtocolError(
            f"File {number} of {len(batch.manifest)} in a BATCH of stream '{batch.stream}' cannot be read "
            f"({type(err).__name__}).",
            "Nothing was loaded. Check that the tap's batch_config storage root can be reached from here.",
        ) from err


def _read_jsonl(file: IO[bytes]) -> Iterator[msgspec.Raw]:
    for line in file:
        if not line.isspace():
            yield msgspec.Raw(line)


def _read_parquet(file: IO[bytes]) -> Iterator[msgspec.Raw]:
    import pyarrow.parquet as pq

    for rows in pq.ParquetFile(file).iter_batches(_PARQUET_ROWS):
        for row in rows.to_pylist():
            yield msgspec.Raw(msgspec.json.encode(row))


_READERS: dict[str, Callable[[IO[bytes]], Iterator[msgspec.Raw]]] = {"jsonl": _read_jsonl, "parquet": _read_parquet}
