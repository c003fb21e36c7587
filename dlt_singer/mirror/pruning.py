"""Runs that nobody needs any more removed, and what crashes and compactions have left behind.

Records go before the files they name, so that no reader finds a run without its files. Only the oldest runs are
removed: what is left of a stream has no gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from dlt_singer.mirror.folder import RUNS, Reservoir
from dlt_singer.mirror.holdings import Holdings
from dlt_singer.mirror.inspection import leftovers
from dlt_singer.mirror.rebuilding import rebuild
from dlt_singer.runs import Manifest, live_chains, stamp

GRACE = timedelta(days=1)
"""Younger leftovers may be files of a run that is going on, or of a reader that began before a compaction."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed.

    Attributes:
        runs: Runs that had ended well.
        dead: Runs that had died, and that nobody would have taken over any more.
        files: The files.
        bytes: Their size.
    """

    runs: tuple[str, ...]
    dead: tuple[str, ...]
    files: tuple[str, ...]
    bytes: int


def prune(
    reservoir: Reservoir,
    *,
    before: datetime | None = None,
    loaded_by: Iterable[Mapping[str, str]] | None = None,
    grace: timedelta = GRACE,
    dry_run: bool = False,
) -> Pruned:
    """Remove the oldest runs, and leftovers.

    The newest complete run of a full table stays, and the last one that was only written to the reservoir, since
    the next goes on from it; and all runs after these.

    Args:
        reservoir: A tap's folder.
        before: Remove runs that ended before.
        loaded_by: Remove only runs that these have loaded: for each pipeline that replays, the last run it has
            loaded of each stream, as `dlt_singer.source.replay.replayed` says.
        grace: Leftovers younger than this stay.
        dry_run: Remove nothing, only say what would be.

    Raises:
        StorageError: The store refuses.
    """
    moment = datetime.now(timezone.utc) - grace
    holdings = Holdings.of(reservoir)
    end = stamp(before) if before is not None else ""
    if loaded_by is not None:
        loaded = _loaded_until(holdings, list(loaded_by))
        end = min(end, loaded) if before is not None else loaded
    pruned = _prunable(holdings, end, moment)
    if not dry_run:
        _remove(reservoir, holdings, pruned)
    return pruned


def _prunable(holdings: Holdings, end: str, moment: datetime) -> Pruned:
    """Return runs that ended before `end`, and leftovers from before a moment."""
    dead, runs = _dead(holdings, stamp(moment)), _removable(holdings, end)
    left = {file.path for name, run in holdings.manifests.items() if name not in runs for file in run.files}
    gone = {file.path for run in runs for file in holdings.manifests[run].files} - left
    written = holdings.survey.written_at
    old = {path for path in leftovers(holdings, dead) if (at := written.get(path)) is not None and at < moment}
    files = tuple(sorted(gone | old))
    return Pruned(runs, dead, files, sum(holdings.survey.sizes.get(path, 0) for path in files))


def _remove(reservoir: Reservoir, holdings: Holdings, pruned: Pruned) -> None:
    for run in (*pruned.dead, *pruned.runs):
        _forget(reservoir, holdings, run)
    for path in pruned.files:
        reservoir.store.delete(reservoir.key(path))
    if pruned.files:
        rebuild(reservoir)


def _removable(holdings: Holdings, end: str) -> tuple[str, ...]:
    """Return the runs that ended before a time and before every run that is needed."""
    needed = [run.ended_at for stream in holdings.streams for run in _needed(holdings, stream)]
    end = min([end, *needed])
    return tuple(sorted(name for name, run in holdings.manifests.items() if run.ended_at < end))


def _needed(holdings: Holdings, stream: str) -> Iterator[Manifest]:
    """Yield runs that must stay: the newest complete one of a full table, and the one that `write` goes on from."""
    for chain in live_chains(holdings.manifests.values(), stream):
        whole = [
            run
            for run in chain.runs
            if run.start.streams[stream].replication_method == "FULL_TABLE" and run.streams[stream].complete
        ]
        yield from whole[-1:]
        if not chain.newest.start.pipeline:
            yield chain.newest


def _loaded_until(holdings: Holdings, pipelines: list[Mapping[str, str]]) -> str:
    """Return the time up to which every pipeline has loaded every stream."""
    ends = []
    for loaded in pipelines:
        for stream in holdings.streams:
            run = holdings.manifests.get(loaded.get(stream, ""))
            # A run that was pruned before leaves nothing to remove.
            ends.append(run.ended_at if run is not None else "")
    return min(ends, default="")


def _dead(holdings: Holdings, end: str) -> tuple[str, ...]:
    """Return runs that died and that no run will take over: a later one has ended."""
    newest = max((run.start.started_at for run in holdings.manifests.values()), default="")
    return tuple(
        dead.start.run for dead in holdings.survey.unfinished() if dead.start.started_at < min(end, newest)
    )


def _forget(reservoir: Reservoir, holdings: Holdings, run: str) -> None:
    """Remove a run's records, the manifest first."""
    names = sorted(holdings.survey.runs[run], key=lambda name: (not name.startswith("final"), name))
    for name in names:
        reservoir.store.delete(reservoir.key(f"{RUNS}/{run}/{name}.json"))
