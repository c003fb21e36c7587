"""`singer`: a Singer tap as a dlt source of independent resources, one per stream."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import dlt
from dlt.common.schema.utils import normalize_schema_name
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

from dlt_singer._types import JSON
from dlt_singer.config import partition_name
from dlt_singer.errors import SelectionError, UnknownStreamError, did_you_mean
from dlt_singer.source.definition import Definition, definitions
from dlt_singer.source.overlay import tap_of
from dlt_singer.source.resource import stream_resource
from dlt_singer.source.steps import own_steps


def singer(  # noqa: PLR0913 - alto's arguments, and ours by keyword
    source: str,
    streams: Sequence[str] | None = None,
    env: str | None = None,
    resource_options: Mapping[str, Mapping[str, Any]] | None = None,
    name: str | None = None,
    *,
    partition: str | None = None,
    config: Mapping[str, JSON] | None = None,
    select: str | Sequence[str] | None = None,
    metadata: Mapping[str, Mapping[str, JSON]] | None = None,
    mask: Mapping[str, Literal["sha256", "null", "redact"]] | None = None,
    project_dir: str | Path | None = None,
    reservoir: bool | str | None = None,
    resume: bool | None = None,
    on_error: Literal["fail", "keep_completed"] | None = None,
    backend: Literal["auto", "arrow", "rows"] = "auto",
    discover: bool | None = None,
    refresh_catalog: bool = False,
    **source_kwargs: Any,  # noqa: ANN401 - dlt's own arguments
) -> DltSource:
    """Return a Singer tap as a dlt source: one resource per stream.

    Making it starts nothing if `streams` are given or the tap's catalog is kept in the store; otherwise the tap
    is asked once what it has. The tap runs when a pipeline extracts the source, for the streams that are read.

    Args:
        source: The tap's name in `alto.yaml`.
        streams: Streams to load; by default those that the tap's `select` rules leave.
        env: The environment of `alto.yaml`; by default `ALTO_ENV`, else `default`.
        resource_options: Arguments of `dlt.resource` by stream: `{"users": {"write_disposition": "append"}}`.
        name: The source's name, under which dlt keeps its state; by default the tap's as an identifier.
        partition: One of the tap's `partitions`; by default all of them, in turn.
        config: The tap's settings, over those of `alto.yaml`.
        select: Rules in place of the tap's own.
        metadata: Catalog metadata by stream, over that of `alto.yaml`.
        mask: What becomes of values before anything is stored, by `stream.property`, over that of `alto.yaml`.
        project_dir: Where `alto.yaml` is; by default the working directory or above it.
        reservoir: Mirror the tap's messages: True into the project's store, a URL into another one.
        resume: False reads everything again, whatever a run that died has mirrored.
        on_error: `keep_completed` has `dlt_singer.run` load those streams of a failed run that had ended; it needs
            a reservoir.
        backend: How records are decoded: `rows`, `arrow`, or `auto` for Arrow where it holds exactly what rows
            would. Also for one stream: `resource_options={"users": {"backend": "rows"}}`.
        discover: False forbids asking the tap for its catalog.
        refresh_catalog: Ask the tap for its catalog again.
        **source_kwargs: Arguments of `dlt.source`, such as `max_table_nesting` or `schema_contract`.

    Returns:
        The source. Its state and tables are those of any dlt source.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
        CatalogError: A stream or rule does not fit the tap, or discovery failed.

    Example:
        >>> import dlt
        >>> pipeline = dlt.pipeline("github", destination="duckdb", dataset_name="raw")
        >>> pipeline.run(singer("tap-github", streams=["issues"]))  # doctest: +SKIP
    """
    check_source_arguments(singer, source_kwargs)
    arguments: dict[str, JSON | Mapping[str, JSON]] = {
        "config": config,
        "select": [select] if isinstance(select, str) else select,
        "metadata": metadata,
        "mask": mask,
        "reservoir": reservoir,
        "resume": resume,
        "on_error": on_error,
        "backend": None if backend == "auto" else backend,
        "discover": discover,
    }
    tap = tap_of(partition_name(source, partition), env, project_dir, arguments)
    asked = [streams] if isinstance(streams, str) else streams
    chosen = {
        definition: definition.streams(asked) for definition in definitions(tap, refresh_catalog=refresh_catalog)
    }
    source_name = name or normalize_schema_name(tap.plugin.tap_name)
    return source_of(chosen, source_name, resource_options or {}, source_kwargs)


def discover(source: str, env: str | None = None, *, project_dir: str | Path | None = None) -> tuple[str, ...]:
    """Ask a tap for its catalog, anew, and keep it in the project's store.

    Args:
        source: The tap's name in `alto.yaml`; one with partitions asks in each of them.
        env: The environment.
        project_dir: Where `alto.yaml` is.

    Returns:
        The names of all its streams.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
        DiscoveryError: The tap failed or has no discovery.

    Example:
        >>> discover("tap-github")  # doctest: +SKIP
        ('issues', 'pull_requests')
    """
    parts = tap_of(source, env, project_dir, {}).partitions
    return tuple(dict.fromkeys(stream for part in parts for stream in part.discover().catalog.stream_ids))


def source_of(
    chosen: Mapping[Definition, Sequence[str]],
    name: str,
    resource_options: Mapping[str, Mapping[str, Any]],
    source_kwargs: Mapping[str, Any],
) -> DltSource:
    """Return a source of independent resources, one per stream, and per partition if there are any.

    Args:
        chosen: What is read, with its streams.
        name: The source's name.
        resource_options: Arguments of `dlt.resource` by stream.
        source_kwargs: Arguments of `dlt.source`.

    Raises:
        CatalogError: Options of a stream that is not there, or two streams of one table.
    """
    for definition, streams in chosen.items():
        _refuse_unknown_options(definition, streams, resource_options)
    plugin = next(iter(chosen)).tap.plugin
    options = {"max_table_nesting": plugin.max_table_nesting, **source_kwargs}

    @dlt.source(name=name, section="singer", **options)
    def tap_source() -> list[DltResource]:
        return [
            stream_resource(definition, stream, resource_options.get(stream, {}))
            for definition, streams in chosen.items()
            for stream in streams
        ]

    made = tap_source()
    _refuse_collisions(made)
    return cast("DltSource", made)


def check_source_arguments(function: Callable[..., object], source_kwargs: Mapping[str, object]) -> None:
    """Refuse what `dlt.source` would, but before the tap is asked anything, and with a hint.

    Args:
        function: Whose arguments they are.
        source_kwargs: Those it passes on.
    """
    ours, dlts = inspect.signature(function).parameters, inspect.signature(dlt.source).parameters
    for name in source_kwargs:
        if name not in dlts:
            hint = did_you_mean(name, [*ours, *dlts])
            raise TypeError(f"{function.__name__}() got an unexpected argument '{name}'. {hint}".rstrip())


def _refuse_unknown_options(definition: Definition, chosen: Sequence[str], options: Mapping[str, object]) -> None:
    """Refuse options of a stream that the tap is known not to have; those of a stream left out are fine."""
    known = definition.known_streams()
    for stream in options:
        if known and stream not in known and stream not in chosen:
            raise UnknownStreamError(
                f"`resource_options` names the stream '{stream}', which {definition.tap.name} does not have.",
                f"{did_you_mean(stream, known)} Its streams: {', '.join(sorted(known)[:20])}.".lstrip(),
            )


def _refuse_collisions(source: DltSource) -> None:
    """Refuse two streams whose tables would be one: dlt would mix their rows."""
    owners: dict[str, str] = {}
    for resource in source.resources.values():
        if not isinstance(resource.table_name, str):
            continue
        table = source.schema.naming.normalize_table_identifier(resource.table_name)
        (step,) = own_steps(resource)
        other = owners.setdefault(table, step.stream)
        if other != step.stream:
            raise SelectionError(
                f"Streams '{other}' and '{step.stream}' would both load into table '{table}'.",
                f"Load one of them, or name its table: resource_options={{{step.stream!r}: "
                '{"table_name": ...}}.',
            )
