"""Masking: what a tap says, with the values that nobody shall see replaced, before anything is stored.

In: `Iterator[Message]` and `Masks`. Out: the same messages; in a stream with masks the SCHEMA says string, and
records are rewritten. A masked value leaves in no other way: what cannot be masked is an error. No I/O.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from dlt_singer._types import JSON
from dlt_singer.errors import TapProtocolError
from dlt_singer.mask.checks import check_rules
from dlt_singer.mask.digest import canonical_text, salt_fingerprint, sha256
from dlt_singer.mask.masks import Masks, StreamMask
from dlt_singer.mask.record import REDACTED, RecordMask
from dlt_singer.mask.rules import EFFECTS, Effect, MaskRule, mask_rules
from dlt_singer.messages import Message, Records, Schema, State

__all__ = [
    "EFFECTS",
    "REDACTED",
    "Effect",
    "MaskRule",
    "Masks",
    "RecordMask",
    "StreamMask",
    "canonical_text",
    "check_rules",
    "mask_rules",
    "masked",
    "salt_fingerprint",
    "sha256",
]


def masked(messages: Iterator[Message], masks: Masks) -> Iterator[Message]:
    """Return the messages of a tap, masked; the very iterator if there is nothing to mask.

    Args:
        messages: What the tap says; a BATCH as the records in it.
        masks: What is masked.

    Raises:
        SelectionError: A SCHEMA or STATE shows that the tap bookmarks by a masked property.
        TapProtocolError: A message cannot be taken apart.

    Example:
        >>> masks = Masks(mask_rules((), {"users.email": "redact"}))
        >>> users = Records.bare("users", [b'{"id": 1, "email": "jane@example.com"}'])
        >>> next(masked(iter([users]), masks)).text
        b'{"id":1,"email":"***"}'
    """
    return _masked(messages, masks) if masks else messages


def _masked(messages: Iterator[Message], masks: Masks) -> Iterator[Message]:
    for message in messages:
        if isinstance(message, Records):
            mask = masks.of(message.stream)
            yield message if mask is None else mask.records(message)
        elif isinstance(message, Schema):
            mask = masks.of(message.stream)
            yield message if mask is None else mask.schema(message)
        else:
            if isinstance(message, State):
                masks.check_state(_value(message))
            yield message


def _value(state: State) -> JSON:
    try:
        value: JSON = msgspec.json.decode(state.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = json.loads(bytes(state.value))
        except (ValueError, RecursionError):
            raise TapProtocolError(
                "A STATE is no JSON that can be read, so nobody knows whether it holds values that are masked.",
                "Nothing was loaded. Report it to the tap's maintainers.",
            ) from None
    return value
