"""What passes the mirror comes back: bytes, order, states; and what was damaged meanwhile is named."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlt_singer.errors import DamagedReservoirError, StorageError
from dlt_singer.messages import (
    ActivateVersion,
    Cutter,
    Idle,
    Message,
    Record,
    Records,
    Restart,
    Schema,
    State,
    parse_line,
)
from dlt_singer.mirror import Extent, Limits, Recorder, Reservoir, compact, replay_files, replay_stream
from dlt_singer.mirror.folder import folder_name
from dlt_singer.mirror.index import Index, write_index
from dlt_singer.mirror.lines import schema_id
from dlt_singer.mirror.reading import Ahead, messages_in, texts
from dlt_singer.mirror.writer import Writer
from dlt_singer.runs import Checkpoint, Manifest, RunStart, StreamStart
from dlt_singer.storage import Store

STREAMS = ("users", "orders", "odd / näme")
numbers = itertools.count()


@pytest.fixture
def reservoir(tmp_path: Path) -> Reservoir:
    return Reservoir(Store(tmp_path), "default", "tap-x")


def begin(run: str = "r1", streams: tuple[str, ...] = STREAMS, taken: Checkpoint | None = None) -> RunStart:
    return RunStart(
        run, "tap-x", "2026", {name: StreamStart(name, None, run) for name in streams}, taken=taken
    )  # fmt: skip


def schema(stream: str, **properties: str) -> Schema:
    text = json.dumps({"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}})
    return Schema(stream, msgspec.Raw(text.encode()), ["id"])


def record(stream: str, *ids: int, version: int | None = None) -> Records:
    head = json.dumps({"type": "RECORD", "stream": stream})[:-1] + ', "record": '
    tail = "}" if version is None else f', "version": {version}}}'
    lines = [f'{head}{{"id":  {each}.10}}{tail}'.encode() for each in ids]
    return Records(stream, b"\n".join(lines), len(lines), None if version else head.encode(), version)


def state(value: object) -> State:
    return State(msgspec.Raw(json.dumps(value).encode()))


def mirrored(reservoir: Reservoir, *messages: Message, run: str = "r1", limits: Limits | None = None) -> Manifest:
    recorder = Recorder(reservoir, begin(run), limits)
    passed = list(recorder.record(messages))
    assert passed == list(messages)
    rows: dict[str, int] = {}
    for message in messages:
        if isinstance(message, Records):
            rows[message.stream] = rows.get(message.stream, 0) + len(message)
    return recorder.finish(rows, {})


def replayed(reservoir: Reservoir, manifest: Manifest) -> Iterator[Message]:
    for stream in manifest.streams:
        yield from replay_stream(reservoir, manifest, stream)


def said(messages: Iterator[Message]) -> dict[str, list[object]]:
    """Return what is said of each stream, record by record, and under '' the last STATE."""
    found: dict[str, list[object]] = {}
    for message in messages:
        match message:
            case Records():
                lines = message.lines or [b"made %s" % bytes(raw) for raw in message.raws]
                found.setdefault(message.stream, []).extend(lines)
            case Schema():
                theirs = found.setdefault(message.stream, [])
                if message not in theirs[-1:] and message != _last_schema(theirs):
                    theirs.append(message)
            case ActivateVersion():
                found.setdefault(message.stream, []).append(message)
            case State():
                found[""] = [bytes(message.value)]
            case _:
                pass
    return found


def _last_schema(theirs: list[object]) -> object:
    return next((each for each in reversed(theirs) if isinstance(each, Schema)), None)


names = st.sampled_from(STREAMS)
some_messages = st.lists(
    st.one_of(
        st.builds(lambda name, kind: schema(name, more=kind), names, st.sampled_from(["string", "null"])),
        st.builds(lambda name, ids: record(name, *ids), names, st.lists(st.integers(), min_size=1, max_size=5)),
        st.builds(lambda name, version: record(name, 1, version=version), names, st.integers(1, 3)),
        st.builds(lambda name, ids: Records.bare(name, [b'{"id": %d}' % each for each in ids]), names,
                  st.lists(st.integers(), min_size=1, max_size=3)),
        st.builds(ActivateVersion, names, st.integers(1, 3)),
        st.builds(lambda at: state({"bookmarks": {"users": at}}), st.integers()),
        st.just(Idle()),
    )
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_messages, st.sampled_from([1, 200, 1 << 20]))
def test_any_messages_come_back_as_they_were(
    reservoir: Reservoir, messages: list[Message], file_bytes: int
) -> None:
    sent = [*(schema(name, id="number") for name in STREAMS), *messages]

    manifest = mirrored(reservoir, *sent, run=f"r{next(numbers)}", limits=Limits(file_bytes))

    expected = {
        name: [each.replace(b"made ", b"") if isinstance(each, bytes) else each for each in theirs]
        for name, theirs in said(iter(sent)).items()
    }
    found = {
        name: [_unmade(each) if isinstance(each, bytes) else each for each in theirs]
        for name, theirs in said(replayed(reservoir, manifest)).items()
    }
    assert [bytes(manifest.state)] == expected.pop("", [b"null"])
    assert found == expected


# Texts that look like what messages are cut at.
odd_texts = st.text() | st.sampled_from(
    ['"record": {', '}, "version": 1}', '{"type": "RECORD", "stream": "users"', "\\"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def record_lines(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return a stream and a RECORD line of it, as any library may write one."""
    stream = draw(st.sampled_from(STREAMS))
    rows = st.dictionaries(odd_texts | st.sampled_from(["id", "version", "record"]), json_values, max_size=4)
    members = {"type": "RECORD", "stream": stream, "record": draw(rows)}
    members |= draw(st.sampled_from([{}, {"time_extracted": "2026-01-01T00:00:00Z"}, {"version": 7}]))
    ordered = {name: members[name] for name in draw(st.sampled_from([[*members], sorted(members)]))}
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return stream, json.dumps(ordered, separators=separators, ensure_ascii=draw(st.booleans())).encode()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(record_lines(), min_size=1), st.sampled_from([1, 200, 1 << 20]))
def test_any_line_comes_back_byte_for_byte_also_after_a_compaction(
    reservoir: Reservoir, lines: list[tuple[str, bytes]], file_bytes: int
) -> None:
    lake = Reservoir(reservoir.store, reservoir.env, f"tap-{next(numbers)}")
    text = b"\n".join(line for _, line in lines)
    sent = [*(schema(name, id="number") for name in STREAMS), *messages_in([text], "the tap")]

    manifest = mirrored(lake, *sent, limits=Limits(file_bytes))
    before = said(replayed(lake, manifest))
    compact(lake)
    after = said(replayed(lake, lake.survey().manifests()[manifest.run]))

    expected = {name: [line for stream, line in lines if stream == name] for name in STREAMS}
    assert {
        name: [each for each in theirs if isinstance(each, bytes)] for name, theirs in before.items()
    } == expected
    assert after == before


