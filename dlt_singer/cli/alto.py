"""alto's words as ours: `tap-x:reservoir`, `build:tap-x`, `clean catalog:tap-x`. Pure.

alto is a task runner: it names what it does with colons. What has no counterpart is refused by its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from dlt_singer.cli.command import UsageError

_TASKS = {
    "build": ("build",),
    "config": ("config",),
    "catalog": ("catalog",),
    "apply": ("catalog", "--applied"),
    "test": ("test",),
    "about": ("about",),
    "state": ("state", "show"),
}
_RENAMED = {"apply": ("catalog", "--applied"), "tabcompletion": ("completion",)}
_CLEANED = ("catalog", "state")
_EXTENSIONS = ("evidence", "rill")
_DROPPED = ("info", "forget", "ignore", "strace", "repl")
_RESERVOIR = "reservoir"


def translated(words: Sequence[str]) -> list[str]:
    """Return a command line in our words.

    Args:
        words: What was typed; our own words pass as they are.

    Raises:
        UsageError: It is a word of alto's that has no counterpart.

    Example:
        >>> translated(["build:tap-x"]), translated(["tap-x:duckdb"])
        (['build', 'tap-x'], ['run', 'tap-x:duckdb'])
    """
    at = next((at for at, word in enumerate(words) if not _is_option(words, at)), None)
    if at is None:
        return list(words)
    return [*words[:at], *_translated(words[at], list(words[at + 1 :]))]


def _translated(word: str, after: list[str]) -> list[str]:
    if word in _DROPPED:
        raise UsageError(f"'{word}' of alto has no counterpart; docs/from-alto.md lists what replaces what.")
    if word == "run" and after and ":" in after[0]:
        word, *after = after
    if ":" in word:
        return _task(word, after)
    match word, after:
        case "help", _:
            return [*after, "--help"]
        case "clean", _:
            return _cleaned(after)
        case "invoke", ["python", plugin, *others]:
            return ["invoke", "--python", plugin, "--", *others]
        case _:
            return [*_RENAMED.get(word, (word,)), *after]


def _task(word: str, after: Sequence[str]) -> list[str]:
    """Return the command for a task of alto's."""
    task, _, subject = word.partition(":")
    if task in _EXTENSIONS:
        raise UsageError(f"'{word}' belongs to an extension of alto's; extensions are not run here.")
    if task == _RESERVOIR:
        tap, separator, target = subject.partition("-target-")
        return [_RESERVOIR, "replay", tap, *(["--destination", target] if separator else []), *after]
    if task in _TASKS:
        command, *options = _TASKS[task]
        return [command, *options, subject, *after]
    if subject == _RESERVOIR:
        return [_RESERVOIR, "write", task, *after]
    # `run` knows whether the project has a target of that name, and refuses it.
    return ["run", word, *after]


def _cleaned(after: Sequence[str]) -> list[str]:
    at = next((at for at, word in enumerate(after) if not word.startswith("-")), len(after))
    word, others = "".join(after[at : at + 1]), [*after[:at], *after[at + 1 :]]
    task, separator, subject = word.partition(":")
    if task == "build":
        cleaned = ["clean", "pex", *([subject] if subject else [])]
    elif not separator:
        return ["clean", *after]
    elif task in _CLEANED:
        cleaned = ["clean", task, subject]
    elif task == _RESERVOIR:
        cleaned = [_RESERVOIR, "reset", subject.partition("-target-")[0]]
    elif subject == _RESERVOIR:
        cleaned = [_RESERVOIR, "compact", task]
    else:
        destination = [] if subject.startswith("target-") else ["--destination", subject]
        cleaned = ["clean", "state", task, *destination]
    return [*cleaned, *others]


_WITH_VALUE = frozenset({"--project-dir", "-r", "--root", "--env"})


def _is_option(words: Sequence[str], at: int) -> bool:
    return words[at].startswith("-") or (at > 0 and words[at - 1] in _WITH_VALUE)
