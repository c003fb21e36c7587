"""Decodes broken records as Arrow, as many as told: every one is decoded or refused, and none ends the process."""

from __future__ import annotations

import random
import sys

from dlt_singer._types import JSONObject
from dlt_singer.decode import NotExact
from dlt_singer.decode.arrow import ArrowDecoder
from dlt_singer.hints import stream_hints
from dlt_singer.messages import Cutter, Records

PROPERTIES: JSONObject = {
    "id": {"type": "integer"}, "price": {"type": "number", "multipleOf": 0.01}, "rate": {"type": "number"},
    "at": {"format": "date-time"}, "day": {"format": "date"}, "clock": {"format": "time"},
    "name": {"type": "string"},
    "lines": {"items": {"properties": {"a": {"type": "integer"}, "t": {"items": {"type": "string"}}}}},
    "grid": {"items": {"items": {"type": "number"}}},
    "flag": {"type": "boolean"}, "inner": {"type": "object", "properties": {"a": {"type": "integer"}}},
}  # fmt: skip
HEAD = b'{"type":"RECORD","stream":"s","record":'
RECORD = (
    b'{"id":1,"price":1.10,"rate":0.5,"at":"2024-01-01T00:00:00.5Z","day":"2024-01-01","clock":"10:11:12.5",'
    b'"name":"\xc3\xa9\\u00e9","flag":true,"inner":{"a":1},"lines":[{"a":1,"t":["x",null]},{}],"grid":[[1.5],[]],"free":{"b":[1,null]}}'
)
BITS = (
    b"null", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\r", b"\x00", b"\xff", b"\xf0\x9f",
    b"1e999", b"-", b"{}",
    b"[]", b"[" * 5000, b'{"a":' * 5000, b"9" * 500, b"\\ud800", b"NaN", b"\xef\xbb\xbf", b"0000-00-00",
    b"99999-01-01", b"}\n" + HEAD,
    b'"id":2,', b'"inner":null,', b"true", b'""', HEAD,
)  # fmt: skip


def main(times: int) -> None:
    chance = random.Random(times)
    hints = stream_hints({"properties": PROPERTIES}, [])
    free = stream_hints({"properties": {**PROPERTIES, "free": {}}}, [])
    for _ in range(times):
        text = bytearray(b"\n".join(HEAD + RECORD + b"}" for _ in range(chance.randint(1, 3))))
        for _ in range(chance.randint(0, 4)):
            at = chance.randrange(len(text))
            text[at : at + chance.choice((0, 0, 1, 4, 40, 400))] = chance.choice(BITS)
        pieces = [piece for piece in Cutter().cut(bytes(text)) if isinstance(piece, Records)]
        lines = [line for line in bytes(text).replace(HEAD, b"").split(b"\n") if line]
        for decoder in (ArrowDecoder(hints), ArrowDecoder(free), ArrowDecoder(hints, ["free"])):
            for given in (pieces, [Records.bare("s", lines)]):
                if given and any(map(len, given)):
                    try:
                        decoder.decode(given)
                    except NotExact:
                        continue


if __name__ == "__main__":
    main(int(sys.argv[1]))