def _unmade(line: bytes) -> bytes:
    """Return a line, or the record of a line that was made around one."""
    if not line.startswith(b'{"type":"RECORD","stream":'):
        return line
    message = parse_line(line)
    assert isinstance(message, Record)
    return bytes(message.record)


def test_a_file_lies_where_alto_would_put_it_and_is_one_that_alto_reads(
    reservoir: Reservoir, tmp_path: Path
) -> None:
    users = schema("users", id="integer")

    mirrored(reservoir, users, record("users", 1, 2))

    (path,) = (tmp_path / "reservoir/default/tap-x/users").rglob("*.gz")
    assert path.parent.name == schema_id(users)
    assert path.name.removesuffix(".singer.gz").isdigit()
    first, *rest = gzip.decompress(path.read_bytes()).splitlines()
    assert json.loads(first)["type"] == "SCHEMA"
    assert [json.loads(line)["record"] for line in rest] == [{"id": 1.10}, {"id": 2.10}]


def writer_of(reservoir: Reservoir, start: RunStart) -> Writer:
    reservoir.put(start)
    return Writer(reservoir, start, Limits())


def test_a_checkpoint_covers_what_came_before_its_state(reservoir: Reservoir) -> None:
    writer = writer_of(reservoir, begin())
    for message in (
        schema("users"), record("users", 1, 2), state({"at": 2}), record("users", 3), schema("orders"),
        record("orders", 1),
    ):  # fmt: skip
        writer.take(message)

    writer.checkpoint()

    (dead,) = reservoir.survey().unfinished()
    assert dead.newest is not None
    assert bytes(dead.newest.state) == b'{"at": 2}'
    assert dead.newest.covers == {"users": 2}
    assert [(file.stream, file.first, file.messages) for file in dead.newest.files] == [
        ("users", 0, 3), ("orders", 0, 1),
    ]  # fmt: skip


def test_messages_that_are_no_streams_are_nothing_to_store(reservoir: Reservoir) -> None:
    writer = writer_of(reservoir, begin())
    before = reservoir.survey().sizes

    for message in (Idle(), Restart("users")):
        writer.take(message)
    writer.checkpoint()

    assert reservoir.survey().sizes == before


