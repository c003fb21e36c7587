"""Raw JSON records of one stream in, rows for dlt out: the values in the database are those of the tap.

Decimals are read from their text, text columns take any value as its JSON text, what does not fit its column goes
to dlt's variant column `<column>__v_<type>`; nothing is nulled or dropped, and nothing rounded but digits beyond a
double in a column that is one. Keys without a column are kept.
JSON cannot say NaN, Infinity or half a surrogate pair: those are read as such words (a double column turns the
numbers back). Rows are meant for `file_format="parquet"`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from dlt_singer.decode.not_exact import NotExact
from dlt_singer.decode.table import TableDecoder
from dlt_singer.errors import MessageError

if TYPE_CHECKING:
    from dlt_singer.hints import ColumnHint, Path, TableHints

__all__ = ["NotExact", "RowDecoder"]

_MALFORMED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', re.DOTALL)
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_STRAY_BYTE: Final = re.compile("[\udc80-\udcff]")


class RowDecoder:
    """Decodes the records of one stream; made once for each SCHEMA.

    Args:
        hints: The stream's hints; replace `columns` to decode for other types than the schema's.
        unwanted: Properties that are left out.

    >>> from dlt_singer.hints import stream_hints
    >>> schema = {"properties": {"price": {"type": "number", "multipleOf": 0.01}}}
    >>> RowDecoder(stream_hints(schema, [])).decode([b'{"price": 1.10, "extra": 1}'])
    [{'price': Decimal('1.10'), 'extra': 1}]
    """

    def __init__(self, hints: TableHints, unwanted: Collection[str] = ()) -> None:
        self._table = TableDecoder(hints, unwanted)

    def decode(self, raws: Sequence[bytes | msgspec.Raw]) -> list[dict[str, object]]:
        """Return one row for each record, in order.

        Args:
            raws: The JSON text of the records.

        Raises:
            MessageError: A record is no JSON object.
        """
        return [self._row(bytes(raw)) for raw in raws]

    @property
    def variants(self) -> dict[str, ColumnHint]:
        """Hints for the variant columns that the rows so far need: give them to dlt along with the rows.

        Without them dlt guesses the type from the first value, and fails on the next that is not of that type.
        """
        return self._table.variant_columns()

    @property
    def child_variants(self) -> dict[Path, dict[str, ColumnHint]]:
        """The same for child tables that need some, by the path of the table."""
        return {path: columns for path, table in self._table.descendants() if (columns := table.variant_columns())}

    def _row(self, raw: bytes) -> dict[str, object]:
        try:
            return self._table.row(raw)
        except _MALFORMED:
            pass
        try:
            return self._table.row(_strict(raw))
        except _MALFORMED:
            # Without `from`: the parser's words may quote the record.
            raise MessageError("A record is no JSON object.", "Report this to the tap's maintainers.") from None


def _strict(raw: bytes) -> bytes:
    """Return `raw` with all that Python's json module writes but JSON does not know, as strings."""
    text = raw.decode("utf-8", "surrogateescape")
    text = _STRAY_BYTE.sub(lambda byte: f"\\\\x{ord(byte[0]) - 0xDC00:02x}", text)
    return _TOKEN.sub(_strict_token, text).encode()


def _strict_token(token: re.Match[str]) -> str:
    if not token[0].startswith('"'):
        return f'"{token[0]}"'
    return _ESCAPE.sub(lambda escape: f"\\\\{escape[1]}" if escape[1] else escape[0], token[0])
