"""The pump and the STATE barrier: which STATE counts for a stream, whoever's turn it is and whoever leaves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlt_singer.session
from dlt_singer.errors import TapError, TapProtocolError
from dlt_singer.messages import ActivateVersion, Idle, Message, Records, Restart, Schema, State
from dlt_singer.session import END, Feed, Limits, Rows, Session
from dlt_singer.session.snapshot import Snapshot

STREAMS = ("a", "b", "c")


@dataclass
class Tap:
    """Messages from a list, as a tap's run."""

    messages: Sequence[Message]
    mixes_versions: bool = False
    name: str = "tap-list"
    closed: int = 0
    starts: int = 0
    unasked: list[str] = field(default_factory=list)
    finished: list[tuple[dict[str, int], object]] = field(default_factory=list)

    def start(self) -> Tap:
        self.starts += 1
        return self

    def __iter__(self) -> Iterator[Message]:
        yield from self.messages

    def close(self) -> None:
        self.closed += 1

    def note_unasked(self, stream: str) -> None:
        self.unasked.append(stream)

    def note_skipped(self, stream: str) -> None:
        self.unasked.append(f"skipped {stream}")

    def finish(self, handed: Mapping[str, int], newest: Snapshot | None) -> None:
        self.finished.append((dict(handed), newest.value() if newest else None))


def schema(stream: str) -> Schema:
    return Schema(stream, msgspec.Raw(b"{}"))


def record(stream: str, number: int = 0, version: int | None = None) -> Records:
    records = Records.bare(stream, [json.dumps({"n": number}).encode()])
    records.version = version
    return records


def state(value: object) -> State:
    return State(msgspec.Raw(json.dumps(value).encode()))


def session_of(tap: Tap, *streams: str, **limits: int) -> Session:
    return Session(tap, {stream: stream for stream in streams}, Limits(**limits))


def batches_of(session: Session, stream: str) -> Iterator[Rows]:
    """Pull a stream to its end, handing over each batch."""
    feed = session.feeds[stream]
    while (batch := session.pull(feed)) is not END:
        if batch is not None:
            yield batch
            session.hand_over(feed, batch)


def read(session: Session, stream: str) -> list[int]:
    """Pull a stream to its end; its numbers."""
    return [number for batch in batches_of(session, stream) for number in numbers(batch)]


def numbers(batch: Rows) -> list[int]:
    return [json.loads(bytes(raw))["n"] for raw in batch.raws]


# What a tap may say: each STATE tells how many records of each stream it has sent before it.
steps = st.lists(st.sampled_from([*STREAMS, *STREAMS, "state", "idle", "schema"]), max_size=40)
# What the host does: pull a stream, hand over what it got from one, or close one.
moves = st.lists(
    st.tuples(st.sampled_from(["pull", "hand", "hand", "close"]), st.sampled_from(STREAMS)), max_size=60
)


def said(plan: Sequence[str]) -> tuple[list[Message], list[dict[str, int]]]:
    sent = dict.fromkeys(STREAMS, 0)
    messages: list[Message] = [schema(stream) for stream in STREAMS]
    states: list[dict[str, int]] = []
    for step in plan:
        if step == "state":
            states.append(dict(sent))
            messages.append(state(sent))
        elif step == "idle":
            messages.append(Idle())
        elif step == "schema":
            messages.append(Schema("a", msgspec.Raw(json.dumps({"v": len(messages)}).encode())))
        else:
            messages.append(record(step, sent[step]))
            sent[step] += 1
    return messages, states


