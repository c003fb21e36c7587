"""A stream as Dagster's `AssetSpec`: key, kinds, group, description, columns, automation and freshness."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

import dagster as dg

from dlt_singer._types import JSON
from dlt_singer.config import identifier
from dlt_singer.dagster.options import AssetOptions
from dlt_singer.dagster.streams import StreamAsset
from dlt_singer.errors import ConfigError, did_you_mean
from dlt_singer.hints import ColumnHint

_WITHOUT_UPSTREAM = ("on_schedule", "on_cron_no_deps")


class SingerTranslator:
    """Makes an asset's spec; override `get_asset_spec` to change what you like of it.

    Example:
        >>> class Bronze(SingerTranslator):  # doctest: +SKIP
        ...     def get_asset_spec(self, asset):
        ...         return super().get_asset_spec(asset).replace_attributes(key=["bronze", asset.table])
    """

    def get_asset_spec(self, asset: StreamAsset) -> dg.AssetSpec:
        """Return the spec of a stream's asset: key `[dataset, table]`, group by tap.

        Args:
            asset: What is known of the stream.

        Raises:
            ConfigError: The automation condition is unknown, or its arguments do not fit.
        """
        options = asset.options
        stale_after_s = options.freshness_lower_bound_delta_seconds
        return dg.AssetSpec(
            key=dg.AssetKey([asset.dataset, asset.table]),
            description=options.description or asset.description or None,
            group_name=options.group_name or identifier(asset.tap),
            kinds={"singer", "dlt", *filter(None, [asset.destination]), *options.kinds},
            owners=list(options.owners),
            tags=dict(options.tags),
            automation_condition=automation_condition(options, asset),
            freshness_policy=_freshness(stale_after_s) if stale_after_s else None,
            metadata={
                "tap": asset.tap,
                "stream": asset.stream,
                "dagster/table_name": f"{asset.dataset}.{asset.table}",
                **({"dagster/storage_kind": asset.destination} if asset.destination else {}),
                **(
                    {"dagster/column_schema": table_schema(asset.columns, asset.primary_key)}
                    if asset.columns
                    else {}
                ),
            },
        )


def automation_condition(options: AssetOptions, asset: StreamAsset) -> dg.AutomationCondition | None:
    """Return the condition that options name; None if they name none.

    Args:
        options: The options.
        asset: Whose they are, for errors.

    Raises:
        ConfigError: There is no such condition, or its arguments do not fit.
    """
    name, arguments = options.automation_condition, dict(options.automation_condition_config)
    if options.cron is not None:
        name, arguments = name or _WITHOUT_UPSTREAM[0], {"cron_schedule": options.cron, **arguments}
    if name is None:
        return None
    where = f"`automation_condition` of stream '{asset.stream}' of {asset.tap}"
    make = _on_schedule if name in _WITHOUT_UPSTREAM else getattr(dg.AutomationCondition, name, None)
    if make is None or name.startswith("_"):
        known = [*_WITHOUT_UPSTREAM, "eager", "on_cron", "on_missing"]
        raise ConfigError(
            f"{where} is '{name}', which Dagster does not have.",
            f"{did_you_mean(name, known)} The common ones are: {', '.join(known)}.".lstrip(),
        )
    try:
        made = make(**arguments)
    except Exception as err:
        raise ConfigError(
            f"{where}: '{name}' cannot be made from {sorted(arguments)}: {err}",
            "Correct `automation_condition_config`.",
        ) from err
    if not isinstance(made, dg.AutomationCondition):
        raise ConfigError(f"{where}: '{name}' makes no condition.", "Name one such as on_schedule or eager.")
    return made


def table_schema(columns: Mapping[str, ColumnHint], primary_key: Collection[str]) -> dg.TableSchema:
    """Return columns as Dagster shows them.

    Args:
        columns: dlt's column hints by name; those without a type are left out.
        primary_key: Names of the key columns; a single one is unique by itself.
    """
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                column["data_type"],
                column.get("description"),
                dg.TableColumnConstraints(
                    nullable=bool(column.get("nullable", True)),
                    unique=[name] == list(primary_key),
                    other=["primary key"] if name in primary_key else [],
                ),
            )
            for name, column in columns.items()
            if column.get("data_type")
        ]
    )


def _on_schedule(cron_schedule: JSON, cron_timezone: JSON = "UTC") -> dg.AutomationCondition:
    """Once each tick of the schedule, whatever has become of what lies upstream."""
    tick = dg.AutomationCondition.cron_tick_passed(cron_schedule, _timezone(cron_timezone)).since_last_handled()
    return (dg.AutomationCondition.in_latest_time_window() & tick).with_label(f"on_schedule({cron_schedule})")


def _timezone(name: JSON) -> str:
    # "utc" is what people write, and what the database of time zones does not have everywhere.
    return "UTC" if str(name).upper() == "UTC" else str(name)


def _freshness(stale_after_s: float) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(seconds=stale_after_s))
