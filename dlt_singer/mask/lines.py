"""RECORDs with masked records: lines written anew. Of what else is in a line only what Singer knows stays."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from dlt_singer.messages import Records


class _Line(msgspec.Struct):
    time_extracted: msgspec.Raw = msgspec.Raw(b"null")


_decode_lines = msgspec.json.Decoder(_Line).decode_lines


def rewritten(records: Records, raws: Sequence[msgspec.Raw]) -> Records:
    """Return RECORDs with other records in them.

    Args:
        records: What the tap wrote.
        raws: The new records' JSON text, one for each.
    """
    if records.head == b"":
        return Records(records.stream, b"\n".join(raws), records.rows, b"", records.version, 0, raws)
    head = b'{"type":"RECORD","stream":%s,"record":' % msgspec.json.encode(records.stream)
    end = b"}" if records.version is None else b',"version":%d}' % records.version
    if b'"time_extracted"' in records.text:
        tails = [end if time == b"null" else b',"time_extracted":%s%s' % (time, end) for time in _times(records)]
        text = b"\n".join([b"%s%s%s" % (head, raw, tail) for raw, tail in zip(raws, tails, strict=True)])
    else:
        text = head + (end + b"\n" + head).join(raws) + end
    return Records(records.stream, text, records.rows, head, records.version, records.first_line, raws)


def _times(records: Records) -> list[bytes]:
    try:
        return [bytes(line.time_extracted) for line in _decode_lines(records.text)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Lines that are JSON only to Python.
        lines = records.text.split(b"\n")
        return [json.dumps(json.loads(line).get("time_extracted")).encode() for line in lines]
