"""A replay in shares: disjoint, of equal size, each loaded by a worker of its own; together what one replay loads.

In: what the reservoir held of a tap at a moment that has passed. Out: a source for each share, the same on every
machine; at the end one pipeline that goes on behind all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timezone
from inspect import signature
from typing import Any

import dlt
from dlt.common.schema.utils import normalize_schema_name
from dlt.extract.source import DltSource

from dlt_singer.errors import SelectionError
from dlt_singer.mirror.holdings import Holdings
from dlt_singer.runs import divides, spread, stamp
from dlt_singer.source.definition import Definition
from dlt_singer.source.factory import source_of
from dlt_singer.source.replay import moment_of, reservoir
from dlt_singer.source.replay_run import Part, part_after
from dlt_singer.source.replaying import Portion, ReservoirDefinition
from dlt_singer.source.siblings import sibling
from dlt_singer.source.steps import streams_of


@dataclass(frozen=True, slots=True)
class Piece:
    """What a share holds of one stream.

    Attributes:
        tap: The tap, or its partition as `tap-x@eu`.
        stream: The stream.
        runs: The runs, in order.
        file: The last of alto's own files; empty for none.
        size: Compressed bytes.
        divided: Whether other shares hold other runs of the stream.
    """

    tap: str
    stream: str
    runs: tuple[str, ...]
    file: str
    size: int
    divided: bool = False

    @property
    def end(self) -> tuple[str, str]:
        """The last run and the last of alto's files; later ones are greater."""
        return (self.runs[-1] if self.runs else "", self.file)


@dataclass(frozen=True, slots=True)
class ReplayShare:
    """One share of a replay.

    Attributes:
        name: What tells it from others; it ends the names of its source and its pipeline.
        whole: The name of the source that all shares are shares of.
        source: What it loads.
        pieces: The same, stream by stream; may be empty.
    """

    name: str
    whole: str
    source: DltSource
    pieces: tuple[Piece, ...]

    def pipeline(self, beside: dlt.Pipeline) -> dlt.Pipeline:
        """Return the share's own pipeline, which loads where another one does.

        Args:
            beside: The pipeline that is to go on when all shares are loaded.
        """
        return sibling(beside, f"{beside.pipeline_name}_{self.name}")


def reservoir_shares(  # noqa: PLR0913 - what is replayed as in `reservoir`, and into how many shares
    tap: str,
    number: int,
    streams: Sequence[str] | None = None,
    *,
    until: str | date | None = None,
    name: str | None = None,
    resource_options: Mapping[str, Mapping[str, Any]] | None = None,
    **arguments: Any,  # noqa: ANN401 - those of `reservoir`
) -> list[ReplayShare]:
    """Return what the reservoir holds of a tap in shares that workers load side by side.

    Streams are dealt out whole, by size. Of a stream whose rows are only added (no keys, no table versions, the
    same columns in all runs) single runs are dealt out. The same arguments give the same shares wherever they are
    asked for, until runs are pruned.

    Args:
        tap: The tap's name in `alto.yaml`.
        number: How many shares.
        streams: Streams to load; by default all there are.
        until: Only runs that ended before, as if there were no later ones; a moment that has passed,
            the same for all shares.
        name: The name of the source that all are shares of; by default as for `reservoir`.
        resource_options: Arguments of `dlt.resource` by stream.
        **arguments: Further arguments of `reservoir`.

    Returns:
        The shares, each with a `source` and a `pipeline(beside)` of its own; some are empty if there is not enough
        to share.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
        SelectionError: `until` is not given or yet to come, or there would be no share.
        ReservoirError: There is nothing to load.

    Example:
        >>> shares = reservoir_shares("tap-github", 4, until="2026-01-31")  # doctest: +SKIP
        >>> dlt_singer.run(shares[0].pipeline(lake), shares[0].source)  # doctest: +SKIP
    """
    _check(number, until)
    options = resource_options or {}
    plain = reservoir(tap, streams, until=until, name=name, resource_options=options, **arguments)
    found = _definitions(plain)
    units = [unit for definition in found for unit in _units(definition, found[definition], options)]
    sizes: Counter[tuple[str, ...]] = Counter()
    for unit in units:
        sizes[unit.key] += unit.size
    dealt = spread(sizes, number)
    kwargs = {key: value for key, value in arguments.items() if key not in signature(reservoir).parameters}
    shares = []
    for share in range(number):
        mine = [unit for unit in units if dealt[unit.key] == share]
        pieces = {definition: _pieces(mine, definition) for definition in found}
        chosen: dict[Definition, Sequence[str]] = {
            _narrowed(definition, held): [*held] for definition, held in pieces.items()
        }
        label = f"share_{share + 1}_of_{number}_{_cut(found)}"
        source = source_of(chosen, normalize_schema_name(f"{plain.name}_{label}"), options, kwargs)
        flat = tuple(piece for held in pieces.values() for piece in held.values())
        shares.append(ReplayShare(label, plain.name, source, flat))
    return shares


