"""What a project says of an asset: `metadata: {<stream>: {dagster: {...}}}` of a tap, or `meta` of a resource.

In: mappings. Out: `AssetOptions`, or an error that names the key. Knows neither Dagster nor dlt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from dlt_singer._types import JSON
from dlt_singer.errors import ConfigError, UnknownKeyError, did_you_mean


@dataclass(frozen=True, slots=True)
class AssetOptions:
    """How Dagster sees one stream; what is not set is left to the translator.

    Attributes:
        automation_condition: A condition of `dagster.AutomationCondition` by name (`eager`, `on_cron`,
            `on_missing`), or `on_schedule`, which is `on_cron` that waits for no upstream asset (also known as
            `on_cron_no_deps`).
        automation_condition_config: Its arguments, such as `cron_schedule` and `cron_timezone`.
        cron: Shorthand for `on_schedule` with this `cron_schedule`.
        freshness_lower_bound_delta_seconds: The asset is stale if it was not materialised for so long.
        group_name: The asset's group.
        description: In place of the tap's own.
        owners: Mail addresses, or teams as `team:<name>`.
        tags: Tags.
        kinds: Besides `singer`, `dlt` and the destination.
    """

    automation_condition: str | None = None
    automation_condition_config: Mapping[str, JSON] = field(default_factory=dict)
    cron: str | None = None
    freshness_lower_bound_delta_seconds: float | None = None
    group_name: str | None = None
    description: str | None = None
    owners: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: Sequence[str] = ()


_FORMS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "automation_condition": ("the name of a condition", (str,)),
    "automation_condition_config": ("a mapping", (Mapping,)),
    "cron": ("a cron expression", (str,)),
    "freshness_lower_bound_delta_seconds": ("a number of seconds", (int, float)),
    "group_name": ("a name", (str,)),
    "description": ("a text", (str,)),
    "owners": ("a list", (list, tuple)),
    "tags": ("a mapping", (Mapping,)),
    "kinds": ("a list", (list, tuple, set, frozenset)),
}


def asset_options(values: Mapping[str, JSON], where: str) -> AssetOptions:
    """Return the options that a mapping spells.

    Args:
        values: Keys of `AssetOptions`.
        where: Whose they are, for errors.

    Raises:
        UnknownKeyError: A key is unknown.
        ConfigError: A value has another form.

    Example:
        >>> asset_options({"cron": "@daily"}, "users").cron
        '@daily'
    """
    known = [each.name for each in fields(AssetOptions)]
    for key, value in values.items():
        if key not in known:
            raise UnknownKeyError(
                f"Unknown key '{key}' in `dagster` of {where}.",
                f"{did_you_mean(key, known)} The keys are: {', '.join(known)}.".lstrip(),
            )
        expected, types = _FORMS[key]
        if not isinstance(value, types) or isinstance(value, bool):
            raise ConfigError(
                f"`dagster: {{{key}}}` of {where} is no {expected.split(' ', 1)[1]}.", f"Give {expected}."
            )
    return AssetOptions(**values)  # type: ignore[arg-type]  # each value has been checked against its form