def test_a_checkpoint_is_made_once_the_oldest_message_has_waited_long_enough(reservoir: Reservoir) -> None:
    time = iter([0.0, 0.0, 29.0, 31.0])
    writer = Writer(reservoir, begin(), Limits(), clock=lambda: next(time))
    writer.take(schema("users"))

    writer.take(record("users", 1))
    before = reservoir.survey().files
    writer.take(record("users", 2))

    assert (len(before), len(reservoir.survey().files)) == (0, 1)


def test_a_file_is_closed_at_its_size_however_short_the_lines_are(reservoir: Reservoir) -> None:
    # What gzip cannot make small.
    lines = [Records.bare("users", [b'{"id":"%s"}' % os.urandom(50_000).hex().encode()]) for _ in range(6)]

    manifest = mirrored(reservoir, schema("users"), *lines, limits=Limits(file_bytes=50_000))

    assert [file.records for file in manifest.files] == [3, 3]


def test_a_mirror_that_was_never_begun_ends_without_a_trace(reservoir: Reservoir) -> None:
    recorder = Recorder(reservoir, begin())

    recorder.close()

    assert not recorder.is_stored
    assert reservoir.survey().sizes == {}


def test_a_run_whose_files_are_gone_before_they_could_be_moved_fails(reservoir: Reservoir, tmp_path: Path) -> None:
    # Behind this one alto would not look at a file of today.
    write_index(reservoir, Index({"users": ("users/x/20990101000000000000.singer.gz",)}))
    recorder = Recorder(reservoir, begin())
    list(recorder.record([schema("users"), record("users", 1)]))
    recorder.close()
    (path,) = (tmp_path / "reservoir/default/tap-x/users").rglob("*.gz")
    path.unlink()

    with pytest.raises(DamagedReservoirError, match=f"{path.name} is gone before its run ended"):
        recorder.finish({"users": 1}, {})

    assert reservoir.survey().manifests() == {}


def test_a_run_that_dies_leaves_what_it_had_and_no_manifest(reservoir: Reservoir) -> None:
    recorder = Recorder(reservoir, begin())
    messages = recorder.record([schema("users"), record("users", 1), state({"at": 1}), record("users", 2)])
    for _ in range(3):
        next(messages)

    recorder.close()

    survey = reservoir.survey()
    assert survey.manifests() == {}
    (dead,) = survey.unfinished()
    found = replay_files(reservoir, dead.files({"users": 1}))
    assert said(found)["users"][1:] == record("users", 1).lines


def taking_over(reservoir: Reservoir) -> Recorder:
    """Return what records a run that has taken over two users of one that died."""
    writer = writer_of(reservoir, begin("dead"))
    for message in (schema("users"), record("users", 1, 2), state({"at": 2}), record("users", 3)):
        writer.take(message)
    writer.checkpoint()
    (dead,) = reservoir.survey().unfinished()
    taken = Checkpoint("dead", 0, dead.files({"users": 2}), dead.checkpoints[0].state, {"users": 2}, "2026")
    start = RunStart("r2", "tap-x", "2027", {"users": StreamStart("users", None, "r2", restarts=(2,))}, taken=taken)
    recorder = Recorder(reservoir, start)
    for message in (schema("users"), record("users", 1, 2)):
        recorder.took_over(message)
    return recorder


def test_what_a_run_has_taken_over_is_part_of_it_even_if_the_tap_has_no_more_of_it(reservoir: Reservoir) -> None:
    recorder = taking_over(reservoir)

    list(recorder.record([state({"at": 2})]))
    manifest = recorder.finish({"users": 2}, {})

    found = list(replayed(reservoir, manifest))
    assert said(iter(found))["users"][1:] == record("users", 1, 2).lines
    assert manifest.streams["users"].complete


def test_what_a_run_has_taken_over_comes_before_what_the_tap_sends(reservoir: Reservoir) -> None:
    recorder = taking_over(reservoir)

    list(recorder.record([schema("users"), record("users", 2, 3), state({"at": 3})]))
    manifest = recorder.finish({"users": 4}, {})

    found = list(replayed(reservoir, manifest))
    assert said(iter(found))["users"][1:] == [*(record("users", 1, 2, 2, 3).lines or [])]
    assert [type(message).__name__ for message in found] == ["Schema", "Records", "Restart", "Records"]
    assert manifest.streams["users"].complete