def _check(number: int, until: str | date | None) -> None:
    if until is None:
        raise SelectionError(
            "A share of a reservoir that grows is not the same for all.", "Say until when: until=..."
        )
    if moment_of("until", until) > stamp(datetime.now(timezone.utc)):
        raise SelectionError(
            f"Shares of what ended before {until} cannot be cut: a run may still end before that.",
            "Name a moment that has passed, the same for all shares.",
        )
    if number < 1:
        raise SelectionError(f"There cannot be {number} shares.", "Ask for 1 or more.")


@dataclass(frozen=True, slots=True)
class _Unit:
    """What no share may hold a part of; all units of one key are in one share.

    Attributes:
        key: What is dealt out.
        definition: The tap, or one of its partitions.
        part: What is to be loaded.
        divided: Whether it is one run of several.
    """

    key: tuple[str, ...]
    definition: ReservoirDefinition
    part: Part
    divided: bool = False

    @property
    def size(self) -> int:
        files = [file for run in self.part.plan.runs for file in run.files_of(self.part.stream)]
        return sum(file.bytes for file in [*files, *(file for alto in self.part.alto for file in alto.files)])


def _definitions(source: DltSource) -> dict[ReservoirDefinition, list[str]]:
    """Return what a source replays, as it was at the end of its window."""
    found: dict[Definition, list[str]] = {}
    for definition, stream, _ in streams_of(source):
        found.setdefault(definition, []).append(stream)
    return {
        _with(definition, Holdings.of(definition.reservoir, until=definition.wish.window.until), None): streams
        for definition, streams in found.items()
        if isinstance(definition, ReservoirDefinition)
    }


def _units(
    definition: ReservoirDefinition, streams: Sequence[str], options: Mapping[str, Mapping[str, Any]]
) -> Iterator[_Unit]:
    for stream in streams:
        part, manner = part_after(definition, stream)
        chain, runs = definition.chain(stream), part.plan.runs
        told = options.get(stream, {}).get("write_disposition")
        keyed = manner.keyed or any(run.streams[stream].key_properties for run in runs)
        appends = told == "append" if told else not keyed
        if chain is not None and appends and not part.alto and divides(chain, manner, part.plan):
            for run in runs:
                one = replace(part, plan=replace(part.plan, runs=(run,)))
                yield _Unit((definition.tap.name, stream, run.run), definition, one, divided=True)
        elif runs or part.alto:
            # All partitions together replace their table.
            yield _Unit((stream,) if manner.whole else (definition.tap.name, stream), definition, part)


def _pieces(units: Sequence[_Unit], definition: ReservoirDefinition) -> dict[str, Piece]:
    """Return what some units hold of a definition, by stream."""
    held: dict[str, list[_Unit]] = {}
    for unit in units:
        if unit.definition is definition:
            held.setdefault(unit.part.stream, []).append(unit)
    return {
        stream: Piece(
            definition.tap.name,
            stream,
            tuple(run.run for unit in theirs for run in unit.part.plan.runs),
            "".join(alto.last for alto in theirs[0].part.alto[-1:]),
            sum(unit.size for unit in theirs),
            theirs[0].divided,
        )
        for stream, theirs in held.items()
    }


def _narrowed(definition: ReservoirDefinition, pieces: Mapping[str, Piece]) -> ReservoirDefinition:
    runs = {stream: frozenset(piece.runs) if piece.divided else None for stream, piece in pieces.items()}
    return _with(definition, definition.holdings, runs)


def _with(
    definition: ReservoirDefinition, holdings: Holdings, runs: Mapping[str, frozenset[str] | None] | None
) -> ReservoirDefinition:
    return ReservoirDefinition(definition.tap, definition.reservoir, definition.wish, Portion(holdings, runs or {}))


def _cut(found: Mapping[ReservoirDefinition, Sequence[str]]) -> str:
    """Return what tells shares of other runs or streams from these."""
    what = [(each.tap.name, sorted(streams), *astuple(each.wish)) for each, streams in found.items()]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:8]
