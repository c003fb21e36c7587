"""The JSON text of free-form values, column by column, while every other key is checked against the schema.

Only keys are read and texts cut out, which costs a fraction of decoding the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from dlt_singer.decode.not_exact import NotExact
from dlt_singer.hints.table import LIST
from dlt_singer.messages import Records

if TYPE_CHECKING:
    from dlt_singer.hints import Path, TableHints

_NULL: Final = msgspec.Raw(b"null")
_UNNAMEABLE: Final = re.compile(r'["\\\x00-\x1f]')
_AROUND: Final[list[tuple[str, Any] | tuple[str, Any, Any]]] = [("stream", str), ("version", int | None, None)]
"""Whatever else pyarrow overlooks once it is told to."""


class JsonColumns:
    """Cuts out the values of some columns.

    Args:
        hints: Of the table; a record with a property that has no column is refused, in its arrays too.
        wanted: Those whose JSON text is wanted.
        overlooked: More properties that a record may have. Without any, and none wanted, this is falsy and has
            nothing to do.
    """

    def __init__(self, hints: TableHints, wanted: Sequence[Path], overlooked: Collection[str] = ()) -> None:
        self._getters: dict[Path, Callable[[Any], msgspec.Raw]] = {}
        self._has_work = bool(wanted or overlooked)
        if self._has_work:
            arrays = {path: _array(child) for path, child in hints.children.items()}
            paths = [*hints.paths, *arrays, *((name,) for name in overlooked)]
            record = _struct(paths, arrays)
            self._getters = {path: _getter([f"f{at}" for at in _positions(paths, path)]) for path in wanted}
            self._bare: msgspec.json.Decoder[Any] = msgspec.json.Decoder(record)
            self._enveloped: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
                msgspec.defstruct("Line", [("record", record), *_AROUND], tag="RECORD", tag_field="type", gc=False)
            )

    def __bool__(self) -> bool:
        return self._has_work

    def texts(self, pieces: Iterable[Records]) -> dict[Path, pa.ChunkedArray]:
        """Return the text of each wanted value, null for null and for none.

        Raises:
            NotExact: A record has a key without a column, or a plain value where the schema has an object.
        """
        try:
            records = [record for piece in pieces for record in self._records(piece)]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise NotExact("a record has a key without a column, or is no JSON to the strict") from None
        return {path: _texts(map(getter, records)) for path, getter in self._getters.items()}

    def _records(self, piece: Records) -> Sequence[Any]:
        found = (
            self._bare.decode_lines(piece.text) if piece.head == b"" else self._enveloped.decode_lines(piece.text)
        )
        if len(found) != len(piece):
            raise NotExact("a line holds more than one record")
        if piece.head == b"":
            return found
        if {(line.stream, line.version) for line in found} != {(piece.stream, piece.version)}:
            raise NotExact("a line names two streams or versions")
        return [line.record for line in found]


def unnameable(names: Iterable[str]) -> bool:
    """Return whether one of `names` is none that a field can be renamed to."""
    return any(map(_UNNAMEABLE.search, names))


def _struct(paths: Collection[Path], arrays: Mapping[Path, Any]) -> type[msgspec.Struct]:
    """Return a struct of the texts at `paths`, nested like them, and of the types of `arrays`."""
    names = list(dict.fromkeys(path[0] for path in paths))
    fields: list[tuple[str, Any, Any]] = []
    for at, name in enumerate(names):
        below = [path[1:] for path in paths if path[0] == name and len(path) > 1]
        if below:
            inner = {path[1:]: kind for path, kind in arrays.items() if path[0] == name}
            fields.append((f"f{at}", _struct(below, inner) | None, None))
        elif (name,) in arrays:
            fields.append((f"f{at}", arrays[(name,)] | None, None))
        else:
            fields.append((f"f{at}", msgspec.Raw, _NULL))
    renamed = {f"f{at}": name for at, name in enumerate(names)}
    return msgspec.defstruct("Record", fields, rename=renamed, forbid_unknown_fields=True, gc=False)


def _array(child: TableHints) -> Any:  # noqa: ANN401 - a type
    """Return what an array is to msgspec, which needs to see the keys in it."""
    arrays = {path: _array(below) for path, below in child.children.items()}
    if child.items == "values":
        item: Any = msgspec.Raw
    else:
        item = _struct([*child.paths, *arrays], arrays) if child.items == "objects" else arrays.get((LIST,))
    return list[item]


def _positions(paths: Collection[Path], path: Path) -> list[int]:
    heads = list(dict.fromkeys(each[0] for each in paths))
    below = [each[1:] for each in paths if each[0] == path[0] and len(each) > 1]
    return [heads.index(path[0]), *(_positions(below, path[1:]) if below else [])]


def _getter(fields: Sequence[str]) -> Callable[[Any], msgspec.Raw]:
    first = attrgetter(fields[0])
    if len(fields) == 1:
        return first
    rest = _getter(fields[1:])
    return lambda record: _NULL if (inner := first(record)) is None else rest(inner)


def _texts(raws: Iterable[msgspec.Raw]) -> pa.ChunkedArray:
    # A value stands on one line, so a line end parts it from the next.
    texts = pc.split_pattern(pa.array([b"\n".join(raws)]), b"\n").flatten()
    try:
        texts = texts.cast(pa.string())
    except pa.ArrowInvalid:
        raise NotExact("a text is no UTF-8") from None
    return pa.chunked_array([pc.if_else(pc.equal(texts, "null"), pa.scalar(None, pa.string()), texts)])
