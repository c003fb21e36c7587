"""For assets that are made with `dagster-dlt`: a translator that knows a stream of a tap when it sees one."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
from dagster_dlt import DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData

from dlt_singer.dagster.streams import stream_asset
from dlt_singer.dagster.translator import SingerTranslator
from dlt_singer.source.steps import own_steps


class SingerDltTranslator(DagsterDltTranslator):  # type: ignore[misc]  # dagster-dlt is an extra
    """Translates streams of taps as `SingerTranslator` does, and other resources as `DagsterDltTranslator` does.

    What `alto.yaml` says of a stream's asset holds, and over it the `dagster` part of a `meta` attribute of the
    resource.

    Example:
        >>> translator = SingerDltTranslator()  # doctest: +SKIP
        >>> @dlt_assets(dlt_source=..., dlt_pipeline=..., dagster_dlt_translator=translator)  # doctest: +SKIP
        ... def assets(context, dlt):
        ...     yield from dlt.run(context=context)
    """

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Return the spec of a resource's asset."""
        steps = own_steps(data.resource)
        if not steps:
            return super().get_asset_spec(data)
        meta = getattr(data.resource, "meta", None)
        options = meta.get("dagster") if isinstance(meta, Mapping) else None
        table = data.resource.table_name
        pipeline = data.pipeline
        asset = stream_asset(
            steps[0].definition,
            steps[0].stream,
            (pipeline.dataset_name if pipeline else None) or data.resource.source_name,
            data.destination.destination_name if data.destination else None,
            table=table if isinstance(table, str) else data.resource.name,
            meta=options if isinstance(options, Mapping) else None,
        )
        return SingerTranslator().get_asset_spec(asset)
