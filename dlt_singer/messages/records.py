"""Consecutive RECORDs of one stream, as the tap's own lines; decoded when somebody needs them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dlt_singer.errors import MessageError
from dlt_singer.messages.envelope import Record, parse_line

_MISSING = "Nothing was loaded, because data may be missing. Report it to the tap's maintainers."
_records: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


class Records:
    """RECORDs of one stream and one table version that came one after the other.

    Attributes:
        stream: Their stream.
        version: Their table version, if the tap keeps versions.
        text: One line for each, without the last line end: the tap's own, or bare records.
        rows: How many there are.
        head: What each line begins with, up to its record; `b""` if the lines are bare records, None if they
            begin differently.
        first_line: Number of the first line in the tap's output, for errors; 0 if it was none.

    Example:
        >>> records = Records.bare("users", [b'{"id": 1}', b'{"id": 2}'])
        >>> len(records), bytes(records.raws[1])
        (2, b'{"id": 2}')
    """

    __slots__ = ("_raws", "first_line", "head", "rows", "stream", "text", "version")

    def __init__(  # noqa: PLR0913, PLR0917 - a record of facts
        self,
        stream: str,
        text: bytes,
        rows: int,
        head: bytes | None,
        version: int | None = None,
        first_line: int = 0,
        raws: Sequence[msgspec.Raw] | None = None,
    ) -> None:
        self.stream = stream
        self.version = version
        self.text = text
        self.rows = rows
        self.head = head
        self.first_line = first_line
        self._raws = raws

    @classmethod
    def bare(cls, stream: str, records: Sequence[bytes]) -> Records:
        """Return records that came without a message around them, each without a line end in it."""
        return cls(stream, b"\n".join(records), len(records), b"")

    @classmethod
    def of_line(cls, record: Record, line: bytes, number: int = 0) -> Records:
        """Return a single RECORD that was decoded already."""
        return cls(record.stream, line, 1, None, record.version, number, (record.record,))

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        # Never the rows: this may end up in a log.
        return f"Records({self.stream!r}, {self.rows} rows, {len(self.text)} bytes)"

    def split(self, rows: int) -> tuple[Records, Records]:
        """Return the first `rows` and the rest; both must have some."""
        *lines, rest = self.text.split(b"\n", rows)
        raws = self._raws
        parts = ((b"\n".join(lines), rows, 0), (rest, self.rows - rows, rows))
        first, second = (
            Records(
                self.stream, text, count, self.head, self.version, self.first_line + start,
                raws and raws[start : start + count],
            )
            for text, count, start in parts
        )  # fmt: skip
        return first, second

    @property
    def lines(self) -> list[bytes] | None:
        """The tap's own lines, None for bare records."""
        return None if self.head == b"" else self.text.split(b"\n")

    @property
    def raws(self) -> Sequence[msgspec.Raw]:
        """The records' JSON text, in order.

        Raises:
            MessageError: A line is no RECORD of this stream and version.
        """
        if self._raws is None:
            self._raws = self._bare_raws() if self.head == b"" else self._enveloped_raws()
        return self._raws

    def _bare_raws(self) -> list[msgspec.Raw]:
        return [msgspec.Raw(line) for line in self.text.split(b"\n")]

    def _enveloped_raws(self) -> list[msgspec.Raw]:
        try:
            found = _records.decode_lines(self.text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = []
        # Two objects on one line are two to the decoder.
        if len(found) != self.rows:
            found = [self._record(line, number) for number, line in enumerate(self.text.split(b"\n"))]
        for number, record in enumerate(found):
            if record.stream != self.stream or record.version != self.version:
                raise MessageError(f"Line {self.first_line + number} names two streams or versions.", _MISSING)
        return [record.record for record in found]

    def _record(self, line: bytes, number: int) -> Record:
        try:
            message = parse_line(line)
        except MessageError as err:
            place = f"line {self.first_line + number}, {len(line)} bytes"
            raise MessageError(f"A RECORD is broken ({place}). {err.reason}", _MISSING) from None
        if not isinstance(message, Record):
            raise MessageError(f"Line {self.first_line + number} has two types.", _MISSING)
        return message
