"""What a replay must load of one stream, given what it has loaded before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dlt_singer.runs.lineage import Chain, ancestors
from dlt_singer.runs.records import Manifest


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a replay has come in a stream.

    Attributes:
        run: The run it has loaded last.
        begun: Only a part of it was loaded.
    """

    run: str
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Runs that ended in a span of time; UTC as in the records, `until` not included."""

    since: str | None = None
    until: str | None = None

    def holds(self, manifest: Manifest) -> bool:
        """Return whether a run ended in it."""
        after = self.since is None or manifest.ended_at >= self.since
        return after and (self.until is None or manifest.ended_at < self.until)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be loaded of one stream.

    Attributes:
        stream: The stream.
        runs: The runs, in order; may be empty.
        renewed: The table's rows come from runs that do not count any more, and begin anew.
        begun: The first of the runs was begun before; what was loaded of it is remembered.
    """

    stream: str
    runs: tuple[Manifest, ...]
    renewed: bool = False
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How a stream is read.

    Attributes:
        whole: Each run has all its rows (FULL_TABLE).
        keyed: Rows have keys, so that rows loaded twice do no harm.
        mixes_versions: Table versions are kept side by side.
    """

    whole: bool
    keyed: bool
    mixes_versions: bool = False


def plan(
    chain: Chain, manner: Manner, cursor: Cursor | None, window: Window, manifests: Mapping[str, Manifest]
) -> Plan:
    """Return what is to be loaded of a stream.

    Args:
        chain: The runs that count.
        manner: How the stream is read.
        cursor: What was loaded last; None for nothing.
        window: Runs outside of it are left out.
        manifests: All runs by id, those that do not count any more too.
    """
    found = _whole(chain, cursor, window) if manner.whole else _all(chain, manner, cursor, window, manifests)
    return found if manner.mixes_versions else replace(found, runs=_newest_version(found))


def _whole(chain: Chain, cursor: Cursor | None, window: Window) -> Plan:
    complete = [run for run in chain.runs if run.streams[chain.stream].complete and window.holds(run)]
    places = {run.run: place for place, run in enumerate(chain.runs)}
    if not complete:
        return Plan(chain.stream, ())
    newest = complete[-1]
    if cursor is not None and not cursor.begun and places.get(cursor.run, -1) >= places[newest.run]:
        return Plan(chain.stream, ())
    return Plan(chain.stream, (newest,))


def _all(
    chain: Chain, manner: Manner, cursor: Cursor | None, window: Window, manifests: Mapping[str, Manifest]
) -> Plan:
    order = [run.run for run in chain.runs]
    start, renewed = 0, False
    if cursor is not None and cursor.run in order:
        start = order.index(cursor.run) + (not cursor.begun)
    elif cursor is not None and cursor.run not in manifests:
        # What was loaded last was pruned since; ids of runs sort by time.
        start = sum(run <= cursor.run for run in order)
    elif cursor is not None:
        # What was loaded last does not count any more. Keys make up for what is loaded again.
        renewed = not manner.keyed
        fork = next((run for run in ancestors(cursor.run, manifests, chain.stream) if run in order), None)
        start = order.index(fork) + 1 if fork is not None and manner.keyed else 0
    runs = tuple(run for run in chain.runs[start:] if window.holds(run))
    begun = cursor is not None and cursor.begun and bool(runs) and runs[0].run == cursor.run
    return Plan(chain.stream, runs, renewed=renewed and bool(runs), begun=begun)


def _newest_version(found: Plan) -> tuple[Manifest, ...]:
    """Leave out runs before the last new table version: no row of theirs is current."""
    start, before = 0, None
    for place, run in enumerate(found.runs):
        versions = run.streams[found.stream].versions
        if versions and before is not None and versions[-1] != before:
            start = place
        before = versions[-1] if versions else before
    return found.runs[start:]
