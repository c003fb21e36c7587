"""Which runs of a stream count, in order: each run names the one it continues, a later one replaces an earlier.

A run is superseded by a later one with the same parent: the pipeline had lost it and read the same again. A
lineage begins with a run without a parent; in one pipeline and dataset it ends the lineages before it. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from dlt_singer.errors import LineageError
from dlt_singer.runs.records import Manifest


@dataclass(frozen=True, slots=True)
class Chain:
    """The runs of one stream that count, oldest first.

    Attributes:
        stream: The stream.
        lineage: The run the lineage began with.
        runs: The runs.
        missing: Runs that are named as parents and are not there.
        begins: Whether the chain begins where the lineage did, and from nothing.
    """

    stream: str
    lineage: str
    runs: tuple[Manifest, ...]
    missing: tuple[str, ...] = ()
    begins: bool = True

    @property
    def newest(self) -> Manifest:
        """The run that ended last."""
        return self.runs[-1]

    def narrowed(self, runs: Collection[str]) -> Chain:
        """Return the chain with only some of its runs."""
        return replace(self, runs=tuple(run for run in self.runs if run.run in runs))

    def describe(self) -> str:
        """Return the lineage in words."""
        start = self.newest.start
        runs = f"{len(self.runs)} run{'s' * (len(self.runs) > 1)}"
        place = f"pipeline '{start.pipeline}' to {start.destination or '?'}, dataset '{start.dataset}'"
        place = place if start.pipeline else f"'{start.writer}', without a destination"
        return f"{self.lineage} ({place}: {runs}, {self.runs[0].start.started_at} to {self.newest.ended_at})"


def follow(manifests: Iterable[Manifest], stream: str, lineage: str | None = None) -> Chain | None:
    """Return the chain of a stream's runs, None if there is no run of it.

    Args:
        manifests: All runs that ended well.
        stream: The stream.
        lineage: The lineage to follow if there are several: a run it began with, or a pipeline's name, or `write`.

    Raises:
        LineageError: There are several, or the one named is none of them.
    """
    chains = _chains(manifests, stream)
    if lineage in chains:
        return chains[lineage]
    live = _live(chains)
    if lineage is not None:
        live = [chain for chain in live if chain.newest.start.writer == lineage or _has_run(chain, lineage)]
    if len(live) > 1:
        raise LineageError(
            f"Stream '{stream}' has {len(live)} lineages in the reservoir: "
            f"{'; '.join(chain.describe() for chain in live)}.",
            "Name the one to follow: `lineage=` or `--lineage`, with its first word or its pipeline.",
        )
    if not live and lineage is not None and chains:
        raise LineageError(
            f"Stream '{stream}' has no lineage '{lineage}' in the reservoir.",
            f"It has: {'; '.join(chain.describe() for chain in chains.values())}.",
        )
    return live[0] if live else None


def live_chains(manifests: Iterable[Manifest], stream: str) -> list[Chain]:
    """Return the chains of all lineages of a stream that somebody still goes on with."""
    return _live(_chains(manifests, stream))


def ancestors(run: str, manifests: Mapping[str, Manifest], stream: str) -> list[str]:
    """Return the runs before `run` in its stream, nearest first."""
    found: list[str] = []
    parent = _parent(manifests.get(run), stream)
    while parent is not None and parent not in found:
        found.append(parent)
        parent = _parent(manifests.get(parent), stream)
    return found


def _chains(manifests: Iterable[Manifest], stream: str) -> dict[str, Chain]:
    theirs = [manifest for manifest in manifests if stream in manifest.streams and stream in manifest.start.streams]
    lineages: dict[str, list[Manifest]] = {}
    for manifest in sorted(theirs, key=_age):
        lineages.setdefault(manifest.start.streams[stream].lineage, []).append(manifest)
    return {name: _chain(stream, name, runs) for name, runs in lineages.items()}


def _live(chains: Mapping[str, Chain]) -> list[Chain]:
    return [chain for chain in chains.values() if not _ended(chain, chains.values())]


def _chain(stream: str, lineage: str, runs: list[Manifest]) -> Chain:
    """Follow the latest child of each run; `runs` are in the order of time."""
    known = {manifest.run for manifest in runs}
    children: dict[str | None, Manifest] = {}
    for manifest in runs:
        # A later one takes the place of an earlier with the same parent.
        children[_parent(manifest, stream)] = manifest
    heads = sorted((child for parent, child in children.items() if parent not in known), key=_age)
    followed: list[Manifest] = []
    for head in heads:
        at: Manifest | None = head
        while at is not None and at not in followed:
            followed.append(at)
            at = children.get(at.run)
    missing = tuple(str(_parent(head, stream)) for head in heads[1:])
    first = followed[0].start.streams[stream]
    return Chain(stream, lineage, tuple(followed), missing, begins=first.parent is None and first.bookmark is None)


def _ended(chain: Chain, others: Iterable[Chain]) -> bool:
    """Whether the same pipeline began anew after a lineage's last run, or went on as if it had never been."""
    newest = max(map(_age, chain.runs))
    return any(
        other is not chain
        and other.newest.start.place == chain.newest.start.place
        and _age(other.newest if len(chain.runs) == 1 else other.runs[0]) > newest
        for other in others
    )


def _has_run(chain: Chain, run: str) -> bool:
    return any(run == manifest.run for manifest in chain.runs)


def _parent(manifest: Manifest | None, stream: str) -> str | None:
    started = manifest.start.streams.get(stream) if manifest is not None else None
    return started.parent if started is not None else None


def _age(manifest: Manifest) -> tuple[str, str]:
    return (manifest.start.started_at, manifest.run)
