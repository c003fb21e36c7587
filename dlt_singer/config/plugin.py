"""One plugin of a project: typed, immutable, its secrets still wrapped.

In: a plugin's settings, inheritance applied and references rendered. Out: `Plugin`. The methods that begin with
`resolved` and `secret_values` are the only ones that reveal a secret, so they are called just before a run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from dlt_singer._types import JSON
from dlt_singer.config.secret import Secret, Setting, mask, reveal, secret_strings
from dlt_singer.errors import ConfigError, NotSupportedError

Kind: TypeAlias = Literal["tap", "target", "utility"]
Deletes: TypeAlias = Literal["hard", "soft", "off"]
Progress: TypeAlias = Literal["auto", "live", "lines", "off"]
OnError: TypeAlias = Literal["fail", "keep_completed"]
Mask: TypeAlias = Literal["sha256", "null", "redact"]
PARTITION = "@"
"""Stands between a tap's name and a partition's."""
_DIRECT_URL = re.compile(r"^[a-z+]+:|@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Plugin:
    """A tap, target or utility as the project defines it.

    Attributes:
        name: Its name in the project file.
        kind: `tap`, `target` or `utility`.
        root: The project's directory, which relative paths start from.
        pip_url: Requirements as written, or None if there is a `command`.
        command: An executable that is there already, with leading arguments; empty if there is a `pip_url`.
        base: Name of the root definition, itself or what it inherits from.
        executable: Console script inside the environment; by default named like the root definition.
        entrypoint: `module:attribute`, which wins over the executable.
        python: The interpreter asked for, such as `3.10`.
        version: `_version`, which makes for another build of the same requirements.
        environment: Variables for the plugin's process, the project's below its own.
        capabilities: As declared; None if nothing is declared.
        config: The tap's own configuration.
        select: Rules in order.
        streams: Streams to load by default; empty means all that are selected.
        metadata: Overrides by stream.
        schema: JSON schema overrides by stream and property.
        mask: What becomes of values, by `stream.property`: `sha256`, `null` or `redact`.
        mask_salt: What their digests are salted with, the plugin's or the project's.
        catalog: A catalog file that replaces discovery.
        version_column: Whether rows keep their table version in a column.
        deletes: How `_sdc_deleted_at` is obeyed; None leaves it to who loads.
        max_table_nesting: dlt's limit for child tables; None for none.
        backend: `arrow`, `rows`, or `auto` for Arrow where it is exact.
        build: Whether its executable may be built here; else it must be in the cache or the store.
        discover: Whether the tap may be asked for its catalog.
        discover_timeout_s: How long that may take; None for the usual.
        timeout_s: Seconds from its start to the end of its output; None for no limit.
        idle_timeout_s: Seconds without any output; None for no limit.
        max_line_bytes: Length of a line.
        parallel: How many runs of it may read at the same time.
        load_path: The plugin's, else the project's.
        accents: A tap's overrides of targets' config, by target.
        reservoir: Whether its runs are mirrored; a string names the store, else it is the project's.
        resume: Whether a run takes over what one that died has mirrored.
        on_error: `keep_completed` loads what had ended of a run that fails; `fail` nothing.
        checkpoint_s: How old what is mirrored gets before it is stored.
        progress: How a run is shown: `auto`, `live`, `lines`, `off`.
        progress_s: Seconds between two lines of progress in a log.
        summary_table: Whether `dlt_singer.run` loads what the run did into the table `_singer_runs`.
        partitions: Settings over `config` by the name of a partition; a partition itself has none.
        settings: All of it as the project has it, secrets wrapped.
        unsupported: Keys that are set, but whose capability this version does not have.
    """

    name: str
    kind: Kind = "tap"
    root: Path = field(default_factory=Path)
    pip_url: str | None = None
    command: tuple[str, ...] = ()
    base: str = ""
    executable: str = ""
    entrypoint: str | None = None
    python: str | None = None
    version: str | None = None
    environment: Mapping[str, Setting] = field(default_factory=dict)
    capabilities: frozenset[str] | None = None
    config: Mapping[str, Setting] = field(default_factory=dict)
    select: tuple[str, ...] = ("*.*",)
    streams: tuple[str, ...] = ()
    metadata: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    schema: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    mask: Mapping[str, Mask] = field(default_factory=dict)
    mask_salt: Secret | None = None
    catalog: Path | None = None
    load_path: str | None = None
    version_column: bool = False
    deletes: Deletes | None = None
    max_table_nesting: int | None = None
    backend: str = "auto"
    build: bool = True
    discover: bool = True
    discover_timeout_s: float | None = None
    timeout_s: float | None = None
    idle_timeout_s: float | None = None
    max_line_bytes: int = 256_000_000
    parallel: int = 1
    reservoir: bool | str = False
    resume: bool = True
    on_error: OnError = "fail"
    checkpoint_s: float = 30.0
    progress: Progress = "auto"
    progress_s: float = 30.0
    summary_table: bool = False
    partitions: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    accents: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    unsupported: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.base:
            object.__setattr__(self, "base", self.name)
        if not self.executable:
            object.__setattr__(self, "executable", self.base)

    def __repr__(self) -> str:
        return f"Plugin({self.name!r}, kind={self.kind!r})"

    @property
    def tap_name(self) -> str:
        """Its name in the project file: without the partition, if it is one."""
        return self.name.partition(PARTITION)[0]

    @property
    def partition(self) -> str | None:
        """Which partition of a tap it is; None if it is a tap as the project file has it."""
        return self.name.partition(PARTITION)[2] or None

    @property
    def requirements(self) -> tuple[str, ...]:
        """`pip_url` split as a shell would, local paths absolute."""
        return tuple(self._located(token) for token in shlex.split(self.pip_url or ""))

    @property
    def argv(self) -> tuple[str, ...]:
        """`command` with a path in its first word absolute; a bare word is left for PATH."""
        if not self.command:
            return ()
        program, *arguments = self.command
        is_path = "/" in program and not Path(program).is_absolute()
        return (str(self.root / program) if is_path else program, *arguments)

    def _located(self, token: str) -> str:
        is_path = token.startswith(".") or ("/" in token and not _DIRECT_URL.search(token))
        return token if token.startswith("-") or not is_path else str(self.root / token)

    def resolved_config(self) -> dict[str, JSON]:
        """Return the tap's configuration with every secret in the clear.

        Raises:
            ConfigError: A variable that the configuration refers to is not set.
        """
        return {key: reveal(value) for key, value in self.config.items()}

    def resolved_environment(self) -> dict[str, str]:
        """Return the variables for the plugin's process, on top of those it inherits.

        Returns:
            Variables of `.env` that are not set otherwise, the project's, the plugin's, and `ALTO_PLUGIN`.

        Raises:
            ConfigError: A variable refers to one that is not set.
        """
        values = {name: reveal(value) for name, value in self.environment.items()}
        texts = {name: _as_variable(value) for name, value in values.items() if value is not None}
        return {**texts, "ALTO_PLUGIN": self.tap_name}

    def resolved_mask_salt(self) -> str:
        """Return the salt in the clear.

        Raises:
            ConfigError: There is none, or a variable that it refers to is not set.
        """
        salt = reveal(self.mask_salt)
        if salt is None or salt == "":
            raise ConfigError(
                f"Tap '{self.name}' masks with sha256 but has no `mask_salt`: its digests could be guessed.",
                "Make one with: python -c 'import secrets; print(secrets.token_hex(32))'. Set it as `mask_salt` in "
                "alto.secrets.yaml or under [sources.singer] in .dlt/secrets.toml, or as the variable "
                "SOURCES__SINGER__MASK_SALT.",
            )
        return str(salt)

    def secret_values(self) -> frozenset[str]:
        """Return every string that logs of this plugin must not show.

        Returns:
            Texts of four characters or more: secrets, values under keys that look secret, passwords in URLs.

        Raises:
            ConfigError: A variable that a setting refers to is not set.
        """
        return frozenset(secret_strings({**self.settings, "config": self.config, "environment": self.environment}))

    def public_config(self) -> dict[str, JSON]:
        """Return the configuration for display, with `***` for everything that is or looks secret."""
        masked = mask(self.config)
        return dict(masked) if isinstance(masked, Mapping) else {}

    def public_settings(self) -> dict[str, JSON]:
        """Return all settings of the plugin for display, with `***` for secrets."""
        masked = mask(self.settings)
        return dict(masked) if isinstance(masked, Mapping) else {}

    def require_supported(self) -> None:
        """Refuse keys that are part of the grammar but cannot be obeyed yet.

        Raises:
            NotSupportedError: The first such key, by name.
        """
        if self.unsupported:
            raise NotSupportedError(
                f"{self.unsupported[0]} (needed by {self.kind} '{self.name}') is not supported by this version.",
                "Remove it to run without.",
            )


def _as_variable(value: JSON) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case _:
            raise ConfigError("A variable of `environment` is a list or a mapping.", "Write plain values.")
