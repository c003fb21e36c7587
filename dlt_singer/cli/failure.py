"""What failed, in words: our errors' reason and remedy, dlt's without their traceback."""

from __future__ import annotations

import re
import sys

from dlt_singer.cli.screen import wrapped
from dlt_singer.errors import (
    ConfigError,
    DiscoveryNeededError,
    InterpreterNotFoundError,
    SelectionError,
    SingerError,
    StateError,
    UnknownStreamError,
    reason_of,
)

_ASKED_WRONGLY = (
    ConfigError,
    DiscoveryNeededError,
    InterpreterNotFoundError,
    SelectionError,
    StateError,
    UnknownStreamError,
)


def explained(failure: BaseException) -> tuple[str, int]:
    """Return the text for a failure and the exit code that goes with it."""
    ours = reason_of(failure)
    if ours is not None:
        return _text(ours.reason, ours.remedy), exit_code(ours)
    if "dlt" in sys.modules:
        from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
        from dlt.common.exceptions import DltException, MissingDependencyException

        cause = _innermost(failure, DltException)
        if isinstance(cause, MissingDependencyException):
            return _text(f"The {cause.caller} needs a package that is not there.", _missing(cause.dependencies)), 2
        if isinstance(cause, ConfigFieldMissingException):
            return _text(*_needed(str(cause))), 2
        if isinstance(cause, ConfigurationException):
            return _text(str(cause).strip(), ""), 2
        if cause is not None:
            return _text(str(cause).strip(), "With --debug the traceback is shown."), 1
    kind = type(failure).__name__
    return _text(f"{kind}: {failure}", "This was not expected; with --debug the traceback is shown."), 1


def exit_code(error: SingerError) -> int:
    """Return 2 if what was asked for cannot be, 1 if it went wrong."""
    return 2 if isinstance(error, _ASKED_WRONGLY) else 1


def interruption_in(failure: BaseException) -> KeyboardInterrupt | None:
    """Return the interruption behind a failure, None if it failed by itself."""
    found = _innermost(failure, KeyboardInterrupt)
    return found if isinstance(found, KeyboardInterrupt) else None


def _missing(packages: object) -> str:
    names = " ".join(map(str, packages)) if isinstance(packages, list) else str(packages)
    return f'Run: pip install "{names}"'


def _needed(said: str) -> tuple[str, str]:
    """Make two sentences of dlt's account of all places it has looked in."""
    found: list[str] = []
    for field in re.split(r"for field `\w+`", said)[1:]:
        tried = re.findall(r"Environment Variables, (\w+)\)", field)
        general = [name for name in tried if name.startswith("DESTINATION__")]
        found += (general or tried)[:1]
    if not found:
        return said.strip().splitlines()[0], "See dlt's documentation of credentials."
    *section, key = found[0].lower().split("__")
    place = f"`{key} = ...` under [{'.'.join(section)}]"
    reason = f"dlt's configuration lacks {', '.join(dict.fromkeys(found))}."
    return reason, f"Set these variables, or put them into .dlt/secrets.toml as {place}."


def _innermost(failure: BaseException, kind: type[BaseException]) -> BaseException | None:
    """Return the last error of a kind in the chain: dlt wraps what happened in what it was doing."""
    error: BaseException | None = failure
    found: BaseException | None = None
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, kind):
            found = error
        error = getattr(error, "exception", None) or error.__cause__ or error.__context__
    return found


def _text(reason: str, remedy: str) -> str:
    first, *more = reason.rstrip("\n").split("\n")
    lines = [*wrapped(f"Error: {first}"), *(line for each in more for line in wrapped(f"  {each}"))]
    lines += [line for each in remedy.split("\n") for line in wrapped(f"  {each}")] if remedy else []
    return "\n".join(lines)
