"""The masks of one tap, stream by stream: SCHEMA and RECORDs rewritten, STATE looked at. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from dlt_singer._types import JSON, JSONObject
from dlt_singer.catalog import Catalog
from dlt_singer.errors import MessageError, TapProtocolError
from dlt_singer.mask.checks import check_schema, check_state, check_stream
from dlt_singer.mask.lines import rewritten
from dlt_singer.mask.record import RecordMask
from dlt_singer.mask.rules import Effect, Level, MaskRule, level_of
from dlt_singer.mask.schema import masked_schema
from dlt_singer.messages import Records, Schema

_MALFORMED = (msgspec.MsgspecError, ValueError, RecursionError)


# Every number keeps its digits.
_decode = msgspec.json.Decoder(dict, float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Masks:
    """What is masked in the streams of one tap; false if nothing is.

    Args:
        rules: The rules, in order.
        catalog: Knows which stream a name in a message means; None for a tap that has none.
        digest: From a value's JSON text to what stands in its place for `sha256`; see `sha256`.
    """

    def __init__(
        self,
        rules: Sequence[MaskRule],
        catalog: Catalog | None = None,
        digest: Callable[[bytes], str] | None = None,
    ) -> None:
        self._rules = tuple(rules)
        self._digest = digest or _without_salt
        self._unchecked = self._rules if catalog is None else ()
        self._ids: dict[str, list[str]] = {}
        for stream in catalog.streams if catalog is not None else ():
            self._ids.setdefault(stream.name, []).append(stream.id)
        self._streams: dict[str, StreamMask | None] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    @property
    def effects(self) -> Mapping[str, Effect]:
        """The rules as written and their effects, in order, for a run's record."""
        return {rule.text: rule.effect for rule in self._rules}

    def of(self, stream: str) -> StreamMask | None:
        """Return the mask of a stream, by its id or its name in messages; None if nothing of it is masked."""
        if stream not in self._streams:
            level = level_of(self._rules, [stream, *self._ids.get(stream, ())])
            mask = StreamMask(stream, level, self._digest, self._unchecked)
            self._streams[stream] = mask if level.rules else None
        return self._streams[stream]

    def check_state(self, state: JSON) -> None:
        """Refuse a state that holds values of masked properties.

        Raises:
            SelectionError: A bookmark belongs to a masked property, or a partition is told by one.
        """
        check_state(state, self._level)

    def _level(self, stream: str) -> Level | None:
        mask = self.of(stream)
        return None if mask is None else mask.level


class StreamMask:
    """What is masked in one stream.

    Args:
        stream: Its name, for errors.
        level: What is masked.
        digest: As for `Masks`.
        unchecked: Rules that no catalog has been asked about.
    """

    def __init__(
        self, stream: str, level: Level, digest: Callable[[bytes], str], unchecked: Sequence[MaskRule] = ()
    ) -> None:
        self.stream = stream
        self._unchecked = unchecked
        self.level = level
        self._record = RecordMask(level, digest)
        self._last: tuple[Schema, Schema] | None = None

    def schema(self, message: Schema) -> Schema:
        """Return a SCHEMA in which masked properties are strings.

        Raises:
            SelectionError: The tap bookmarks by a masked property, a key is masked with something else than
                `sha256`, or a rule that no catalog could be asked about matches nothing.
            TapProtocolError: Its schema is no JSON object.
        """
        # Some taps repeat theirs with every page.
        if self._last is None or self._last[0] != message:
            check_stream(self.level, self.stream, message.key_properties or (), message.bookmark_properties or ())
            schema = self._decoded(message)
            check_schema(self._unchecked, self.stream, schema)
            masked = msgspec.Raw(_encode(self.properties(schema)))
            self._last = message, msgspec.structs.replace(message, schema=masked)
        return self._last[1]

    def properties(self, schema: JSONObject) -> JSONObject:
        """Return a JSON schema of this stream in which masked properties are strings."""
        return masked_schema(schema, self.level)

    def records(self, records: Records) -> Records:
        """Return RECORDs with masked values replaced.

        Raises:
            TapProtocolError: One of them cannot be taken apart.
        """
        try:
            return rewritten(records, list(map(self._record, records.raws)))
        except (MessageError, ValueError) as err:
            reason = err.reason if isinstance(err, MessageError) else str(err)
            raise TapProtocolError(
                f"Stream '{self.stream}' has masks, and a record that cannot be masked. {reason}",
                "Nothing was loaded. Report it to the tap's maintainers.",
            ) from None

    def _decoded(self, message: Schema) -> JSONObject:
        try:
            schema: JSONObject = _decode(message.schema)
        except _MALFORMED:
            raise TapProtocolError(
                f"Stream '{self.stream}' has masks, and a SCHEMA that is no JSON object.",
                "Nothing was loaded. Report it to the tap's maintainers.",
            ) from None
        return schema


def _without_salt(_: bytes) -> str:
    raise RuntimeError("Masks with sha256 need a salt.")