def test_a_table_version_that_a_run_has_taken_over_is_part_of_it(reservoir: Reservoir) -> None:
    writer = writer_of(reservoir, begin("dead"))
    messages: list[Message] = [schema("users"), ActivateVersion("users", 4), record("users", 1, version=4)]
    for message in (*messages, state({"at": 1})):
        writer.take(message)
    writer.checkpoint()
    (dead,) = reservoir.survey().unfinished()
    assert dead.newest is not None
    recorder = Recorder(reservoir, msgspec.structs.replace(begin("r2"), taken=dead.newest))
    for message in messages:
        recorder.took_over(message)

    list(recorder.record([state({"at": 1})]))
    manifest = recorder.finish({"users": 1}, {})

    assert manifest.streams["users"].complete
    assert manifest.streams["users"].versions == (4,)
    assert said(replayed(reservoir, manifest)) == said(iter(messages))


def test_of_a_run_that_died_nothing_is_read_behind_what_was_taken(reservoir: Reservoir) -> None:
    writer = writer_of(reservoir, begin("dead"))
    for message in (schema("users"), record("users", 1, 2), state({}), ActivateVersion("users", 4)):
        writer.take(message)
    writer.checkpoint()
    (dead,) = reservoir.survey().unfinished()

    found = list(replay_files(reservoir, dead.files({"users": 2})))

    assert [type(message).__name__ for message in found] == ["Schema", "Records"]


@pytest.mark.parametrize("handed", [2, 3], ids=["within a run of rows", "up to the end of one"])
def test_of_a_stream_that_was_limited_only_what_was_handed_over_comes_back(
    reservoir: Reservoir, handed: int
) -> None:
    recorder = Recorder(reservoir, begin())
    list(
        recorder.record(
            [schema("users"), record("users", 1, 2, 3), ActivateVersion("users", 4), record("users", 5)]
        )
    )

    manifest = recorder.finish({"users": handed}, {})

    assert not manifest.streams["users"].complete
    found = said(replayed(reservoir, manifest))["users"]
    assert [line for line in found if isinstance(line, bytes)] == record("users", *range(1, handed + 1)).lines


def test_an_empty_stream_has_its_schema_and_no_file(reservoir: Reservoir) -> None:
    manifest = mirrored(reservoir, schema("users", id="integer"))

    assert manifest.files == ()
    assert list(replay_stream(reservoir, manifest, "users")) == [schema("users", id="integer")]


def test_records_that_came_without_a_message_keep_their_table_version(reservoir: Reservoir) -> None:
    bare = Records.bare("users", [b'{"id":1}', b'{"id":2}'])
    bare.version = 7

    manifest = mirrored(reservoir, schema("users"), bare)

    found = [message for message in replayed(reservoir, manifest) if isinstance(message, Records)]
    assert [(message.version, len(message)) for message in found] == [(7, 1), (7, 1)]
    assert manifest.streams["users"].versions == (7,)


def test_rows_of_a_stream_nobody_loads_are_not_stored(reservoir: Reservoir) -> None:
    manifest = mirrored(reservoir, schema("parents"), record("parents", 1), ActivateVersion("parents", 1))

    assert (manifest.files, manifest.streams) == ((), {})


def test_a_store_that_refuses_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "reservoir").write_text("in the way")
    recorder = Recorder(Reservoir(Store(tmp_path), "default", "tap-x"), begin())

    with pytest.raises(StorageError):
        list(recorder.record([schema("users"), record("users", 1)]))


def test_a_store_that_refuses_later_fails_the_run(reservoir: Reservoir, tmp_path: Path) -> None:
    recorder = Recorder(reservoir, begin(), Limits(file_bytes=1))
    messages = recorder.record([schema("users"), record("users", 1), Idle(), state({})])
    next(messages)
    (tmp_path / "reservoir/default/tap-x/users").write_text("in the way")

    def go_on() -> None:
        list(messages)
        recorder.finish({}, {})

    with pytest.raises(StorageError):
        go_on()
    recorder.close()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _grow(path: Path) -> None:
    path.write_bytes(gzip.compress(b"{}") + path.read_bytes())


@pytest.mark.parametrize("damage", [Path.unlink, _cut, _grow], ids=["missing", "cut off", "compacted by alto"])
def test_a_file_that_is_not_what_was_written_is_named_and_can_be_left_out(
    reservoir: Reservoir, tmp_path: Path, damage: object
) -> None:
    manifest = mirrored(
        reservoir, schema("users"), record("users", 1), schema("users", id="integer"), record("users", 2)
    )
    path = tmp_path / "reservoir/default/tap-x" / manifest.files[0].path
    assert callable(damage)
    damage(path)
    left_out: list[str] = []

    with pytest.raises(DamagedReservoirError, match=path.name) as caught:
        list(replayed(reservoir, manifest))
    found = said(replay_stream(reservoir, manifest, "users", on_damage=lambda err: left_out.append(err.path)))

    assert caught.value.path == manifest.files[0].path
    assert left_out == [manifest.files[0].path]
    assert found["users"][1:] == record("users", 2).lines


