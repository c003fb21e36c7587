"""Every error this package raises on purpose, drawn as a tree.

    SingerError                      what happened, with which values; then what to do
    ├── ConfigError                  alto.yaml and everything layered over it
    │   ├── ProjectNotFoundError     no alto.{yaml,yml,toml,json} here or above
    │   ├── UnknownKeyError          a key alto's grammar does not have
    │   ├── UnknownPluginError       a tap nobody defined
    │   ├── InheritanceError         inherit_from: loop or missing parent
    │   └── NotSupportedError        a known key whose capability is not there yet
    ├── PluginError                  getting the executable
    │   ├── PluginBuildError         resolver or packer failed
    │   └── InterpreterNotFoundError `python:` asks for one that is not here
    ├── CatalogError                 discovery, selection, overrides
    │   ├── DiscoveryError           the tap could not say what it has
    │   ├── DiscoveryNeededError     discovery is off and nothing is cached
    │   ├── UnknownStreamError       a stream the catalog does not have
    │   ├── SelectionError           a select/metadata/schema rule that cannot hold
    │   └── SchemaError              a stream's schema that makes no table
    ├── StateError                   a state that cannot be changed as asked
    ├── StorageError                 the store said no
    ├── ReservoirError               a reservoir, or what was asked of it, cannot be used
    │   ├── LineageError             several lineages, or none of the name given
    │   └── DamagedReservoirError    a file or a record that is missing, changed or too new
    ├── ProcessError                 a process could not be started or was lost
    ├── MessageError                 a line that is no Singer message
    └── TapError                     a run of a tap failed; nothing was committed
        ├── BackendError             rows would differ from the Arrow that was asked for
        ├── TapExitError             exit code or signal
        ├── TapTimeoutError          silent, or running, for longer than it may
        └── TapProtocolError         RECORD before SCHEMA, record without key, cut line ...

    Terminated                       SIGTERM; a KeyboardInterrupt, so that nothing swallows it

An error carries facts as attributes and never a record's content or a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SingerError(Exception):
    """Base of all errors of this package.

    Attributes:
        reason: What happened, with the values involved.
        remedy: What the reader can do about it; may be empty.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = reason
        self.remedy = remedy
        # A reason that ends with somebody's lines leaves the remedy one of its own.
        super().__init__(f"{reason}{'' if reason.endswith(chr(10)) else ' '}{remedy}".rstrip())


class ConfigError(SingerError):
    """The project's configuration cannot be used as it is."""


class ProjectNotFoundError(ConfigError):
    """No alto.{yaml,yml,toml,json} in the directory or any of its parents."""


class UnknownKeyError(ConfigError):
    """A key that alto's grammar does not have."""


class UnknownPluginError(ConfigError):
    """A plugin that the project file does not define."""


class InheritanceError(ConfigError):
    """`inherit_from` names itself, in a loop, or a plugin that is not there."""


class NotSupportedError(ConfigError):
    """A documented key or argument whose capability this version does not have."""


class PluginError(SingerError):
    """The plugin's executable is not to be had."""


class PluginBuildError(PluginError):
    """Resolving or packing the plugin's requirements failed."""


class InterpreterNotFoundError(PluginError):
    """The interpreter `python:` asks for is not on this machine."""


class CatalogError(SingerError):
    """The catalog, or a rule applied to it, cannot be used."""


class DiscoveryError(CatalogError):
    """The tap's discovery failed or printed no catalog."""


class DiscoveryNeededError(CatalogError):
    """Streams are unknown and `discover=False` forbids asking the tap."""


class UnknownStreamError(CatalogError):
    """A stream that the tap's catalog does not have."""


class SelectionError(CatalogError):
    """A select, metadata or schema rule that cannot hold."""


class SchemaError(CatalogError):
    """A stream's schema makes no table: a key that is not there, two properties of one column name."""


class StateError(SingerError):
    """A tap's state cannot be changed as it was asked for; it stays as it is."""


class StorageError(SingerError):
    """The store could not be read or written."""


class ReservoirError(SingerError):
    """A reservoir, or what was asked of it, cannot be used as it is."""


class LineageError(ReservoirError):
    """A stream has several lineages of runs, or none of the name given."""


class DamagedReservoirError(ReservoirError):
    """A file or a record of the reservoir is missing, changed, or of a newer version.

    Attributes:
        path: Which one.
    """

    def __init__(self, reason: str, remedy: str = "", *, path: str) -> None:
        self.path = path
        super().__init__(reason, remedy)


class ProcessError(SingerError):
    """A child process could not be started, or its guard was killed."""


class MessageError(SingerError):
    """A line on a tap's stdout that is no Singer message.

    Attributes:
        broken: True for a damaged message (data may be missing), False for a stray line.
    """

    def __init__(self, reason: str, remedy: str = "", *, broken: bool = True) -> None:
        self.broken = broken
        super().__init__(reason, remedy)


class TapError(SingerError):
    """A tap's run failed. Nothing of the run was committed.

    Attributes:
        completed: Streams that had ended with their STATE, and that `dlt_singer.run` has loaded afterwards, because
            of `on_error: keep_completed`.
    """

    completed: tuple[str, ...] = ()

    def complete(self, streams: Iterable[str]) -> None:
        """Note streams that were loaded afterwards."""
        self.completed += tuple(streams)
        kept = f"Loaded afterwards, because they had ended: {', '.join(self.completed)} (on_error: keep_completed)."
        remedy = self.remedy.partition("\nLoaded afterwards")[0].rstrip()
        super().__init__(self.reason, f"{remedy}\n{kept}")


class BackendError(TapError):
    """`backend: arrow` was asked for, and Arrow would not hold exactly what the tap sent."""


class TapExitError(TapError):
    """The tap ended with a non-zero exit code or by a signal.

    Attributes:
        exit_code: What it ended with; negative for a signal.
    """

    def __init__(self, reason: str, remedy: str = "", *, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(reason, remedy)


class TapTimeoutError(TapError):
    """The tap said nothing for `idle_timeout_s`, or did not end within `timeout_s`."""


class TapProtocolError(TapError):
    """The tap's output breaks the Singer specification in a way that could lose data."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM while a tap was running."""


def reason_of(failure: BaseException) -> SingerError | None:
    """Return the error of ours behind a failure, None if there is none.

    Args:
        failure: What a run raised; dlt wraps the reason in `PipelineStepFailed`.

    Example:
        >>> try:
        ...     raise RuntimeError("step failed") from TapError("tap-x is down.", "Try again.")
        ... except RuntimeError as failure:
        ...     print(reason_of(failure))
        tap-x is down. Try again.
    """
    seen: set[int] = set()
    waiting: list[object] = [failure]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, SingerError):
            return error
        if isinstance(error, BaseException) and id(error) not in seen:
            seen.add(id(error))
            # dlt hands on what a step failed with as an attribute.
            waiting += [getattr(error, "exception", None), error.__cause__, error.__context__]
    return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `Did you mean 'x'?` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else ""
