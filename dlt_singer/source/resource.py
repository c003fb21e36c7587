"""One stream of a tap as a dlt resource: what `singer` makes many of, and `singer_resource` one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import dlt
from dlt.extract.items import DataItemWithMeta
from dlt.extract.resource import DltResource

from dlt_singer._types import JSON
from dlt_singer.config import partition_name
from dlt_singer.config.grammar import BACKEND, check_value
from dlt_singer.source.definition import Definition
from dlt_singer.source.extract import Extract, join
from dlt_singer.source.handover import HandOver, pause
from dlt_singer.source.overlay import tap_of
from dlt_singer.source.partitions import refuse_whole
from dlt_singer.source.sync import StreamSync
from dlt_singer.source.table import OURS

# dlt recurses once for each resource that stops; a thousand in a row overflow its stack.
_STOPS_IN_A_ROW = 50


def singer_resource(  # noqa: PLR0913 - those of `singer`, by keyword
    source: str,
    stream: str,
    *,
    partition: str | None = None,
    name: str | None = None,
    table_name: str | None = None,
    env: str | None = None,
    config: Mapping[str, JSON] | None = None,
    select: str | Sequence[str] | None = None,
    metadata: Mapping[str, Mapping[str, JSON]] | None = None,
    mask: Mapping[str, Literal["sha256", "null", "redact"]] | None = None,
    project_dir: str | Path | None = None,
    **options: Any,  # noqa: ANN401 - dlt's own arguments
) -> DltResource:
    """Return one stream of a Singer tap as a dlt resource, for a source of your own.

    Its bookmark is kept in the state of the source that holds it, its table is typed and keyed as with `singer`.
    Resources of one tap with the same settings that are extracted in one source share one run of the tap.

    Args:
        source: The tap's name in `alto.yaml`.
        stream: The stream.
        partition: One of the tap's `partitions`, which must be named if it has any.
        name: The resource's name, by default the stream's; that of a partition stands behind it (`users@eu`).
        table_name: The table, by default named like the resource without a partition.
        env: The environment of `alto.yaml`.
        config: The tap's settings, over those of `alto.yaml`.
        select: Rules in place of the tap's own.
        metadata: Catalog metadata by stream, over that of `alto.yaml`.
        mask: What becomes of values before anything is stored, by `stream.property`, over that of `alto.yaml`.
        project_dir: Where `alto.yaml` is; by default the working directory or above it.
        **options: Arguments of `dlt.resource`, such as `write_disposition`.

    Returns:
        The resource. Nothing has been started.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
        CatalogError: The stream or a rule does not fit the tap's catalog, if that is known.

    Example:
        >>> import dlt
        >>> @dlt.source  # doctest: +SKIP
        ... def my_source():
        ...     yield singer_resource("tap-github", "issues", name="github.issues", table_name="issues")
    """
    arguments: dict[str, JSON | Mapping[str, JSON]] = {
        "config": config,
        "select": [select] if isinstance(select, str) else select,
        "metadata": metadata,
        "mask": mask,
    }
    tap = tap_of(partition_name(source, partition), env, project_dir, arguments)
    refuse_whole(tap)
    definition = Definition(tap, shares_run=True)
    (chosen,) = definition.streams([stream])
    given = {"name": name, "table_name": table_name, "max_table_nesting": tap.plugin.max_table_nesting, **options}
    return stream_resource(definition, chosen, {key: value for key, value in given.items() if value is not None})


def stream_resource(definition: Definition, stream: str, options: Mapping[str, Any]) -> DltResource:
    """Return the resource of a stream.

    Args:
        definition: The source definition it belongs to.
        stream: The stream.
        options: Arguments of `dlt.resource`, and `backend`.

    Raises:
        ConfigError: There is no such backend.
    """
    backend = options.get("backend")
    if backend is not None:
        check_value(backend, BACKEND, f"resource_options.{stream}.backend")
    step = HandOver(definition, stream, backend)
    merged = {"write_disposition": OURS, "name": stream, **options}
    merged.pop("backend", None)
    if definition.tap.plugin.partition is not None:
        merged.setdefault("table_name", merged["name"])
        merged["name"] = partition_name(merged["name"], definition.tap.plugin.partition)
    resource = dlt.resource(_reader(step), **merged)
    resource.add_step(step)
    return cast("DltResource", resource)


def _reader(step: HandOver) -> Callable[[], Iterator[DataItemWithMeta | None]]:
    """Return what reads a stream, in whichever extract it is called."""

    def read() -> Iterator[DataItemWithMeta | None]:
        handled = sys.exc_info()[1]
        while (extract := join(step)) is None:
            yield None
        sync = _begun(extract, step)
        try:
            for item in sync.items():
                held = [item]
                if item is not None:
                    extract.stops = 0
                # Kept nowhere here: thousands of other streams may have their turn before this goes on.
                del item
                yield held.pop()
            extract.stops += 1
            if extract.stops >= _STOPS_IN_A_ROW:
                extract.stops = 0
                yield pause()
        except GeneratorExit as leaving:
            # A limit closes one generator; dlt closes all of them while it handles a failure.
            if _reason(leaving) not in (None, handled):
                extract.close()
            raise
        finally:
            try:
                sync.close()
            finally:
                extract.leave(step)

    return read


def _begun(extract: Extract, step: HandOver) -> StreamSync:
    """Begin with a stream; if that fails, no other of the extract will be read to its end."""
    try:
        return StreamSync(extract.context(step))
    except BaseException:
        extract.close()
        extract.leave(step)
        raise


def _reason(leaving: GeneratorExit) -> BaseException | None:
    """Return what was being handled when a generator was closed, even by one around it (`parallelize`)."""
    reason: BaseException | None = leaving
    while isinstance(reason, GeneratorExit):
        reason = reason.__context__
    return reason
