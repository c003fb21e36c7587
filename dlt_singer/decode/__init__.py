"""Raw JSON records of one stream in, rows for dlt out: the values in the database are those of the tap.

Decimals are read from their text, text columns take any value as its JSON text, what does not fit its column goes
to dlt's variant column `<column>__v_<type>`; nothing is nulled or dropped, and nothing rounded but digits beyond a
double in a column that is one. Keys without a column are kept.
JSON cannot say NaN, Infinity or half a surrogate pair: those are read as such words (a double column turns the
numbers back). Rows are meant for `file_format="parquet"`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from dlt_singer.decode.not_exact import NotExact
from dlt_singer.decode.values import Reader, Variant, natural, reader_for
from dlt_singer.errors import MessageError

if TYPE_CHECKING:
    from dlt_singer.hints import ColumnHint, DataType, Path, StreamHints

__all__ = ["NotExact", "RowDecoder"]

_Fields: TypeAlias = "dict[str, Reader | _Fields]"

_MALFORMED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
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

    def __init__(self, hints: StreamHints, unwanted: Collection[str] = ()) -> None:
        columns = ((path, hints.columns.get(name, {})) for path, name in hints.paths.items())
        self._fields = _compiled({path: reader for path, column in columns if (reader := reader_for(column))})
        self._unwanted = unwanted
        self._variants: dict[str, DataType] = {}

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
        return {
            name: {"name": name, "data_type": kind, "nullable": True, "variant": True}
            for name, kind in self._variants.items()
        }

    def _row(self, raw: bytes) -> dict[str, object]:
        try:
            return self._object(raw, self._fields, "")
        except _MALFORMED:
            pass
        try:
            return self._object(_strict(raw), self._fields, "")
        except _MALFORMED:
            # no `from`: the parser's words may quote the record
            raise MessageError("A record is no JSON object.", "Report this to the tap's maintainers.") from None

    def _object(self, raw: bytes, fields: _Fields, prefix: str) -> dict[str, object]:
        row: dict[str, object] = {}
        members = _MEMBERS.decode(raw)
        for name in () if prefix else self._unwanted:
            members.pop(name, None)
        for name, member in members.items():
            text = bytes(member)
            field = fields.get(name, natural)
            if not isinstance(field, dict):
                value = field(text)
            elif text[:1] == b"{":
                value = self._object(text, field, f"{prefix}{name}__")
            else:
                value = natural(text)
            if isinstance(value, Variant):
                variant = value.beside(name)
                self._variants[prefix + variant] = value.kind
                row[variant] = value.value
            else:
                row[name] = value
        return row


def _compiled(readers: Mapping[Path, Reader]) -> _Fields:
    """Return `readers` as a tree: what to do with each property, by its name."""
    heads = dict.fromkeys(path[0] for path in readers)
    return {
        head: readers.get((head,)) or _compiled({p[1:]: r for p, r in readers.items() if p[0] == head})
        for head in heads
    }


def _strict(raw: bytes) -> bytes:
    """Return `raw` with all that Python's json module writes but JSON does not know, as strings."""
    text = raw.decode("utf-8", "surrogateescape")
    text = _STRAY_BYTE.sub(lambda byte: f"\\\\x{ord(byte[0]) - 0xDC00:02x}", text)
    return _TOKEN.sub(_strict_token, text).encode()


def _strict_token(token: re.Match[str]) -> str:
    if not token[0].startswith('"'):
        return f'"{token[0]}"'
    return _ESCAPE.sub(lambda escape: f"\\\\{escape[1]}" if escape[1] else escape[0], token[0])
