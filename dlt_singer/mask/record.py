"""One record's JSON text with its masked values replaced; every other member keeps its text and its place.

What cannot be taken apart is an error, never passed on. A key that occurs twice keeps its last value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw

from dlt_singer.mask.rules import Effect, Level

REDACTED = "***"
"""What `redact` puts in place of a value."""

_MALFORMED = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_elements = msgspec.json.Decoder(list[Raw]).decode
_DOCUMENT = re.compile(rb'"(?:[ \t]|\\[nrt])*(?:[\[{]|\\u00[57][bB])')
"""Some taps send objects and arrays as text."""


def _number(_: str) -> None:
    """Skip a number: it may have more digits than Python reads."""


# Takes what Python's json module writes and the strict decoder refuses: NaN, halves of surrogate pairs.
_lenient = json.JSONDecoder(strict=False, parse_int=_number, parse_float=_number, parse_constant=_number)


class RecordMask:
    """Masks the records of one stream.

    Args:
        level: What is masked.
        digest: From a value's JSON text to what `sha256` puts in its place.

    >>> mask = RecordMask(Level([(("email",), "redact")]), bytes.hex)
    >>> bytes(mask(Raw(b'{"price": 1.10, "email": "jane@example.com"}')))
    b'{"price":1.10,"email":"***"}'
    """

    def __init__(self, level: Level, digest: Callable[[bytes], str]) -> None:
        self._level = level
        redacted, null = Raw(_encode(REDACTED)), Raw(b"null")
        self._instead: Mapping[Effect, Callable[[bytes], Raw]] = {
            "sha256": lambda text: Raw(_encode(digest(text))),
            "redact": lambda _: redacted,
            "null": lambda _: null,
        }

    def __call__(self, record: Raw) -> Raw:
        """Return the record with its values replaced; the very same if it has none of them.

        Raises:
            ValueError: It is no JSON object.
        """
        try:
            return self._object(record, self._level)
        except _MALFORMED:
            # Without `from`: the parser's words may quote the record.
            raise ValueError("A record is no JSON object.") from None

    def _value(self, value: Raw, action: Effect | Level) -> Raw:
        text = bytes(value)
        if text == b"null":
            return value
        if isinstance(action, str):
            return self._instead[action](text)
        if text[:1] == b"{":
            return self._object(value, action)
        if text[:1] == b"[":
            return Raw(_encode([self._value(element, action) for element in _elements_of(value)]))
        return self._instead[action.effect](text) if _DOCUMENT.match(text) else value

    def _object(self, value: Raw, level: Level) -> Raw:
        members = _members_of(value)
        is_new = False
        for name in level.literal or members.keys() - level.untouched:
            action = level[name]
            if action is not None and name in members:
                members[name] = self._value(members[name], action)
                is_new = True
        return _joined(members) if is_new else value


def _members_of(value: Raw) -> dict[str, Raw]:
    try:
        return _members(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pieces = _pieces(value, "{")
        names = map(_lenient.decode, pieces[::2])
        return dict(zip(names, map(_raw, pieces[1::2]), strict=True))


def _elements_of(value: Raw) -> list[Raw]:
    try:
        return _elements(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return list(map(_raw, _pieces(value, "[")))


def _pieces(value: Raw, opening: str) -> list[str]:
    """Return an array's elements, or an object's names and values in turn, as the text they are."""
    text = bytes(value).decode("utf-8", "surrogateescape").strip()
    # Whole first: from here on it is known to be JSON.
    _lenient.decode(text)
    if not text.startswith(opening):
        raise ValueError(opening)
    pieces: list[str] = []
    at = _behind(text, 1)
    while at < len(text) - 1:
        _, end = _lenient.raw_decode(text, at)
        pieces.append(text[at:end])
        at = _behind(text, end)
    return pieces


def _behind(text: str, at: int) -> int:
    """Return where the next piece begins, or the closing bracket stands."""
    while text[at] in " \t\n\r:,":
        at += 1
    return at


def _raw(piece: str) -> Raw:
    return Raw(piece.encode("utf-8", "surrogateescape"))


def _joined(members: Mapping[str, Raw]) -> Raw:
    try:
        return Raw(_encode(members))
    except UnicodeEncodeError:
        # Half a surrogate pair in a name has no UTF-8, but an escape.
        written = (b"%s:%s" % (json.dumps(name).encode(), bytes(value)) for name, value in members.items())
        return Raw(b"{%s}" % b",".join(written))
