"""The partitions of a tap: the same program with other settings, each a tap of its own named `tap-x@eu`.

In: a tap with `partitions`. Out: one of them as a `Plugin`. What is kept under a tap's name (state, catalog,
reservoir, logs) is thereby kept apart; what is kept by what the program is (its executable) is shared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dlt_singer.config.layers import Settings, merge
from dlt_singer.config.plugin import PARTITION, Plugin
from dlt_singer.errors import ConfigError, UnknownPluginError, did_you_mean

# It stands in names of files, of objects in a bucket and of dlt's resources.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def partition_name(tap: str, partition: str | None) -> str:
    """Return the name of a partition, that of the tap itself for none.

    Example:
        >>> partition_name("tap-x", "eu"), partition_name("tap-x", None)
        ('tap-x@eu', 'tap-x')
    """
    return tap if partition is None else f"{tap}{PARTITION}{partition}"


def split_name(name: str) -> tuple[str, str | None]:
    """Return a tap's name and the partition in it, None without one.

    Example:
        >>> split_name("tap-x@eu"), split_name("tap-x")
        (('tap-x', 'eu'), ('tap-x', None))
    """
    tap, separator, partition = name.partition(PARTITION)
    return tap, partition if separator else None


def partitions_in(value: Settings, path: str) -> dict[str, Settings]:
    """Return the settings of each partition by its name.

    Args:
        value: What the key `partitions` holds.
        path: Where it stands.

    Raises:
        ConfigError: A name cannot be one of a file.
    """
    for name in value:
        if not _NAME.fullmatch(str(name)):
            raise ConfigError(
                f"{path} names a partition '{name}'.", "Name it with letters, digits, '_', '-' and '.'; not '@'."
            )
    # YAML reads a year as a number.
    return {str(name): settings if isinstance(settings, Mapping) else {} for name, settings in value.items()}


def partition_of(tap: Plugin, partition: str) -> Plugin:
    """Return one partition of a tap.

    Args:
        tap: The tap.
        partition: The partition's name.

    Raises:
        UnknownPluginError: The tap has no such partition.
    """
    if partition not in tap.partitions:
        names = ", ".join(tap.partitions) or "none; they stand under its key `partitions`"
        raise UnknownPluginError(
            f"Tap '{tap.name}' has no partition '{partition}'.",
            f"{did_you_mean(partition, tap.partitions)} Its partitions: {names}.".lstrip(),
        )
    config = merge(tap.config, tap.partitions[partition])
    settings = {key: value for key, value in tap.settings.items() if key != "partitions"}
    return replace(
        tap,
        name=partition_name(tap.name, partition),
        config=config,
        settings={**settings, "config": config},
        partitions={},
    )