class Host:
    """Keeps account of what it was given and what it handed over, to compare with what the session says."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.held: dict[str, list[Rows]] = {stream: [] for stream in STREAMS}
        self.given = dict.fromkeys(STREAMS, 0)
        self.handed = dict.fromkeys(STREAMS, 0)
        self.closed: set[str] = set()

    def move(self, what: str, stream: str) -> None:
        feed = self.session.feeds[stream]
        if what == "close":
            self.closed.add(stream)
            self.session.close_feed(feed)
        elif what == "hand" and self.held[stream]:
            batch = self.held[stream].pop(0)
            self.handed[stream] += len(batch.raws)
            self.session.hand_over(feed, batch)
        elif what == "pull" and stream not in self.closed:
            batch_or_end = self.session.pull(feed)
            if batch_or_end is not None and batch_or_end is not END:
                assert batch_or_end.first == self.given[stream]
                assert numbers(batch_or_end) == list(
                    range(self.given[stream], self.given[stream] + len(batch_or_end.raws))
                )
                self.given[stream] += len(batch_or_end.raws)
                self.held[stream].append(batch_or_end)


@settings(max_examples=300)
@given(steps, moves, st.integers(1, 4))
def test_the_state_that_counts_is_the_newest_that_covers_no_row_that_was_not_handed_over(
    plan: list[str], script: list[tuple[str, str]], batch_rows: int
) -> None:
    messages, states = said(plan)
    host = Host(session_of(Tap(messages), *STREAMS, batch_rows=batch_rows))

    for what, stream in script:
        host.move(what, stream)

        for each in STREAMS:
            snapshot, counted = host.session.counts(host.session.feeds[each])
            covered = covered_by(snapshot, each)
            assert covered <= host.handed[each]
            assert counted == covered
            if each not in host.closed:
                assert covered == best(states, host, each)


@settings(max_examples=300)
@given(steps, st.permutations(STREAMS), st.integers(1, 4), moves)
def test_at_the_end_of_a_run_the_newest_state_behind_handed_rows_counts(
    plan: list[str], order: Sequence[str], batch_rows: int, script: list[tuple[str, str]]
) -> None:
    messages, states = said(plan)
    host = Host(session_of(Tap(messages), *STREAMS, batch_rows=batch_rows))
    for what, stream in script:
        host.move(what, stream)
    # Pull whatever is still open to the end, and hand over all of it.
    while not host.session.failed and finish_turn(host, order):
        pass

    for stream in STREAMS:
        snapshot, _ = host.session.counts(host.session.feeds[stream])
        if stream in host.closed or host.session.failed:
            continue
        assert host.handed[stream] == plan.count(stream)
        assert covered_by(snapshot, stream) == (states[-1][stream] if states else 0)
        assert snapshot is host.session.newest


@settings(max_examples=300)
@given(steps, st.integers(1, 4), st.integers(0, 5))
def test_a_closed_stream_keeps_the_newest_state_it_had_seen_behind_its_handed_rows(
    plan: list[str], batch_rows: int, batches: int
) -> None:
    messages, states = said(plan)
    host = Host(session_of(Tap(messages), *STREAMS, batch_rows=batch_rows))
    for _ in range(batches):
        host.move("pull", "a")
        host.move("hand", "a")
    expected = best(states, host, "a")

    host.move("close", "a")
    frozen = host.session.counts(host.session.feeds["a"])
    while finish_turn(host, ("b", "c")):
        pass

    assert host.session.counts(host.session.feeds["a"]) == frozen
    assert covered_by(frozen[0], "a") == expected


def finish_turn(host: Host, order: Sequence[str]) -> bool:
    """Give every open stream a turn; whether one of them is not at its end."""
    going = False
    for stream in order:
        feed = host.session.feeds[stream]
        while host.held[stream]:
            host.move("hand", stream)
        if stream in host.closed:
            continue
        batch = host.session.pull(feed)
        if batch is END:
            continue
        going = True
        if batch is not None:
            host.given[stream] += len(batch.raws)
            host.held[stream].append(batch)
            host.move("hand", stream)
    return going


def best(states: Sequence[dict[str, int]], host: Host, stream: str) -> int:
    """How many rows of a stream the newest STATE seen so far covers that covers no row not handed over."""
    newest = host.session.newest
    seen = states[: states.index(newest.value()) + 1] if newest is not None else []
    return max((each[stream] for each in seen if each[stream] <= host.handed[stream]), default=0)


def covered_by(snapshot: object, stream: str) -> int:
    if snapshot is None:
        return 0
    value = snapshot.value()  # type: ignore[attr-defined] # a Snapshot
    return int(value[stream])


@given(steps, st.integers(1, 4), st.integers(1, 60))
def test_each_stream_gets_its_rows_in_order_however_they_are_batched(
    plan: list[str], batch_rows: int, waiting_bytes: int
) -> None:
    messages, _ = said(plan)
    session = session_of(Tap(messages), *STREAMS, batch_rows=batch_rows, waiting_bytes=waiting_bytes)
    found: dict[str, list[int]] = {stream: [] for stream in STREAMS}
    ended: set[str] = set()

    while len(ended) < len(STREAMS):
        for stream in STREAMS:
            batch = session.pull(session.feeds[stream])
            if batch is END:
                ended.add(stream)
            elif batch is not None:
                assert len(batch.raws) <= batch_rows
                found[stream] += numbers(batch)

    assert found == {stream: list(range(plan.count(stream))) for stream in STREAMS}


def test_nothing_is_started_before_the_first_pull() -> None:
    tap = Tap([schema("a")])
    session = session_of(tap, "a")
    assert tap.starts == 0

    read(session, "a")

    assert tap.starts == 1


def test_nobody_pumps_while_another_streams_batch_waits() -> None:
    session = session_of(Tap([schema("a"), schema("b"), record("b"), record("a")]), "a", "b", batch_rows=1)
    first, second = session.feeds["a"], session.feeds["b"]

    assert session.pull(first) is None
    assert session.pull(first) is None
    assert isinstance(session.pull(second), Rows)
    assert isinstance(session.pull(first), Rows)


def test_a_turn_ends_in_time_however_long_a_tap_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlt_singer.session, "_TURN_S", -1.0)
    session = session_of(Tap([schema("a"), record("a", 0), record("a", 1)]), "a")

    turns = [session.pull(session.feeds["a"]) for _ in range(5)]

    assert turns[:3] == [None, None, None]
    assert numbers(cast("Rows", turns[3])) == [0, 1]
    assert turns[4] is END


def test_a_batch_is_bounded_by_bytes_and_a_larger_record_is_one_of_its_own() -> None:
    large = Records.bare("a", [json.dumps({"n": 1, "text": "x" * 100}).encode()])
    session = session_of(Tap([schema("a"), record("a", 0), large, record("a", 2)]), "a", batch_bytes=50)

    assert [numbers(batch) for batch in batches_of(session, "a")] == [[0, 1], [2]]


def test_the_fullest_stream_gives_way_when_too_much_waits() -> None:
    messages: list[Message] = [
        schema("a"),
        schema("b"),
        *(record("a", n) for n in range(5)),
        record("b"),
        record("a", 5),
    ]
    session = session_of(Tap(messages), "a", "b", waiting_bytes=len('{"n": 0}') * 6)

    assert session.pull(session.feeds["b"]) is None
    batch = session.pull(session.feeds["a"])

    assert isinstance(batch, Rows)
    assert numbers(batch) == [0, 1, 2, 3, 4]


def test_rows_that_have_waited_long_enough_are_a_batch_when_the_tap_pauses() -> None:
    messages: list[Message] = [schema("a"), record("a", 0), Idle(), record("a", 1)]

    at_once = session_of(Tap(messages), "a", waiting_s=-1)
    in_time = session_of(Tap(messages), "a", waiting_s=60)

    assert [numbers(batch) for batch in batches_of(at_once, "a")] == [[0], [1]]
    assert [numbers(batch) for batch in batches_of(in_time, "a")] == [[0, 1]]


def test_a_stream_whose_turn_it_is_not_does_not_wait_for_the_one_that_pumps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dlt_singer.session, "_LOCK_PATIENCE_S", 0.001)
    session = session_of(Tap([schema("a"), record("a", 0)]), "a")

    with session.lock, ThreadPoolExecutor(1) as other:
        turn = other.submit(session.pull, session.feeds["a"]).result(30)

    assert turn is None
    assert read(session, "a") == [0]


def test_a_batch_that_is_handed_over_behind_a_later_one_takes_nothing_back() -> None:
    session = session_of(Tap([schema("a"), record("a", 0), record("a", 1)]), "a", batch_rows=1)
    feed = session.feeds["a"]
    first, second = (cast("Rows", session.pull(feed)) for _ in range(2))

    session.hand_over(feed, second)
    session.hand_over(feed, first)

    assert feed.handed == 2


def test_the_last_stream_that_leaves_ends_the_tap() -> None:
    tap = Tap([schema("a"), schema("b"), record("a"), record("b")])
    session = session_of(tap, "a", "b", batch_rows=1)
    session.pull(session.feeds["a"])

    session.close_feed(session.feeds["a"])
    assert tap.closed == 0
    session.close_feed(session.feeds["b"])

    assert tap.closed


def test_every_stream_gets_the_error_of_the_tap() -> None:
    session = session_of(Tap([schema("a"), record("b")]), "a", "b")

    errors = []
    for stream in ("a", "b", "a"):
        with pytest.raises(TapProtocolError) as caught:
            session.pull(session.feeds[stream])
        errors.append(caught.value)

    assert errors[0] is errors[1] is errors[2]
    assert session.failed


def test_a_session_that_was_broken_off_gives_no_more_batches() -> None:
    session = session_of(Tap([schema("a"), record("a")]), "a", batch_rows=1)

    session.close()

    with pytest.raises(TapError, match="broken off"):
        session.pull(session.feeds["a"])


def test_a_stream_nobody_pulls_is_noted_once() -> None:
    tap = Tap([schema("a"), record("x"), record("x"), record("a")])

    assert read(session_of(tap, "a"), "a") == [0]
    assert tap.unasked == ["x"]


def test_a_repeated_schema_makes_no_batch() -> None:
    messages: list[Message] = [
        schema("a"),
        record("a", 0),
        schema("a"),
        record("a", 1),
        Schema("a", msgspec.Raw(b'{"x": 1}')),
    ]
    session = session_of(Tap([*messages, record("a", 2)]), "a")

    assert [numbers(batch) for batch in batches_of(session, "a")] == [[0, 1], [2]]


def test_a_second_version_in_one_run_is_refused_unless_rows_carry_theirs() -> None:
    messages: list[Message] = [
        schema("a"),
        record("a", 0, version=1),
        ActivateVersion("a", 1),
        record("a", 1, version=2),
    ]

    with pytest.raises(TapProtocolError, match=r"\(1 and 2\).*version_column: true"):
        read(session_of(Tap(messages), "a"), "a")

    mixing = session_of(Tap(messages, mixes_versions=True), "a")
    assert [(numbers(batch), batch.version) for batch in batches_of(mixing, "a")] == [([0], 1), ([1], 2)]


def test_a_record_before_its_schema_is_refused_with_the_name_it_may_have_meant() -> None:
    with pytest.raises(TapProtocolError, match="Did you mean 'users'"):
        read(session_of(Tap([schema("users"), record("user")]), "users", "user"), "users")


def test_threads_that_pull_at_once_get_all_rows_once() -> None:
    messages: list[Message] = [message for n in range(500) for message in (record("a", n), record("b", n))]
    session = session_of(Tap([schema("a"), schema("b"), *messages]), "a", "b", batch_rows=7)
    found: dict[str, list[int]] = {}

    def pull(stream: str) -> None:
        found[stream] = read(session, stream)

    threads = [threading.Thread(target=pull, args=(stream,)) for stream in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert found == {"a": list(range(500)), "b": list(range(500))}


def test_messages_may_use_a_streams_other_name() -> None:
    session = Session(Tap([schema("name"), record("name")]), {"name": "id", "id": "id"})

    assert list(session.feeds) == ["id"]
    assert isinstance(session.feeds["id"], Feed)
    assert read(session, "id") == [0]


def test_what_was_handed_over_is_told_once_nobody_pulls_any_more() -> None:
    tap = Tap([schema("a"), record("a", 0), schema("b"), record("b", 0), record("a", 1), state({"at": 2})])
    session = session_of(tap, "a", "b", batch_rows=1)
    session.hand_over(session.feeds["a"], cast("Rows", session.pull(session.feeds["a"])))
    session.close_feed(session.feeds["a"])
    read(session, "b")
    before = list(tap.finished)

    session.close_feed(session.feeds["b"])

    assert (before, tap.finished) == ([], [({"a": 1, "b": 1}, {"at": 2})])


def test_of_a_run_that_failed_nothing_is_told() -> None:
    tap = Tap([record("a", 0)])
    session = session_of(tap, "a")
    with pytest.raises(TapProtocolError):
        read(session, "a")

    session.close_feed(session.feeds["a"])

    assert tap.finished == []


def test_rows_after_a_restart_are_a_batch_of_their_own() -> None:
    restart = Restart("a", renewed=True)
    session = session_of(Tap([schema("a"), record("a", 0), restart, record("a", 1), record("a", 2)]), "a")

    batches = list(batches_of(session, "a"))

    assert [(numbers(batch), batch.restart) for batch in batches] == [([0], None), ([1, 2], restart)]
    assert session.feeds["a"].renewed
