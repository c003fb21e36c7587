"""Columns of generated data: a JSON schema, the DuckDB type of a value, and how a value is written. Pure.

A value is a function of a seeded generator and the row's number, so the same data comes out everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from dlt_singer._types import JSONObject

FIRST_ID = 1_000_000_000
"""Ids have ten digits, so that a block of records can be repeated with other ids by replacing digits."""
_WORDS = [
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper", "kelp", "lagoon",
    "meadow", "north", "ocean", "prairie", "quarry", "ridge", "summit", "tundra", "upland", "valley", "willow",
    "yonder", "zephyr", "café", "naïve", r"\"quoted\"", r"back\\slash",
]  # fmt: skip
"""As they stand in JSON; the first 20 are plain."""
_COUNTRIES = ("AT", "BR", "CA", "DE", "FR", "GB", "IN", "JP", "KE", "MX", "NZ", "PL", "US", "ZA")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column holds.

    Attributes:
        schema: Its JSON schema.
        sql: The DuckDB type its values are compared in.
        write: Returns a value as JSON text.
        members: Of an object whose members are known.
    """

    schema: JSONObject
    sql: str
    write: Callable[[Random, int], str]
    members: Mapping[str, Kind] = field(default_factory=dict)

    @property
    def read(self) -> str:
        """The type that DuckDB's JSON reader is told."""
        if not self.members:
            return self.sql
        return "STRUCT(" + ", ".join(f'"{name}" {kind.sql}' for name, kind in self.members.items()) + ")"

    def optional(self, share: float = 0.05) -> Kind:
        """Return the same with some nulls."""
        write = self.write
        return replace(self, write=lambda random, row: "null" if random.random() < share else write(random, row))


def _type(name: str, text_format: str | None = None) -> JSONObject:
    return {"type": [name, "null"]} | ({"format": text_format} if text_format else {})


def _words(random: Random, count: int) -> str:
    return " ".join(random.choices(_WORDS, k=count))


def _moment(random: Random) -> str:
    day, second = _day(random), random.randrange(86_400)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{day}T{clock}.{random.randrange(1_000_000):06}+00:00"


def _day(random: Random) -> str:
    return f"{random.randrange(2015, 2026)}-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"


ID = Kind({"type": "integer"}, "BIGINT", lambda _, row: str(FIRST_ID + row))
INTEGER = Kind(_type("integer"), "BIGINT", lambda random, _: str(random.getrandbits(40)))
COUNT = Kind(_type("integer"), "BIGINT", lambda random, _: str(random.randrange(500)))
NUMBER = Kind(_type("number"), "DOUBLE", lambda random, _: repr(round(random.random() * 10_000, 2)))
RATIO = Kind(_type("number"), "DOUBLE", lambda random, _: repr(random.random()))
NAME = Kind(_type("string"), "VARCHAR", lambda random, _: f'"{_words(random, 2)}"')
EMAIL = Kind(_type("string"), "VARCHAR", lambda random, row: f'"{random.choice(_WORDS[:20])}.{row}@example.com"')
NOTE = Kind(_type("string"), "VARCHAR", lambda random, _: f'"{_words(random, 5)}"')
COUNTRY = Kind(_type("string"), "VARCHAR", lambda random, _: f'"{random.choice(_COUNTRIES)}"')
FLAG = Kind(_type("boolean"), "BOOLEAN", lambda random, _: "true" if random.getrandbits(1) else "false")
DATE = Kind(_type("string", "date"), "DATE", lambda random, _: f'"{_day(random)}"')
TIMESTAMP = Kind(_type("string", "date-time"), "TIMESTAMPTZ", lambda random, _: f'"{_moment(random)}"')


def nested(**members: Kind) -> Kind:
    """Return an object with known members."""
    return Kind(
        {"type": ["object", "null"], "properties": {name: kind.schema for name, kind in members.items()}},
        "JSON",
        lambda random, row: _object((name, kind.write(random, row)) for name, kind in members.items()),
        members,
    )


def free_form() -> Kind:
    """Return an object of which the schema says nothing more."""

    def write(random: Random, row: int) -> str:
        keys = random.sample(_WORDS[:20], k=random.randrange(1, 5))
        return _object((key, random.choice((COUNT, NAME, FLAG)).write(random, row)) for key in keys)

    return Kind({"type": ["object", "null"]}, "JSON", write)


def several(item: Kind, most: int) -> Kind:
    """Return an array of up to `most` items."""
    return Kind(
        {"type": ["array", "null"], "items": item.schema},
        "JSON",
        lambda random, row: (
            "[" + ", ".join(item.write(random, row) for _ in range(random.randrange(most + 1))) + "]"
        ),
    )


def _object(members: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f'"{name}": {text}' for name, text in members) + "}"
