"""A run out of the reservoir: its messages, stream by stream, as the tap wrote them.

In: a manifest, or files of a run that died. Out: `Iterator[Message]`. Order within a stream is that of the run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from dlt_singer.errors import DamagedReservoirError
from dlt_singer.messages import Message, Records, Restart, Schema, parse_line
from dlt_singer.mirror.folder import Reservoir
from dlt_singer.mirror.gzip import decompressed
from dlt_singer.mirror.reading import Ahead, fetch, messages_in, texts
from dlt_singer.runs import Manifest, StoredFile

OnDamage = Callable[[DamagedReservoirError], None]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a stream's messages belong to a run.

    Attributes:
        records: So many RECORDs, from the first; None for all.
        restarts: Numbers of messages at which the tap was started anew.
        run: The run, to look for files again that were moved meanwhile.
    """

    records: int | None = None
    restarts: tuple[int, ...] = ()
    run: str = ""


def replay_stream(
    reservoir: Reservoir, manifest: Manifest, stream: str, on_damage: OnDamage | None = None
) -> Iterator[Message]:
    """Yield the messages of one stream of a run.

    Args:
        reservoir: Where it is.
        manifest: The run.
        stream: The stream.
        on_damage: Called for a file that cannot be used, which is then left out; by default that is an error.

    Raises:
        DamagedReservoirError: A file is missing or not what was written.
    """
    end = manifest.streams[stream]
    extent = Extent(end.records, end.restarts, manifest.run)
    yield from replay_files(reservoir, manifest.files_of(stream), extent, on_damage)
    for line in end.schemas:
        message = parse_line(line.encode())
        assert isinstance(message, Schema)  # noqa: S101 - the writer put it there as one
        yield message


def replay_files(
    reservoir: Reservoir,
    files: Sequence[StoredFile],
    extent: Extent | None = None,
    on_damage: OnDamage | None = None,
) -> Iterator[Message]:
    """Yield the messages of one stream's files.

    Args:
        reservoir: Where they are.
        files: The files, in order.
        extent: How much of them belongs to the run.
        on_damage: As for `replay_stream`.
    """
    extent = extent or Extent()
    left = extent.records
    schema: Schema | None = None
    for message in _messages(reservoir, files, extent, on_damage):
        if isinstance(message, Schema):
            if message != schema:
                yield message
            schema = message
        elif isinstance(message, Records) and left is not None:
            if left <= 0:
                return
            yield _first(message, left)
            left -= message.rows
        else:
            yield message


def _messages(
    reservoir: Reservoir, files: Sequence[StoredFile], extent: Extent, on_damage: OnDamage | None
) -> Iterator[Message]:
    """Yield the messages that belong to the run."""
    fetched = Ahead(lambda: _fetched(reservoir, files, extent.run, on_damage))
    for file, group in itertools.groupby(fetched, key=itemgetter(0)):
        if file.first and file.first in extent.restarts:
            # The tap that was started anew began with a file of its own.
            yield Restart(file.stream)
        left = file.counted
        for message in messages_in(map(itemgetter(1), group), f"{reservoir.url}/{file.path}"):
            if isinstance(message, Schema):
                yield message
            elif left <= 0:
                break
            else:
                yield _first(message, left) if isinstance(message, Records) else message
                left -= message.rows if isinstance(message, Records) else 1


def _fetched(
    reservoir: Reservoir, files: Iterable[StoredFile], run: str, on_damage: OnDamage | None
) -> Iterator[tuple[StoredFile, bytes]]:
    for file in files:
        try:
            data = _found(reservoir, file, run)
            pieces: Iterable[bytes] = decompressed(data, f"{reservoir.url}/{file.path}")
            # Nobody has noted a hash of alto's files: what is cut off shows at the end.
            found = texts(pieces if file.sha256 else list(pieces))
        except DamagedReservoirError as err:
            if on_damage is None:
                raise
            on_damage(err)
            continue
        for text in found:
            yield file, text


def _found(reservoir: Reservoir, file: StoredFile, run: str) -> bytes:
    """Return a file's bytes, from where they are now."""
    try:
        return fetch(reservoir, file)
    except DamagedReservoirError:
        newest = reservoir.survey(records_only=True).manifests({run}).get(run) if run else None
        now = (
            [] if newest is None else [each for each in newest.files_of(file.stream) if each.sha256 == file.sha256]
        )
        if not now or (now[0].path, now[0].offset) == (file.path, file.offset):
            raise
        return fetch(reservoir, now[0])


def _first(records: Records, rows: int) -> Records:
    return records if records.rows <= rows else records.split(rows)[0]
