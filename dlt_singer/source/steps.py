"""Which resources of a dlt source are streams of a tap, and whose: told by our step in their pipes.

Names do not tell: users rename resources, wrap them, and collect single ones in sources of their own.
"""

from __future__ import annotations

from collections.abc import Collection

from dlt.extract.pipe import Pipe
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

from dlt_singer.errors import SelectionError
from dlt_singer.source.definition import Definition
from dlt_singer.source.handover import HandOver


def own_steps(resource: DltResource) -> list[HandOver]:
    """Return our steps of a resource: one if it is a stream of a tap, whatever its name is now."""
    return _steps(resource._pipe)  # noqa: SLF001 - dlt offers no public way to see a resource's steps


def users_steps(resource: DltResource | None) -> list[object]:
    """Return the steps that users have put behind a stream."""
    # The first is the generator.
    steps = [] if resource is None else resource._pipe.steps[1:]  # noqa: SLF001 - as above
    return [step for step in steps if not isinstance(step, HandOver)]


def definitions_of(source: DltSource) -> set[Definition]:
    """Return the definitions whose streams a source holds."""
    return {step.definition for resource in source.resources.values() for step in own_steps(resource)}


def streams_of(source: DltSource) -> list[tuple[Definition, str, DltResource]]:
    """Return the streams that a source would read, with their definitions and resources."""
    resources = source.selected_resources.values()
    return [(step.definition, step.stream, resource) for resource in resources for step in own_steps(resource)]


def resources_of(source: DltSource, definition: Definition, streams: Collection[str]) -> list[str]:
    """Return the names of resources that would be read and whose rows come from some streams of a definition."""
    return [
        name
        for name, resource in source.selected_resources.items()
        if any(
            step.stream in streams and step.definition.shares_run_with(definition) for step in _root_steps(resource)
        )
    ]


def extracted(source: DltSource | None) -> list[DltResource]:
    """Return the resources that an extract reads, of a source if there is one."""
    return source.resources.extracted if source is not None else []


def read_together(
    asking: HandOver, source: DltSource | None
) -> tuple[dict[str, DltResource | None], set[Definition]]:
    """Return the streams that an extract reads in one run with the one that asks, and whose they are.

    Args:
        asking: The last step of that one.
        source: What dlt extracts; None if a resource is read without a source.

    Raises:
        SelectionError: Two resources of the extract read the same stream.
    """
    definition = asking.definition
    found: dict[str, DltResource | None] = {}
    definitions = {definition}
    if source is None:
        return {asking.stream: None}, definitions
    for resource in {id(each): each for each in source.resources.extracted}.values():
        for step in own_steps(resource):
            if definition.shares_run_with(step.definition):
                definitions.add(step.definition)
                other = found.setdefault(step.stream, resource)
                if other is not resource:
                    raise SelectionError(
                        f"Stream '{step.stream}' is read by two resources of source '{source.name}' "
                        f"('{other.name if other else ''}' and '{resource.name}').",
                        "A tap can be read once per run: call singer(...) once for each.",
                    )
    return found, definitions


def _root_steps(resource: DltResource) -> list[HandOver]:
    """Return our steps of a resource, or of the one that its rows come from."""
    pipe = resource._pipe  # noqa: SLF001 - as above
    while pipe.parent is not None and not pipe.parent.is_empty:
        pipe = pipe.parent
    return _steps(pipe)


def _steps(pipe: Pipe) -> list[HandOver]:
    return [step for step in pipe.steps if isinstance(step, HandOver)]
