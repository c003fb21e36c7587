"""What dlt is doing now: the extract that runs, its source, its pipeline and where that loads.

Reads dlt's own contexts, of which it has no public view; changes nothing in them but which tables the load empties.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ContextDefaultCannotBeCreated
from dlt.common.configuration.specs.base_configuration import ContainerInjectableContext
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.pipeline import PipelineContext, StateInjectableContext, SupportsPipeline
from dlt.common.schema.typing import TFileFormat, TTableSchema
from dlt.common.storages.load_package import LoadPackageStateInjectableContext
from dlt.destinations import destination as FunctionDestination  # noqa: N812 - a class, named like its decorator
from dlt.extract.source import DltSource, SourceInjectableContext

from dlt_singer.source.keeping import keeping_of
from dlt_singer.source.mirroring import Place

# Older versions of dlt say only which tables; one that another resource wrote last is not among them.
_REFRESH = frozenset({"refresh", "dropped_tables"})
_OURS = "x-singer-emptied"


def current_extract() -> ContainerInjectableContext:
    """Return dlt's object that lives exactly as long as the extract; without a pipeline, as the iteration."""
    container = Container()
    try:
        return container[LoadPackageStateInjectableContext]
    except ContextDefaultCannotBeCreated:
        return container[StateInjectableContext]


def place_of(pipeline: SupportsPipeline | None) -> Place | None:
    """Return where the extract loads into; None outside of one."""
    try:
        package = Container()[LoadPackageStateInjectableContext]
    except ContextDefaultCannotBeCreated:
        return None
    if pipeline is None:
        return None
    destination = pipeline.destination
    return Place(
        pipeline.pipeline_name,
        destination.destination_name if destination is not None else "",
        pipeline.dataset_name or "",
        package.load_id,
        keeping_of(pipeline),
    )


def is_refreshing() -> bool:
    """Return whether dlt was told to drop or empty tables in this extract."""
    package = current_extract()
    if not isinstance(package, LoadPackageStateInjectableContext):
        return False
    emptied = package.state.get("truncated_tables", [])
    return not _REFRESH.isdisjoint(package.state) or any(_OURS not in table for table in emptied)


def empty_before_load(tables: Iterable[TTableSchema]) -> None:
    """Have the load of this extract empty tables before it writes any row.

    Args:
        tables: Those that are there.
    """
    package = current_extract()
    if not isinstance(package, LoadPackageStateInjectableContext):
        return
    emptied = package.state.setdefault("truncated_tables", [])
    known = {table["name"] for table in emptied}
    emptied += [cast("TTableSchema", {**table, _OURS: True}) for table in tables if table["name"] not in known]


def active_pipeline() -> SupportsPipeline | None:
    """Return the pipeline that runs, None if rows are only looked at."""
    context = Container()[PipelineContext]
    return context.pipeline() if context.is_active() else None


def goal(
    pipeline: SupportsPipeline | None,
) -> tuple[DestinationCapabilitiesContext | None, LoadPackageStateInjectableContext | None]:
    """Return what the destination can do and the load package that is written."""
    destination = pipeline.destination if pipeline is not None else None
    context = current_extract()
    package = context if isinstance(context, LoadPackageStateInjectableContext) else None
    return (destination.capabilities() if destination is not None else None), package


def current_source() -> DltSource | None:
    """Return the source that is extracted; None if a resource is read without one."""
    try:
        return Container()[SourceInjectableContext].source
    except ContextDefaultCannotBeCreated:
        return None


def file_format_of(pipeline: SupportsPipeline | None) -> TFileFormat | None:
    """Return parquet if the pipeline's destination takes it: dlt writes it several times faster than its own."""
    destination = None if pipeline is None else pipeline.destination
    # A function of the user's own is promised rows, and would be given Arrow.
    if destination is None or isinstance(destination, FunctionDestination):
        return None
    # Who has told dlt which format to write means it for these tables, too.
    if dlt.config.get("normalize.loader_file_format") is not None:
        return None
    can = destination.capabilities()
    formats = can.supported_loader_file_formats
    if can.loader_file_format_selector is not None:
        # Some take parquet only with a driver that may not be there.
        _, formats = can.loader_file_format_selector(can.preferred_loader_file_format, formats, table_schema={})
    return "parquet" if "parquet" in formats else None
