"""Taps of a project as Dagster assets, one per stream.

In: names of taps and where to load them. Out: `AssetsDefinition`s whose steps run the taps. Defining reads the
project and its kept catalogs; it starts no process, builds nothing and does not import dlt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from dlt_singer._types import JSON
from dlt_singer.config import identifier
from dlt_singer.dagster.load import StreamLoad
from dlt_singer.dagster.naming import snake_case
from dlt_singer.dagster.streams import StreamAsset, stream_asset
from dlt_singer.dagster.translator import SingerTranslator
from dlt_singer.errors import SelectionError
from dlt_singer.source.definition import Definition, definitions
from dlt_singer.source.overlay import project_of, tap_of
from dlt_singer.tap import Tap

_REFRESHES = ("drop_sources", "drop_resources", "drop_data")


def singer_definitions(
    taps: Sequence[str] | None = None,
    *,
    env: str | None = None,
    project_dir: str | Path | None = None,
    **arguments: Any,  # noqa: ANN401 - those of `singer_assets`
) -> dg.Definitions:
    """Return every tap of a project as assets.

    Args:
        taps: Names in `alto.yaml`; by default all.
        env: The environment of `alto.yaml`; by default `ALTO_ENV`, else `default`.
        project_dir: Where `alto.yaml` is; by default the working directory or above it.
        **arguments: Further arguments of `singer_assets`, the same for each tap.

    Returns:
        The definitions; merge them with others by `dagster.Definitions.merge`.

    Raises:
        ConfigError: The project or a tap's definition cannot be used.
        CatalogError: A stream or rule does not fit a tap, or a tap's streams are not known.

    Example:
        >>> definitions = singer_definitions(destination="duckdb", dataset_name="raw")  # doctest: +SKIP
    """
    chosen = taps if taps is not None else list(project_of(env, project_dir).taps)
    made = {tap: singer_assets(tap, env=env, project_dir=project_dir, **arguments) for tap in chosen}
    owners: dict[dg.AssetKey, str] = {}
    for tap, key in [(tap, key) for tap, assets in made.items() for each in assets for key in each.keys]:
        other = owners.setdefault(key, tap)
        if other != tap:
            raise SelectionError(
                f"Streams of {other} and {tap} would both be the asset {key.to_user_string()}, in one table.",
                f"Load them into datasets of their own: `load_path` of {tap} in alto.yaml, no dataset_name.",
            )
    return dg.Definitions(assets=[each for assets in made.values() for each in assets])


def singer_assets(  # noqa: PLR0913 - what to load and where to, by keyword
    tap: str,
    *,
    destination: Any = None,  # noqa: ANN401 - anything dlt takes
    dataset_name: str | None = None,
    pipeline_name: str | None = None,
    step: Literal["tap", "stream"] = "tap",
    streams: Sequence[str] | None = None,
    env: str | None = None,
    project_dir: str | Path | None = None,
    config: Mapping[str, JSON] | None = None,
    select: str | Sequence[str] | None = None,
    metadata: Mapping[str, Mapping[str, JSON]] | None = None,
    resource_options: Mapping[str, Mapping[str, Any]] | None = None,
    pipeline_options: Mapping[str, Any] | None = None,
    count_rows: bool = False,
    translator: SingerTranslator | None = None,
    **asset_options: Any,  # noqa: ANN401 - Dagster's own arguments
) -> list[dg.AssetsDefinition]:
    """Return the streams of a tap as assets.

    Args:
        tap: The tap's name in `alto.yaml`. The assets of one with `partitions` have partitions of these names.
        destination: Where to load, as `dlt.pipeline` takes it; by default dlt's configuration says.
        dataset_name: The dataset; by default the tap's `load_path`, else its name.
        pipeline_name: The pipeline, by default named like the tap; followed by the stream's name if each has one.
        step: `tap` loads all selected streams in one step, from one run of the tap. `stream` gives each stream a
            step, a run of the tap and a pipeline of its own, so that an executor may run them side by side. A
            bookmark belongs to its pipeline: going from one to the other starts the streams again.
        streams: Streams to define; by default those that the tap's `select` rules leave.
        env: The environment of `alto.yaml`.
        project_dir: Where `alto.yaml` is.
        config: The tap's settings, over those of `alto.yaml`.
        select: Rules in place of the tap's own.
        metadata: Catalog metadata by stream, over that of `alto.yaml`; its `dagster` part is for the assets.
        resource_options: Arguments of `dlt.resource` by stream.
        pipeline_options: Further arguments of `dlt.pipeline`, such as `pipelines_dir` or `progress`.
        count_rows: Count the rows of each table after the load (a query in the destination).
        translator: Makes the assets' specs.
        **asset_options: Arguments of `dagster.multi_asset`, such as `retry_policy`, `pool` or `op_tags`.

    Returns:
        One definition for the tap, or one for each stream. The assets can be materialised in any selection.

    Raises:
        ConfigError: The project or the tap's definition cannot be used.
        DiscoveryNeededError: No streams are given and the tap's catalog is not kept.
        CatalogError: A stream or rule does not fit the tap.

    Example:
        >>> singer_assets("tap-github", destination="bigquery", step="stream")  # doctest: +SKIP
    """
    arguments: dict[str, Any] = {
        "config": config,
        "select": [select] if isinstance(select, str) else select,
        "metadata": metadata,
    }
    # To define assets is no occasion to start a tap; a step may ask it what it has.
    found = tap_of(tap, env, project_dir, {**arguments, "discover": False})
    dataset = dataset_name or found.plugin.load_path or identifier(tap)
    options = resource_options or {}
    assets = [
        stream_asset(
            definition, stream, dataset, _kind(destination), table=options.get(stream, {}).get("table_name")
        )
        for stream, definition in _streams(found, streams).items()
    ]
    whole = StreamLoad(
        tap,
        pipeline_name=snake_case(pipeline_name or tap),
        source_name=identifier(tap),
        dataset_name=dataset,
        destination=destination,
        pipeline_options=pipeline_options or {},
        source_options={**arguments, "env": env, "project_dir": project_dir, "resource_options": resource_options},
        count_rows=count_rows,
        partitions=tuple(found.plugin.partitions),
    )
    steps = [(whole, assets)] if step == "tap" else [(whole.of(asset.stream), [asset]) for asset in assets]
    translator = translator or SingerTranslator()
    return [_definition(load, _specs(members, translator), asset_options) for load, members in steps]


def _streams(tap: Tap, asked: Sequence[str] | None) -> dict[str, Definition]:
    """Return the streams to define, each with the first of the tap's partitions that has it."""
    streams = [asked] if isinstance(asked, str) else asked
    chosen: dict[str, Definition] = {}
    for definition in definitions(tap):
        chosen = dict.fromkeys(definition.streams(streams), definition) | chosen
    return chosen


