"""The JSON text of a row in, the row out; the items of its arrays as rows of child tables, just as exact.

What a table's hints do not know is read as it is. Null where an object or an array belongs is left out: dlt would
ask for the type of a column that never has a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from dlt_singer.decode.values import Reader, Variant, natural, reader_for
from dlt_singer.hints.table import LIST, VALUE

if TYPE_CHECKING:
    from dlt_singer.hints import ColumnHint, DataType, Path, TableHints

_Fields: TypeAlias = "dict[str, Reader | _Fields | TableDecoder]"

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class TableDecoder:
    """Decodes the rows of a table.

    Args:
        hints: The table's.
        unwanted: Properties that are left out.
    """

    def __init__(self, hints: TableHints, unwanted: Collection[str] = ()) -> None:
        columns = ((path, hints.columns.get(name, {})) for path, name in hints.paths.items())
        readers: dict[Path, Reader | TableDecoder] = {
            path: reader for path, column in columns if (reader := reader_for(column))
        }
        self._children = {path: TableDecoder(child) for path, child in hints.children.items()}
        self._fields = _compiled({**readers, **self._children})
        self._variants: dict[str, DataType] = {}
        self._unwanted = unwanted
        value, arrays = self._fields.get(VALUE), self._fields.get(LIST)
        self._value = natural if value is None or isinstance(value, (dict, TableDecoder)) else value
        self._arrays = arrays if isinstance(arrays, TableDecoder) else None
        self._array = natural if arrays is None or isinstance(arrays, (dict, TableDecoder)) else arrays

    def variant_columns(self) -> dict[str, ColumnHint]:
        """Return hints for the variant columns that the rows so far need."""
        return {
            name: {"name": name, "data_type": kind, "nullable": True, "variant": True}
            for name, kind in self._variants.items()
        }

    def descendants(self, parent: Path = ()) -> Iterator[tuple[Path, TableDecoder]]:
        """Yield those of all child tables by their path."""
        for path, child in self._children.items():
            yield (*parent, *path), child
            yield from child.descendants((*parent, *path))

    def row(self, raw: bytes) -> dict[str, object]:
        """Return a row.

        Raises:
            msgspec.MsgspecError: It is no JSON object; also ValueError and RecursionError.
        """
        return self._object(raw, self._fields, "")

    def _object(self, raw: bytes, fields: _Fields, prefix: str) -> dict[str, object]:
        row: dict[str, object] = {}
        members = _MEMBERS.decode(raw)
        for name in () if prefix else self._unwanted:
            members.pop(name, None)
        for name, member in members.items():
            text = bytes(member)
            field = fields.get(name, natural)
            if not isinstance(field, (dict, TableDecoder)):
                value = field(text)
            elif text == b"null":
                continue
            else:
                value = self._nested(text, field, f"{prefix}{name}__")
            if isinstance(value, Variant):
                row[self._beside(name, value, prefix)] = value.value
            else:
                row[name] = value
        return row

    def _nested(self, text: bytes, field: _Fields | TableDecoder, prefix: str) -> object:
        if isinstance(field, dict):
            return self._object(text, field, prefix) if text[:1] == b"{" else natural(text)
        return field.items(text) if text[:1] == b"[" else natural(text)

    def items(self, text: bytes) -> list[object]:
        """Return the rows of an array; an item that is no object, or its variant, as dlt takes it."""
        return [self._item(bytes(item)) for item in _ITEMS.decode(text)]

    def _item(self, text: bytes) -> object:
        match text[:1]:
            case b"{":
                return self.row(text)
            case b"[" if self._arrays is not None:
                return self._arrays.items(text)
            case b"[":
                # What lies too deep for a table is a column of text.
                value = self._array(text)
                return {LIST: value} if isinstance(value, str) else value
        value = self._value(text)
        return {self._beside(VALUE, value): value.value} if isinstance(value, Variant) else value

    def _beside(self, name: str, value: Variant, prefix: str = "") -> str:
        variant = value.beside(name)
        self._variants[prefix + variant] = value.kind
        return variant


def _compiled(readers: Mapping[Path, Reader | TableDecoder]) -> _Fields:
    """Return `readers` as a tree: what to do with each property, by its name."""
    heads = dict.fromkeys(path[0] for path in readers)
    return {
        head: readers.get((head,)) or _compiled({p[1:]: r for p, r in readers.items() if p[0] == head})
        for head in heads
    }
