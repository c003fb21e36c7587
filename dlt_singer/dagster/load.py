"""What a step does: starts a tap for the streams that were asked for, loads them, reports each as materialised.

A tap that fails fails the step with the tap's own reason. Pipelines, sources and schemas are made anew each time,
so one process may run a step as often as it likes. State is restored from the destination: a worker needs no disk
that lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from dlt_singer.config import partition_name
from dlt_singer.dagster.naming import snake_case
from dlt_singer.errors import SingerError, reason_of

if TYPE_CHECKING:
    from dlt.common.pipeline import LoadInfo

    from dlt_singer.dagster.report import Report


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """A pipeline and the streams it may be asked for; making one starts nothing.

    Attributes:
        tap: The tap's name.
        pipeline_name: The pipeline, and the name of Dagster's step.
        source_name: The name under which dlt keeps state and schema.
        dataset_name: Where the tables go.
        streams: Stream by asset.
        destination: Anything `dlt.pipeline` takes; None asks dlt's configuration.
        pipeline_options: Further arguments of `dlt.pipeline`.
        source_options: Further arguments of `singer`.
        count_rows: Whether tables are counted after the load.
        partitions: Those of the tap, of which a run loads one, as a pipeline of its own.
    """

    tap: str
    pipeline_name: str
    source_name: str
    dataset_name: str
    streams: Mapping[dg.AssetKey, str] = field(default_factory=dict)
    destination: Any = None
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    source_options: Mapping[str, Any] = field(default_factory=dict)
    count_rows: bool = False
    partitions: tuple[str, ...] = ()

    def of(self, stream: str) -> StreamLoad:
        """Return the load of one stream alone: one that may run beside others must not share their state."""
        return replace(
            self,
            pipeline_name=snake_case(f"{self.pipeline_name}_{stream}"),
            source_name=snake_case(f"{self.tap}_{stream}"),
        )

    def run(self, context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Load the selected streams.

        Args:
            context: The step's.

        Yields:
            A result for each stream, once all of them are loaded.

        Raises:
            Failure: The tap, or what belongs to it, failed; the reason is the failure's description.
        """
        asked = {key: stream for key, stream in self.streams.items() if key in context.selected_asset_keys}
        try:
            report, info = self._load(context, list(asked.values()))
        except Exception as failure:
            reason = reason_of(failure)
            if reason is None:
                raise
            raise self._failure(reason, list(asked.values())) from failure
        for key, stream in asked.items():
            metadata = report.metadata(info, stream)
            if self.count_rows:
                metadata |= report.row_count(stream, context.log.warning)
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)

    def _load(self, context: dg.AssetExecutionContext, streams: list[str]) -> tuple[Report, LoadInfo]:
        """Load streams; return who knows what was there before, and what dlt has to say."""
        import dlt

        from dlt_singer.dagster.report import Report
        from dlt_singer.source import run, singer

        partition = context.partition_key if self.partitions else None
        source = singer(
            self.tap,
            streams=streams,
            name=_name_of(self.source_name, partition),
            partition=partition,
            **dict(self.source_options),
        )
        pipeline = dlt.pipeline(
            _name_of(self.pipeline_name, partition),
            destination=self.destination,
            dataset_name=self.dataset_name,
            **self.pipeline_options,
        )
        if pipeline.config.restore_from_destination:
            # What a worker with an empty disk starts from; the run would restore it, too late to be told.
            pipeline.sync_destination()
        report = Report(pipeline, source, partition_name(self.tap, partition), streams)
        return report, run(pipeline, source, refresh=context.op_execution_context.op_config.get("refresh"))

    def _failure(self, reason: SingerError, streams: list[str]) -> dg.Failure:
        return dg.Failure(
            str(reason),
            {
                "tap": self.tap,
                "streams": streams,
                "error": type(reason).__name__,
                "reason": reason.reason,
                **({"remedy": reason.remedy} if reason.remedy else {}),
            },
        )


def _name_of(name: str, partition: str | None) -> str:
    return name if partition is None else snake_case(f"{name}_{partition}")
