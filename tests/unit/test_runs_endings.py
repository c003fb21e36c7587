"""Which streams of a run have ended: only those of which the tap tells."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dlt_singer.messages import Message, Record, Records, parse_line
from dlt_singer.runs import Endings
from dlt_singer.testing import Step, activate_version, record, schema, state

STOCK = schema("stock", {"id": "integer"})
ORDERS = schema("orders", {"id": "integer"})
ROW = record("stock", id=1)
ORDER = record("orders", id=1)


def message(step: Step) -> Message:
    line = str(step["line"]).encode()
    parsed = parse_line(line)
    return Records.of_line(parsed, line) if isinstance(parsed, Record) else parsed


def ended(steps: Sequence[Step], parents: Sequence[str] = ()) -> frozenset[str]:
    """Return the streams that had ended when the tap failed behind some messages."""
    endings = Endings({}, lambda _: parents)
    following = endings.follow(map(message, steps))
    for _ in steps:
        next(following)
    return endings.ended


def syncing(stream: str | None) -> Step:
    return state({"currently_syncing": stream})


@pytest.mark.parametrize(
    "steps",
    [
        (STOCK, ROW, state({}), ORDERS, ORDER),
        (STOCK, ROW, state({}), ORDERS),
        (STOCK, ORDERS, ROW, state({}), ORDER),
        (STOCK, ROW, activate_version("stock", 1), state({}), ORDERS),
        (syncing("stock"), STOCK, ROW, state({}), syncing("orders"), ORDERS, ORDER),
        (syncing("stock"), STOCK, ROW, syncing(None)),
        (syncing("stock"), STOCK, ROW, state({})),
    ],
    ids=[
        "a STATE behind it, and another stream has begun",
        "another stream has begun with its SCHEMA",
        "all SCHEMAs come first",
        "its version was activated",
        "the tap says that it is at another stream",
        "the tap says that it is at no stream",
        "the tap no longer says that it is at it",
    ],
)
def test_a_stream_has_ended_behind_its_state_once_the_tap_has_gone_on(steps: Sequence[Step]) -> None:
    assert "stock" in ended(steps)


@pytest.mark.parametrize(
    "steps",
    [
        (STOCK, ROW, ORDERS, ORDER),
        (STOCK, ROW, state({})),
        (STOCK, ROW, state({}), ROW, ORDERS, ORDER),
        (STOCK, ROW, state({}), ROW, ORDERS, ORDER, state({})),
        (STOCK, ROW, state({}), ORDERS, ORDER, ROW),
        (STOCK, ROW, state({}), ORDERS, ORDER, ROW, state({}), ORDER),
        (STOCK, ROW, state({}), activate_version("stock", 1), ORDERS),
        (syncing("stock"), STOCK, ROW, syncing("stock"), ORDERS, ORDER),
        (syncing("stock"), STOCK, ROW, ORDERS, ORDER, syncing("stock")),
        (syncing("orders"), STOCK, ROW, state({}), ORDERS, ORDER, syncing("orders")),
        (STOCK, state({}), ORDERS, ORDER),
    ],
    ids=[
        "no STATE covers it",
        "nothing says that it was over",
        "rows came behind the STATE",
        "a STATE came only when another stream had begun",
        "it went on when another stream had begun",
        "no stream has begun since it went on",
        "its version was activated behind the STATE",
        "the tap says that it is at it",
        "the tap is at it, and reads others meanwhile",
        "the tap never said that it was at it",
        "it sent no row",
    ],
)
def test_a_stream_has_not_ended_where_the_tap_does_not_tell(steps: Sequence[Step]) -> None:
    assert "stock" not in ended(steps)


def test_a_parent_has_not_ended_when_its_child_begins() -> None:
    steps = (STOCK, ROW, state({}), ORDERS, ORDER)

    assert ended(steps, parents=("stock",)) == frozenset()


def test_when_the_tap_has_ended_well_so_has_all_that_a_state_covers() -> None:
    endings = Endings({}, lambda _: ())

    list(endings.follow(map(message, (STOCK, ROW, state({}), ORDERS, ORDER))))

    assert endings.ended == {"stock"}


def test_a_name_in_messages_stands_for_its_stream() -> None:
    endings = Endings({"public-stock": "stock"}, lambda _: ())
    named = (schema("public-stock", {}), record("public-stock", id=1), syncing("public-stock"), syncing(None))

    list(endings.follow(map(message, named)))

    assert endings.ended == {"stock"}