def test_a_record_that_cannot_be_read_does_not_hide_the_others(reservoir: Reservoir, tmp_path: Path) -> None:
    mirrored(reservoir, schema("users"), run="r1")
    mirrored(reservoir, schema("users"), run="r2")
    path = tmp_path / "reservoir/default/tap-x/_runs/r1/final.json"
    path.write_text(path.read_text().replace('"format":1}', '"format":99}'))
    survey = reservoir.survey()

    found = survey.manifests()

    assert list(found) == ["r2"]
    assert "newer version" in survey.damaged["_runs/r1/final.json"].reason


def test_a_file_of_several_gzip_members_with_doubled_line_ends_is_read_as_alto_writes_it(
    reservoir: Reservoir, tmp_path: Path
) -> None:
    manifest = mirrored(reservoir, schema("users"), record("users", 1))
    (ours,) = manifest.files
    text = gzip.decompress((tmp_path / "reservoir/default/tap-x" / ours.path).read_bytes())
    member = gzip.compress(text.replace(b"\n", b"\n\n"))
    reservoir.store.write(reservoir.key("users/x/1.singer.gz"), member + member)
    theirs = msgspec.structs.replace(ours, path="users/x/1.singer.gz", bytes=2 * len(member), sha256="", messages=9)

    found = said(replay_files(reservoir, [theirs], Extent()))

    assert found["users"][1:] == record("users", 1, 1).lines


def test_a_file_of_alto_s_that_is_cut_off_gives_no_row(reservoir: Reservoir) -> None:
    manifest = mirrored(reservoir, schema("users"), record("users", 1))
    (ours,) = manifest.files
    data = reservoir.store.read(reservoir.key(ours.path)) or b""
    reservoir.store.write(reservoir.key(ours.path), data[:-9])
    theirs = msgspec.structs.replace(ours, bytes=len(data) - 9, sha256="")
    found: list[Message] = []

    with pytest.raises(DamagedReservoirError, match=f"{ours.path} is cut off"):
        found.extend(replay_files(reservoir, [theirs]))

    assert found == []


def test_a_record_of_a_run_that_goes_while_it_is_looked_for_is_named(reservoir: Reservoir, tmp_path: Path) -> None:
    mirrored(reservoir, schema("users"))
    survey = reservoir.survey()
    (tmp_path / "reservoir/default/tap-x/_runs/r1/final.json").unlink()

    found = survey.manifests()

    assert found == {}
    assert survey.damaged["_runs/r1/final.json"].reason == "_runs/r1/final.json is gone."


@given(st.lists(st.text("ab", min_size=1)), st.integers(1, 9), st.sampled_from(["", "\n", "\n\n"]))
def test_lines_are_whole_wherever_a_file_is_cut_and_however_it_ends(lines: list[str], size: int, end: str) -> None:
    whole = ("\n".join(lines) + end).encode()

    found = b"\n".join(texts(whole[at : at + size] for at in range(0, len(whole), size)))

    assert found.decode().split() == lines


def test_who_stops_reading_ends_what_reads_ahead() -> None:
    ended = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            ended.set()

    reader = iter(Ahead(numbers))
    first = [next(reader), next(reader)]
    reader.close()  # type: ignore[attr-defined]  # it is a generator

    assert first == [0, 1]
    assert ended.wait(30)


def test_folders_of_streams_never_collide() -> None:
    names = ["users", "a/b", "a%2Fb", "..", "_runs", "%_runs", "_reservoir.json", ""]

    assert len({folder_name(name) for name in names}) == len(names)
    assert folder_name("users") == "users"


def test_ids_of_schemas_are_those_of_alto() -> None:
    one = Schema("a", msgspec.Raw(b'{"type": "object", "properties": {}}'))
    other = Schema("a", msgspec.Raw(b'{"properties":{},"type":"object"}'), ["id"])

    assert schema_id(one) == schema_id(other) == "8ed69c8e0ec1b9d"


def test_lines_cut_anew_are_those_that_were_stored(reservoir: Reservoir) -> None:
    many = record("users", *range(50_000))

    manifest = mirrored(reservoir, schema("users"), many, limits=Limits(file_bytes=10_000))

    assert said(replayed(reservoir, manifest))["users"][1:] == many.lines
    assert len(list(Cutter().cut(many.text))) > 0
