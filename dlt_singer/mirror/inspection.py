"""Whether what a tap's reservoir holds is what was written, and what of it nobody needs. Changes nothing."""

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
from dlt_singer.runs import StoredFile


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
