"""`reservoir`: what was mirrored of a tap, as a dlt source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dlt
from dlt.common.schema.utils import normalize_schema_name
from dlt.extract.source import DltSource

from dlt_singer.config import partition_name
from dlt_singer.errors import ReservoirError
from dlt_singer.runs import Window, moment_in, stamp
from dlt_singer.source.definition import Definition
from dlt_singer.source.factory import check_source_arguments, source_of
from dlt_singer.source.mirroring import reservoir_at
from dlt_singer.source.overlay import tap_of
from dlt_singer.source.replaying import Damaged, ReservoirDefinition, Wish, owner_of
from dlt_singer.state import committed_states


def reservoir(  # noqa: PLR0913 - those of `singer`, and what is replayed
    tap: str,
    streams: Sequence[str] | None = None,
    *,
    partition: str | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    env: str | None = None,
    name: str | None = None,
    project_dir: str | Path | None = None,
    resource_options: Mapping[str, Mapping[str, Any]] | None = None,
    lineage: str | None = None,
    damaged: Damaged = "fail",
    url: str | None = None,
    **source_kwargs: Any,  # noqa: ANN401 - dlt's own arguments
) -> DltSource:
    """Return what the reservoir holds of a tap as a dlt source: one resource per stream.

    The tap is not started. Tables, hints and dispositions are those of `singer`. How far a pipeline has come is
    kept in its own state, so each one loads what is new to it; `refresh=` loads everything again.

    Args:
        tap: The tap's name in `alto.yaml`.
        streams: Streams to load; by default all there are.
        partition: One of the tap's `partitions`; by default all of them.
        since: Only runs that ended at this time or later; without a zone it is UTC.
        until: Only runs that ended before.
        env: The environment of `alto.yaml`.
        name: The source's name; by default the tap's, with `_reservoir` behind it.
        project_dir: Where `alto.yaml` is; by default the working directory or above it.
        resource_options: Arguments of `dlt.resource` by stream.
        lineage: Which lineage to follow if there are several: its name, that of the pipeline that made it, or
            `write` for runs that were only written to the reservoir.
        damaged: `skip` leaves out what is missing or damaged, with a warning.
        url: The store the reservoir is in; by default as for the tap.
        **source_kwargs: Arguments of `dlt.source`.

    Returns:
        The source.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
        ReservoirError: There is nothing to load, or a time cannot be read.

    Example:
        >>> import dlt
        >>> pipeline = dlt.pipeline("copy", destination="filesystem", dataset_name="raw")  # doctest: +SKIP
        >>> pipeline.run(reservoir("tap-github", since="2026-01-01"))  # doctest: +SKIP
    """
    check_source_arguments(reservoir, source_kwargs)
    found = tap_of(partition_name(tap, partition), env, project_dir, {})
    place = url or found.plugin.reservoir or True
    window = Window(
        None if since is None else moment_of("since", since), None if until is None else moment_of("until", until)
    )
    wish = Wish(window, lineage, damaged)
    asked = [streams] if isinstance(streams, str) else streams
    chosen: dict[Definition, Sequence[str]] = {}
    for part in found.partitions:
        definition = ReservoirDefinition(part, reservoir_at(part, place), wish)
        chosen[definition] = definition.streams(asked)
    source_name = name or normalize_schema_name(f"{found.plugin.tap_name}_reservoir")
    return source_of(chosen, source_name, resource_options or {}, source_kwargs)


def replayed(pipeline: dlt.Pipeline, tap: str) -> dict[str, str]:
    """Return the run that a pipeline has loaded last of each stream of a tap's reservoir, for `prune`.

    Args:
        pipeline: A pipeline that replays.
        tap: The tap's name.
    """
    state = committed_states(pipeline.state).get(owner_of(tap))
    bookmarks = state.get("bookmarks") if isinstance(state, Mapping) else None
    loaded = bookmarks if isinstance(bookmarks, Mapping) else {}
    return {
        stream: str(done["run"])
        for stream, done in loaded.items()
        if isinstance(done, Mapping) and "run" in done and not done.get("begun")
    }


def moment_of(argument: str, value: str | date) -> str:
    """Return a time as records hold it.

    Args:
        argument: What it was given as.
        value: The time.

    Raises:
        ReservoirError: It is none.
    """
    try:
        return stamp(moment_in(value))
    except ValueError:
        raise ReservoirError(
            f"reservoir({argument}={value!r}) is no time.", "Write it as 2026-01-31 or 2026-01-31T12:00:00Z."
        ) from None
