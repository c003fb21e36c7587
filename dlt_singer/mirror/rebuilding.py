"""alto's index made anew from what is there: files of runs that count, and alto's own."""

from __future__ import annotations

from dlt_singer.errors import ReservoirError
from dlt_singer.mirror.folder import LOCK, SUFFIX, Reservoir
from dlt_singer.mirror.holdings import Holdings
from dlt_singer.mirror.index import Index, is_ours, locked, moment_of, read_index, write_index
from dlt_singer.mirror.publish import indexed
from dlt_singer.runs import live_chains


def rebuild(reservoir: Reservoir) -> Index:
    """Make alto's index anew: alto's own files stay, what crashes have left behind goes.

    Args:
        reservoir: A tap's folder.

    Returns:
        The index.

    Raises:
        ReservoirError: Somebody else holds the lock.
        StorageError: The store refuses.
    """
    with locked(reservoir, "rebuild") as had:
        if not had:
            raise ReservoirError(
                f"{reservoir.url}/{LOCK} is held by somebody else.",
                "Wait until alto is done; if it was killed, remove the lock.",
            )
        # Under the lock: a run that ends meanwhile adds its files behind it.
        index = _index_of(Holdings.of(reservoir))
        write_index(reservoir, index)
    return index


def _index_of(holdings: Holdings) -> Index:
    files: dict[str, set[str]] = {}
    for stream in holdings.streams:
        for chain in live_chains(holdings.manifests.values(), stream):
            for run in chain.runs:
                for name, paths in indexed(run, stream).items():
                    files.setdefault(name, set()).update(paths)
    known = read_index(holdings.reservoir)
    if known is None:
        for path in holdings.survey.files:
            if not is_ours(path) and path.endswith(SUFFIX):
                files.setdefault(path.partition("/")[0], set()).add(path)
    else:
        for name, theirs in known.theirs().items():
            files.setdefault(name, set()).update(path for path in theirs if path in holdings.survey.sizes)
    ordered = {name: tuple(sorted(found, key=moment_of)) for name, found in files.items()}
    return Index(ordered, known.version if known is not None else 0)
