"""Whole lines of a tap's output -> runs of RECORDs of one stream, and all other lines one by one.

A tap writes all RECORDs of a stream with the same head, so a run of them is found by counting heads and line
ends, at the speed of memory; what is in them is for those who decode them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from dlt_singer.messages.records import Records

_HEAD: Final = re.compile(
    rb'\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*("[^"\\\x00-\x1f]*")\s*,\s*"record"\s*:\s*(?=\{)'
)
_VERSION: Final = b'"version"'
_FEW_BYTES: Final = 1 << 14


class Cutter:
    """Remembers the head of the last RECORD: the next one most often has the same.

    Example:
        >>> record, state = b'{"type":"RECORD","stream":"a","record":{}}', b'{"type":"STATE","value":{}}'
        >>> [piece for piece in Cutter().cut(record + bytes([10]) + record + bytes([10]) + state)]
        [Records('a', 2 rows, 85 bytes), b'{"type":"STATE","value":{}}']
    """

    def __init__(self) -> None:
        self._head = b""
        self._stream = ""
        self._line = 1

    def cut(self, text: bytes) -> Iterator[Records | bytes]:
        """Yield the lines of `text`, in order.

        Args:
            text: Lines, whole, without the last line end.

        Yields:
            RECORDs of one stream whose lines begin alike, or any other line, to be parsed.
        """
        rows = self._rows_that_begin_alike(text)
        if rows:
            yield self._records(text, rows)
        elif len(text) > _FEW_BYTES and (middle := text.find(b"\n", len(text) // 2)) >= 0:
            yield from self.cut(text[:middle])
            yield from self.cut(text[middle + 1 :])
        else:
            yield from self._one_by_one(text.split(b"\n"))

    def _rows_that_begin_alike(self, text: bytes) -> int:
        """Return how many lines there are if all of them are RECORDs with the head of the last, else 0."""
        head = self._head
        # A stream has versions from its first RECORD to its last or not at all; `Records` looks at each.
        if (
            not (head and text.startswith(head) and text.endswith(b"}"))
            or _VERSION in text[text.rfind(b"\n") + 1 :]
        ):
            return 0
        # In a JSON string the head's quotes would be escaped, and a line end would be, too.
        ends = text.count(b"\n")
        return ends + 1 if ends == text.count(b"}\n" + head) else 0

    def _one_by_one(self, lines: list[bytes]) -> Iterator[Records | bytes]:
        run: list[bytes] = []
        for line in lines:
            whole = line.endswith(b"}") and _VERSION not in line
            if run and not (whole and line.startswith(self._head)):
                yield self._records(b"\n".join(run), len(run))
                run = []
            if run or (whole and self._begins_a_run(line)):
                run.append(line)
            else:
                self._line += 1
                yield line
        if run:
            yield self._records(b"\n".join(run), len(run))

    def _begins_a_run(self, line: bytes) -> bool:
        match = _HEAD.match(line)
        if match is None:
            return False
        if match[0] != self._head:
            try:
                self._stream = json.loads(match[1])
            except ValueError:
                return False
            self._head = match[0]
        return True

    def _records(self, text: bytes, rows: int) -> Records:
        records = Records(self._stream, text, rows, self._head, first_line=self._line)
        self._line += rows
        return records
