"""Looking at a tap's reservoir: what is there, how much, and whether it is what was written. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from dlt_singer.errors import DamagedReservoirError
from dlt_singer.messages import ActivateVersion, Message, Records
from dlt_singer.mirror.folder import INDEX, Reservoir
from dlt_singer.mirror.gzip import decompressed
from dlt_singer.mirror.holdings import Holdings
from dlt_singer.mirror.index import is_ours
from dlt_singer.mirror.reading import fetch, messages_in, texts
from dlt_singer.runs import StoredFile, live_chains


@dataclass(frozen=True, slots=True)
class StreamListing:
    """What is there of one stream.

    Attributes:
        stream: The stream.
        runs: How many runs of it ended well.
        superseded: How many of them do not count any more.
        files: How many files the runs have.
        records: How many RECORDs are in them.
        bytes: Their size.
        raw_bytes: Their size before it was compressed.
        first: When the first run began.
        last: When the last run ended.
        alto_files: How many files of alto's own there are.
    """

    stream: str
    runs: int
    superseded: int
    files: int
    records: int
    bytes: int
    raw_bytes: int
    first: str
    last: str
    alto_files: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        path: Where, below the tap's folder.
        what: What it is.
        harmless: Nothing is missing because of it.
    """

    path: str
    what: str
    harmless: bool = False


def ls(reservoir: Reservoir) -> list[StreamListing]:
    """Return what a reservoir holds, stream by stream.

    Args:
        reservoir: A tap's folder.

    Raises:
        StorageError: The store refuses.
    """
    holdings = Holdings.of(reservoir)
    return [_listing(holdings, stream) for stream in sorted(holdings.streams)]


def verify(reservoir: Reservoir) -> list[Problem]:
    """Read everything and return what is wrong with it.

    Sizes and hashes of all files are compared with what was written, their messages are counted, and files that no
    run and no index names are listed.

    Args:
        reservoir: A tap's folder.

    Raises:
        StorageError: The store refuses.
    """
    return list(_problems(reservoir, Holdings.of(reservoir)))


def _listing(holdings: Holdings, stream: str) -> StreamListing:
    theirs = [run for run in holdings.manifests.values() if stream in run.streams]
    counting = {run.run for chain in live_chains(theirs, stream) for run in chain.runs}
    # A file that a run took over from a dead one is in both of their records.
    files = {(file.path, file.offset): file for run in theirs for file in run.files_of(stream)}
    names = {stream, *holdings.names_of(stream)}
    return StreamListing(
        stream,
        len(theirs),
        len(theirs) - len(counting),
        len(files),
        sum(file.records for file in files.values()),
        sum(file.bytes for file in files.values()),
        sum(file.raw_bytes for file in files.values()),
        min((run.start.started_at for run in theirs), default=""),
        max((run.ended_at for run in theirs), default=""),
        sum(len(paths) for name, paths in holdings.index.theirs().items() if name in names),
    )


def _problems(reservoir: Reservoir, holdings: Holdings) -> Iterator[Problem]:
    for path, damage in holdings.survey.damaged.items():
        yield Problem(path, damage.reason)
    # A file that a run took over from a dead one is in the records of both.
    files = {(file.path, file.offset): file for run in holdings.manifests.values() for file in run.files}
    for file in files.values():
        yield from _problem_of(reservoir, file)
    yield from _problems_of_index(holdings)
    for path in holdings.foreign:
        yield Problem(path, "No run and no index names it.", harmless=True)
    for path in sorted(leftovers(holdings)):
        yield Problem(path, "A run that was killed, or a compaction, has left it.", harmless=True)


def _problems_of_index(holdings: Holdings) -> Iterator[Problem]:
    for name, paths in holdings.index.files.items():
        for path in paths:
            if path in holdings.survey.sizes:
                continue
            if is_ours(path):
                yield Problem(INDEX, f"It names {path}, which is gone: rebuild it.", harmless=True)
            else:
                yield Problem(path, f"alto's index names it for stream '{name}', and it is missing.")


def leftovers(holdings: Holdings, forgotten: Collection[str] = ()) -> set[str]:
    """Return files of ours that no run names, not even one that died and could be taken over.

    Args:
        holdings: What is there.
        forgotten: Runs that died and will not be taken over.
    """
    noted = {file.path for run in holdings.manifests.values() for file in run.files}
    for dead in holdings.survey.unfinished():
        if dead.start.run not in forgotten:
            noted |= {file.path for checkpoint in dead.checkpoints for file in checkpoint.files}
    return {path for path in holdings.survey.files if is_ours(path) and path not in noted}


def _problem_of(reservoir: Reservoir, file: StoredFile) -> Iterator[Problem]:
    try:
        data = fetch(reservoir, file)
        messages, records = _counted(messages_in(texts(decompressed(data, file.path)), file.path))
    except DamagedReservoirError as err:
        yield Problem(file.path, err.reason)
        return
    if (messages, records) != (file.messages, file.records):
        yield Problem(
            file.path,
            f"It holds {messages} messages and {records} records; {file.messages} and {file.records} were written.",
        )


def _counted(found: Iterator[Message]) -> tuple[int, int]:
    messages = records = 0
    for message in found:
        if isinstance(message, Records):
            messages += message.rows
            records += message.rows
        elif isinstance(message, ActivateVersion):
            messages += 1
    return messages, records
