"""One line of a tap's stdout -> one Singer message, or MessageError.

Only the envelope is decoded: `record`, `schema` and `value` stay the tap's own bytes, so whoever needs them
pays for them once, in bulk, and no number changes on the way. No I/O.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from dlt_singer._types import JSONObject
from dlt_singer.errors import MessageError


class Record(msgspec.Struct, tag="RECORD", tag_field="type", frozen=True):
    """One row of a stream.

    Attributes:
        stream: The stream it belongs to.
        record: The row as the tap's own JSON text.
        version: The table version it belongs to (ACTIVATE_VERSION), if the tap keeps versions.
    """

    stream: str
    record: msgspec.Raw
    version: int | None = None


class Schema(msgspec.Struct, tag="SCHEMA", tag_field="type", frozen=True):
    """The JSON schema of a stream's rows and the properties that identify one.

    Attributes:
        stream: The stream it describes.
        schema: A JSON schema of type object, as JSON text, because taps repeat it.
        key_properties: Properties that identify a row; empty for a stream without keys.
        bookmark_properties: Properties the tap bookmarks by, if it says so.
    """

    stream: str
    schema: msgspec.Raw
    key_properties: list[str] | None = None
    bookmark_properties: list[str] | None = None


class State(msgspec.Struct, tag="STATE", tag_field="type", frozen=True):
    """A complete snapshot of where the tap is; `value` is opaque JSON text."""

    value: msgspec.Raw


class ActivateVersion(msgspec.Struct, tag="ACTIVATE_VERSION", tag_field="type", frozen=True):
    """From here on only rows of `version` are current in `stream`."""

    stream: str
    version: int


class BatchEncoding(msgspec.Struct, frozen=True):
    """How the files of a BATCH are written: `jsonl` or `parquet`, and their compression."""

    format: str
    compression: str | None = None


class Batch(msgspec.Struct, tag="BATCH", tag_field="type", frozen=True):
    """Rows of a stream that stand in files instead of RECORD lines."""

    stream: str
    encoding: BatchEncoding
    manifest: list[str]


Line: TypeAlias = Record | Schema | State | ActivateVersion | Batch

_envelope: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_object_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SINGER_TYPES = frozenset({"RECORD", "SCHEMA", "STATE", "ACTIVATE_VERSION", "BATCH"})


def parse_line(line: bytes) -> Line:
    """Read one line of a tap's output.

    Args:
        line: The line, with or without its line end.

    Returns:
        The message.

    Raises:
        MessageError: The line is no Singer message. `broken` tells a damaged message from a stray line.

    Example:
        >>> parse_line(b'{"type": "RECORD", "stream": "users", "record": {"id": 1}}').stream
        'users'
    """
    try:
        message = _envelope.decode(line)
        if not isinstance(message, Record):
            # The decoder does not look into `Raw`. Of records those who decode them do.
            line.decode()
        return message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_leniently(line)


def members_of(text: bytes) -> dict[str, bytes]:
    """Split a JSON object into its members' own texts, as leniently as messages are read.

    Raises:
        ValueError: It is no JSON object.
    """
    try:
        return {name: bytes(raw) for name, raw in _object_members.decode(text).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {name: value.encode() for name, value in _members(text.decode(errors="backslashreplace")).items()}


def _parse_leniently(line: bytes) -> Line:
    """Read what Python's json takes and the strict decoder does not: NaN, lone surrogates, `version: "1"`."""
    if not line.lstrip().startswith(b"{"):
        raise MessageError("It is not a JSON object.", broken=False)
    try:
        members = _members(line.decode())
        kind = json.loads(members.get("type", "null"))
    except (ValueError, RecursionError) as err:
        raise MessageError(f"It is not valid JSON ({type(err).__name__}).", broken=True) from None
    if not isinstance(kind, str) or kind not in _SINGER_TYPES:
        raise MessageError("It is a JSON object, but its 'type' is none of Singer's.", broken=False)
    try:
        return _BUILDERS[kind](members)
    except KeyError as err:
        raise MessageError(f"It is a {kind} without {err}.", broken=True) from None
    except (ValueError, TypeError, OverflowError, msgspec.ValidationError) as err:
        raise MessageError(f"It is a malformed {kind} ({type(err).__name__}).", broken=True) from None


def _members(text: str) -> dict[str, str]:
    """Split a JSON object into its members' own texts, so that a value keeps every character."""
    decoder, members = json.JSONDecoder(), {}
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, at = decoder.raw_decode(text, start)
        members[str(key)] = text[start:at]
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    if text[at + 1 :].strip():
        raise ValueError("trailing characters")
    return members


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in {" ", "\t", "\n", "\r"}:
        at += 1
    if at >= len(text):
        raise ValueError("cut")
    return at


def _name(members: dict[str, str]) -> str:
    stream = json.loads(members["stream"])
    if not isinstance(stream, str):
        raise TypeError("stream")
    return stream


def _object(text: str) -> JSONObject:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("object")
    return value


def _record(members: dict[str, str]) -> Record:
    _object(members["record"])
    version = json.loads(members.get("version", "null"))
    return Record(
        _name(members), msgspec.Raw(members["record"].encode()), None if version is None else int(version)
    )


def _schema(members: dict[str, str]) -> Schema:
    _object(members["schema"])
    return Schema(
        _name(members),
        msgspec.Raw(members["schema"].encode()),
        _names(members.get("key_properties", "null")),
        _names(members.get("bookmark_properties", "null")),
    )


def _names(text: str) -> list[str] | None:
    # Old taps write a single bookmark property as a bare string.
    value = json.loads(text)
    return [value] if isinstance(value, str) else msgspec.convert(value, list[str] | None)


def _batch(members: dict[str, str]) -> Batch:
    encoding, manifest = _object(members["encoding"]), json.loads(members["manifest"])
    return msgspec.convert(
        {"type": "BATCH", "stream": _name(members), "encoding": encoding, "manifest": manifest},
        Batch,
    )


_BUILDERS: dict[str, Callable[[dict[str, str]], Line]] = {
    "RECORD": _record,
    "SCHEMA": _schema,
    "STATE": lambda members: State(msgspec.Raw(members["value"].encode())),
    "ACTIVATE_VERSION": lambda members: ActivateVersion(_name(members), int(json.loads(members["version"]))),
    "BATCH": _batch,
}
