"""A tap made with singer-sdk: eight streams of so many rows each, which it makes up as it goes.

Needs `singer-sdk`; a tap's own work is most of what such a tap costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from singer_sdk import Stream, Tap
from singer_sdk import typing as th

STREAMS = tuple(f"stream_{number}" for number in range(8))


class Numbers(Stream):
    """Rows of ten columns; the texts say which."""

    replication_key = "id"
    is_sorted = True
    primary_keys = ("id",)
    schema = th.PropertiesList(
        th.Property("id", th.IntegerType),
        th.Property("name", th.StringType),
        th.Property("amount", th.NumberType),
        th.Property("is_open", th.BooleanType),
        th.Property("updated_at", th.DateTimeType),
        *(th.Property(f"text_{number}", th.StringType) for number in range(5)),
    ).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:  # noqa: ANN401, ARG002 - the SDK's
        """Yield rows."""
        for number in range(self.config["rows"]):
            yield {
                "id": number,
                "name": f"row {number} of {self.name}",
                "amount": number / 7,
                "is_open": number % 2 == 0,
                "updated_at": "2026-01-01T00:00:00Z",
                **{f"text_{place}": f"some text of {number}, of which there is more" for place in range(5)},
            }


class Eight(Tap):
    """The tap."""

    name = "tap-eight"
    config_jsonschema = th.PropertiesList(th.Property("rows", th.IntegerType, required=True)).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Return the streams."""
        return [Numbers(self, name=name) for name in STREAMS]


if __name__ == "__main__":
    Eight.cli()
