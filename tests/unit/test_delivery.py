"""Batches that come quickly become one item, in order and whole; the rest goes as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec
import pyarrow as pa
import pytest

from dlt_singer.decode.arrow_table import ChildTable, Tables
from dlt_singer.messages import Schema
from dlt_singer.session import Rows
from dlt_singer.session.stream_schema import StreamOptions, StreamSchema
from dlt_singer.source import delivery
from dlt_singer.source.decoding import Content, Decoders
from dlt_singer.source.delivery import Delivery, Pause, joined
from dlt_singer.source.sync import StreamSync

SCHEMA = Schema("s", msgspec.Raw(b'{"properties": {"id": {"type": "integer"}}}'), [])
SHAPE = StreamSchema(SCHEMA, StreamOptions("s"), lambda _: {})
SYNC = cast("StreamSync", None)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_ROWS", 4)
    monkeypatch.setattr(delivery, "_FEW_ROWS", 1)


def table(*values: object, name: str = "id") -> Tables:
    return Tables(pa.table({name: list(values)}))


OTHERS, HAND_OVER = Pause.FOR_OTHERS, Pause.TO_HAND_OVER


def deliver(contents: Iterable[Content | Pause]) -> list[Delivery | Pause]:
    """Return what batches become."""
    given: list[Delivery | Pause] = []
    for number, content in enumerate(contents, 1):
        if isinstance(content, Pause):
            given.append(content)
            continue
        batch = Rows(number, 0, SCHEMA, [], None, None, 0, len(content))
        given.append(Delivery(SYNC, SHAPE, [batch], content, sequence=number, rows=len(content)))
    return list(joined(iter(given), Decoders().hold))


def shown(deliveries: Iterable[Delivery | Pause]) -> list[object]:
    return [
        each
        if isinstance(each, Pause)
        else (each.content.root["id"].to_pylist() if isinstance(each.content, Tables) else each.content)
        for each in deliveries
    ]


@pytest.mark.usefixtures("small")
def test_tables_are_joined_until_they_make_a_row_group() -> None:
    found = deliver([table(1, 2), table(3), table(4), table(5)])

    assert shown(found) == [[1, 2, 3, 4], [5]]
    assert [(d.rows, d.sequence, [b.number for b in d.batches]) for d in found if isinstance(d, Delivery)] == [
        (4, 3, [1, 2, 3]),
        (1, 4, [4]),
    ]


@pytest.mark.usefixtures("small")
def test_a_batch_that_is_cut_through_is_handed_over_with_its_last_rows() -> None:
    found = deliver([table(1, 2, 3), table(4, 5, 6), table(7)])

    assert shown(found) == [[1, 2, 3, 4], [5, 6, 7]]
    assert [(d.rows, [b.number for b in d.batches]) for d in found if isinstance(d, Delivery)] == [
        (4, [1]),
        (3, [2, 3]),
    ]


@pytest.mark.usefixtures("small")
def test_what_is_too_large_for_a_row_group_becomes_half_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_BYTES", 24)

    found = deliver([table(1), table(2), table(3)])

    assert shown(found) == [[1, 2], [3]]
    assert [[b.number for b in d.batches] for d in found if isinstance(d, Delivery)] == [[1, 2], [3]]


@pytest.mark.usefixtures("small")
def test_a_batch_larger_than_a_row_group_stays_whole() -> None:
    found = deliver([table(1, 2, 3, 4, 5)])

    assert shown(found) == [[1, 2, 3, 4, 5]]


def test_rows_go_alone_and_after_what_came_before_them() -> None:
    found = deliver([table(1), [{"id": 2}], table(3)])

    assert shown(found) == [[1], [{"id": 2}], [3]]


def test_tables_of_other_columns_are_not_joined() -> None:
    found = deliver([table(1), Tables(pa.table({"id": [2], "new": ["a"]}))])

    assert shown(found) == [[1], [2]]


def test_what_is_fresh_waits_while_other_streams_have_their_turn() -> None:
    found = deliver([table(1), OTHERS, table(2)])

    assert shown(found) == [OTHERS, [1, 2]]


def test_what_has_waited_long_goes_before_another_stream_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_PATIENCE_S", -1.0)

    found = deliver([table(1), OTHERS, table(2)])

    assert shown(found) == [[1], OTHERS, [2]]


def test_nothing_waits_when_other_streams_have_taken_the_room() -> None:
    others = Decoders()
    others.hold(1 << 40)
    given: list[Delivery | Pause] = [Delivery(SYNC, SHAPE, [], table(n)) for n in range(2)]

    assert shown(joined(iter(given), others.hold)) == [[0], [1]]


def test_what_waits_is_handed_over_if_it_must() -> None:
    found = deliver([table(1), HAND_OVER, table(2)])

    assert shown(found) == [[1], HAND_OVER, [2]]


def test_room_is_given_back_also_by_a_stream_that_is_closed() -> None:
    held: list[int] = []
    given: list[Delivery | Pause] = [Delivery(SYNC, SHAPE, [], table(1)), OTHERS]

    def hold(more: int) -> bool:
        held.append(more)
        return True

    waiting = joined(iter(given), hold)
    assert next(waiting) is OTHERS
    waiting.close()  # type: ignore[attr-defined]  # a generator, as every iterator of ours

    assert sum(held) == 0
    assert held[0] > 0


def test_child_tables_are_joined_with_their_parents() -> None:
    def with_child(value: int) -> Tables:
        child = ChildTable(("tags",), None, pa.table({"value": [value]}), pa.array([0]), pa.array([0]))
        return Tables(pa.table({"id": [value]}), (child,))

    (found,) = deliver([with_child(1), with_child(2)])

    assert isinstance(found, Delivery)
    assert isinstance(found.content, Tables)
    assert found.content.children[0].table["value"].to_pylist() == [1, 2]
