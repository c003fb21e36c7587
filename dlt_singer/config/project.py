"""A project in one environment: its settings, its store, its plugins.

In: merged settings. Out: `Project`, whose plugins are put together when they are asked for. Reveals no secret,
reads no file; the variables it refers to are those it was given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlt_singer._types import JSON
from dlt_singer.config import store
from dlt_singer.config.definition import define
from dlt_singer.config.grammar import KINDS, check_value, project_form
from dlt_singer.config.interpolation import Scope, render
from dlt_singer.config.layers import Settings
from dlt_singer.config.partitions import partition_of, split_name
from dlt_singer.config.plugin import Plugin
from dlt_singer.config.secret import Setting, mask, reveal, secret_strings
from dlt_singer.errors import ConfigError, UnknownPluginError, did_you_mean


@dataclass(frozen=True, slots=True, repr=False)
class Project:
    """What `alto.yaml` and everything over it say, for one environment.

    Attributes:
        file: The project file.
        env: The environment's name.
        settings: The merged settings as written, secrets wrapped.
        environ: Variables that `{env[…]}` reads.
        dotenv: Those of them that only `.env` sets.
        home: The user's home directory.
    """

    file: Path
    env: str = "default"
    settings: Settings = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    dotenv: Mapping[str, str] = field(default_factory=dict)
    home: Path = field(default_factory=Path)

    def __repr__(self) -> str:
        return f"Project({str(self.file)!r}, env={self.env!r}, taps={list(self.taps)!r})"

    @property
    def root(self) -> Path:
        """The project's directory, absolute."""
        return self.file.parent

    @property
    def project_name(self) -> str | None:
        """The namespace in a shared store."""
        return self._text("project_name")

    @property
    def load_path(self) -> str | None:
        """The default namespace in the destination."""
        return self._text("load_path")

    @property
    def data_dir(self) -> Path | None:
        """Where dlt keeps this project's pipelines, absolute; None means dlt's own place."""
        text = self._text("data_dir")
        return self.root / text if text else None

    @property
    def environment(self) -> Settings:
        """Variables for every plugin's process, secrets wrapped."""
        value = self.setting("environment")
        return value if isinstance(value, Mapping) else {}

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names or paths of alto extensions."""
        value = reveal(self.setting("extensions"))
        return tuple(map(str, value)) if isinstance(value, list) else ()

    @property
    def storage_url(self) -> str:
        """Where the store is; without `storage_url` and `filesystem` it is `.alto` beside the project file."""
        return store.storage_url(self._store_settings(), self.root, self.home)

    @property
    def storage_options(self) -> Settings:
        """Options for fsspec, secrets wrapped."""
        return store.storage_options(self._store_settings())

    def resolved_storage_options(self) -> dict[str, JSON]:
        """Return the options for fsspec with every secret in the clear.

        Raises:
            ConfigError: A variable that an option refers to is not set.
        """
        return {key: reveal(value) for key, value in self.storage_options.items()}

    @property
    def taps(self) -> Mapping[str, Plugin]:
        """Taps by name."""
        return Plugins(self, "taps")

    @property
    def targets(self) -> Mapping[str, Plugin]:
        """Targets by name."""
        return Plugins(self, "targets")

    @property
    def utilities(self) -> Mapping[str, Plugin]:
        """Utilities by name."""
        return Plugins(self, "utilities")

    def tap(self, name: str) -> Plugin:
        """Return the tap of that name.

        Args:
            name: As in the project file; `tap-x@eu` is its partition `eu`.

        Returns:
            The tap, its secrets wrapped.

        Raises:
            UnknownPluginError: The project has no such tap, or the tap no such partition.
            ConfigError: Its definition cannot be used.
        """
        tap, partition = split_name(name)
        if partition is not None and tap in self.taps:
            return partition_of(self.taps[tap], partition)
        if name not in self.taps:
            known = f"Known taps: {', '.join(self.taps)}." if self.taps else "It defines no taps at all."
            hint = did_you_mean(name, self.taps)
            raise UnknownPluginError(f"No plugin '{name}' in {self.file.name}.", f"{hint} {known}".lstrip())
        return self.taps[name]

    def feeding(self, tap: str) -> Project:
        """Return the project as the targets of a tap see it: `load_path` is the tap's."""
        return replace(self, settings={**self.settings, "load_path": self.tap(tap).load_path})

    def setting(self, key: str) -> Setting:
        """Return a project key's value with references rendered; None if it is not set.

        Args:
            key: One of the grammar's project keys.

        Raises:
            ConfigError: The value has another form than its key asks for.
        """
        value = render(self.settings.get(key), key, self.scope)
        check_value(value, project_form[key], key)
        return value

    def secret_values(self) -> frozenset[str]:
        """Return every string of the project's own keys that no log must show, those of its store among them."""
        found: set[str] = set()
        for key in self.settings.keys() - set(KINDS):
            # What refers to a variable that is not set has nothing to hide.
            with contextlib.suppress(ConfigError):
                found.update(secret_strings({key: render(self.settings[key], key, self.scope)}))
        return frozenset(found)

    def public_settings(self) -> dict[str, JSON]:
        """Return everything the environment says, for display, with `***` for secrets."""
        masked = mask(render(self.settings, self.env, self.scope))
        return dict(masked) if isinstance(masked, Mapping) else {}

    @property
    def scope(self) -> Scope:
        """What settings may refer to."""
        return Scope(self.settings, self.environ)

    def _store_settings(self) -> Settings:
        return {key: self.setting(key) for key in self.settings if key in store.KEYS}

    def _text(self, key: str) -> str | None:
        value = reveal(self.setting(key))
        check_value(value, project_form[key], key)
        return value if isinstance(value, str) else None


class Plugins(Mapping[str, Plugin]):
    """A project's plugins of one kind; one that is broken harms nobody until it is asked for."""

    def __init__(self, project: Project, kind: str) -> None:
        self._project = project
        self._kind = kind
        plugins = project.settings.get(kind)
        self._names = list(plugins) if isinstance(plugins, Mapping) else []

    def __getitem__(self, name: str) -> Plugin:
        if name not in self._names:
            raise KeyError(name)
        project = self._project
        return define(name, self._kind, project.scope, project.root, project.dotenv)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Plugins({self._names!r})"