def _specs(assets: Sequence[StreamAsset], translator: SingerTranslator) -> list[tuple[dg.AssetSpec, StreamAsset]]:
    specs = [(translator.get_asset_spec(asset), asset) for asset in assets]
    owners: dict[dg.AssetKey, str] = {}
    for spec, asset in specs:
        other = owners.setdefault(spec.key, asset.stream)
        if other != asset.stream:
            raise SelectionError(
                f"Streams '{other}' and '{asset.stream}' of {asset.tap} would both be the asset "
                f"{spec.key.to_user_string()}.",
                "Leave one of them out, or name its table: resource_options="
                f'{{{asset.stream!r}: {{"table_name": ...}}}}.',
            )
    return specs


def _definition(
    load: StreamLoad, members: Sequence[tuple[dg.AssetSpec, StreamAsset]], options: Mapping[str, Any]
) -> dg.AssetsDefinition:
    load = replace(load, streams={spec.key: asset.stream for spec, asset in members})
    refresh = dg.Field(
        dg.Noneable(dg.Enum("Refresh", [dg.EnumValue(each) for each in _REFRESHES])),
        is_required=False,
        default_value=None,
        description="Start the streams again: drop their bookmarks, and their tables (drop_resources) or rows "
        "(drop_data).",
    )
    # With a limit of 1, two runs never load into one pipeline at the same time; a partition has one of its own.
    apart = (
        {"partitions_def": dg.StaticPartitionsDefinition(load.partitions)}
        if load.partitions
        else {"pool": load.pipeline_name}
    )
    arguments = {
        "name": load.pipeline_name,
        "can_subset": len(members) > 1,
        "config_schema": {"refresh": refresh},
        **apart,
        **options,
    }
    # Dagster refuses the postponed annotations that `load.run` itself has.
    return dg.multi_asset(specs=[spec for spec, _ in members], **arguments)(lambda context: load.run(context))  # noqa: PLW0108


def _kind(destination: object) -> str | None:
    """Return the destination's name as far as it is known; made from `duckdb`, `dlt.destinations.duckdb(...)`."""
    name = getattr(destination, "destination_type", None) or destination
    return name.rsplit(".", 1)[-1] if isinstance(name, str) else None
