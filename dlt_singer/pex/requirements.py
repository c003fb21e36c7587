"""`pip_url` as requirements and flags that uv and pex understand.

In: the text of `pip_url` and the project's root. Out: packages (an index name, a URL, or a local path),
and the flags split by who obeys them. Reads nothing but whether a path is there; runs nothing.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dlt_singer.errors import ConfigError, did_you_mean
from dlt_singer.storage import redact_url

Obeyed = Literal["file", "install", "pack", "nobody"]


@dataclass(frozen=True, slots=True)
class Package:
    """One thing to install.

    Attributes:
        text: As uv takes it; for a local path, relative to the project's root.
        path: The local directory, wheel or sdist, if it is one.
        extras: `[extra,…]` of a local path, or nothing.
    """

    text: str
    path: Path | None = None
    extras: str = ""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What one `pip_url` asks for.

    Attributes:
        packages: What to install.
        file_lines: Lines for a requirements file: index URLs, constraints (they may hold credentials).
        install_flags: Arguments of `uv pip install`.
        pack_flags: Arguments of `pex`.
        files: Local files the lines refer to, whose content counts.
    """

    packages: tuple[Package, ...]
    file_lines: tuple[str, ...] = ()
    install_flags: tuple[str, ...] = ()
    pack_flags: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Flag:
    obeyed: Obeyed
    becomes: tuple[str, ...] = ()
    takes_value: bool = False
    value_is: Literal["text", "file", "location"] = "text"


def _line(name: str, value_is: Literal["text", "file", "location"]) -> _Flag:
    return _Flag("file", (name,), takes_value=True, value_is=value_is)


_INDEX, _EXTRA_INDEX = _line("--index-url", "location"), _line("--extra-index-url", "location")
_LINKS, _CONSTRAINT = _line("--find-links", "location"), _line("--constraint", "file")
_REQUIREMENT = _line("--requirement", "file")
_NO_DEPS = _Flag("install", ("--no-deps",))
_FRESH = _Flag("install", ("--no-cache",))
_IGNORED, _IGNORED_VALUE = _Flag("nobody"), _Flag("nobody", takes_value=True)

FLAGS: dict[str, _Flag] = {
    "--index-url": _INDEX,
    "--index": _INDEX,
    "-i": _INDEX,
    "--extra-index-url": _EXTRA_INDEX,
    "--find-links": _LINKS,
    "--repo": _LINKS,
    "-f": _LINKS,
    "--constraint": _CONSTRAINT,
    "--constraints": _CONSTRAINT,
    "-c": _CONSTRAINT,
    "--requirement": _REQUIREMENT,
    "-r": _REQUIREMENT,
    "--override": _Flag("install", ("--override",), takes_value=True, value_is="file"),
    "--no-index": _Flag("file", ("--no-index",)),
    "--no-pypi": _Flag("file", ("--no-index",)),
    "--pre": _Flag("install", ("--prerelease=allow",)),
    "--no-build": _Flag("install", ("--no-build",)),
    "--no-wheel": _Flag("install", ("--no-binary", ":all:")),
    "--only-binary": _Flag("install", ("--only-binary",), takes_value=True),
    "--no-binary": _Flag("install", ("--no-binary",), takes_value=True),
    "--no-build-isolation": _Flag("install", ("--no-build-isolation",)),
    "--exclude-newer": _Flag("install", ("--exclude-newer",), takes_value=True),
    "--trusted-host": _Flag("install", ("--allow-insecure-host",), takes_value=True),
    "--no-deps": _NO_DEPS,
    "--intransitive": _NO_DEPS,
    "--no-cache": _FRESH,
    "--no-cache-dir": _FRESH,
    "--disable-cache": _FRESH,
    "--inherit-path": _Flag("pack", ("--inherit-path",)),
    "--compress": _Flag("pack", ("--compress",)),
    "--no-compress": _Flag("pack", ("--no-compress",)),
    "--exclude": _Flag("pack", ("--exclude",), takes_value=True),
    # What pip and older pex needed, and uv does anyway.
    **dict.fromkeys(("--resolver-version", "--pip-version", "--jobs", "-j"), _IGNORED_VALUE),
    **dict.fromkeys(("--upgrade", "-U", "--prefer-binary", "--use-pep517", "--transitive"), _IGNORED),
    **dict.fromkeys(("--use-pip-config", "--quiet", "-q", "--verbose", "-v", "--no-input"), _IGNORED),
}


def parse_pip_url(pip_url: str, root: Path) -> Requirements:
    """Return what `pip_url` asks for.

    Args:
        pip_url: Requirements and flags as on pip's command line, shell-quoted.
        root: The directory that relative paths start from.

    Raises:
        ConfigError: A flag nobody here knows, a path that is not there, or nothing to install.

    Example:
        >>> parse_pip_url("tap-x[s3]==1.0 --pre", Path("/project")).install_flags
        ('--prerelease=allow',)
    """
    try:
        tokens = _joined(shlex.split(pip_url))
    except ValueError as err:
        raise ConfigError(f"pip_url cannot be split into words: {err}.", "Check its quotes.") from None
    return _Reading(root).read(tokens)


class _Reading:
    """One pass over the words of a `pip_url`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.packages: list[Package] = []
        self.obeyed: dict[Obeyed, list[str]] = {"file": [], "install": [], "pack": [], "nobody": []}
        self.files: list[Path] = []

    def read(self, tokens: list[str]) -> Requirements:
        words = iter(tokens)
        for word in words:
            if word in ("-e", "--editable"):
                self.packages.append(self.package(_value_of(word, words)))
            elif word.startswith("-"):
                self.flag(word, words)
            else:
                self.packages.append(self.package(word))
        if not self.packages and not any("--requirement" in line for line in self.obeyed["file"]):
            raise ConfigError("pip_url names nothing to install.", "Name at least one requirement.")
        file_lines, install, pack = (tuple(self.obeyed[who]) for who in ("file", "install", "pack"))
        return Requirements(tuple(self.packages), file_lines, install, pack, tuple(self.files))

    def flag(self, word: str, words: Iterator[str]) -> None:
        name, has_value, value = word.partition("=")
        flag = FLAGS.get(name)
        if flag is None:
            known = ", ".join(FLAGS)
            raise ConfigError(f"pip_url has the flag '{name}', which is not known.", _known(name, known))
        if flag.takes_value:
            value = self.value(flag, value if has_value else _value_of(word, words))
        parts = [*flag.becomes, value] if flag.takes_value else [*flag.becomes]
        if has_value and not flag.takes_value:
            parts[-1] += f"={value}"
        self.obeyed[flag.obeyed] += [" ".join(parts)] if flag.obeyed == "file" else parts

    def value(self, flag: _Flag, value: str) -> str:
        if flag.value_is == "text" or "://" in value:
            return value
        path = _existing(self.root, value)
        if flag.value_is == "file":
            self.files.append(path)
        return str(path)

    def package(self, word: str) -> Package:
        name, at, location = (part.strip() for part in word.partition("@"))
        if at and re.fullmatch(r"[\w.-]+(\[[^\]]*\])?", name) and _is_path(location):
            extras = name[name.index("[") :] if "[" in name else ""
            return self.local(location, extras)
        if _is_path(word):
            return self.local(word, "")
        return Package(_named(word))

    def local(self, location: str, extras: str) -> Package:
        bare = re.sub(r"^file:(//)?", "", location.partition("#")[0])
        found = re.fullmatch(r"(.*?)(\[[^\]/]*\])?", bare)
        place, own_extras = (found[1], found[2] or "") if found else (bare, "")
        path = _existing(self.root, place)
        return Package(os.path.relpath(path, self.root), path, own_extras or extras)


def _joined(words: list[str]) -> list[str]:
    """Put `name @ url` and `name >= 1.0`, which the shell takes for several words, together again."""
    joined: list[str] = []
    for word in words:
        continues = re.match(r"@$|[<>=!~]=|[<>]", word)
        unfinished = joined and re.search(r"(^|[^\w])@$|[<>=!~]=$|[<>]$", joined[-1])
        if joined and not joined[-1].startswith("-") and (continues or unfinished):
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def _is_path(word: str) -> bool:
    if word.startswith(("./", "../", "/", "~", "file:")) or word in (".", ".."):
        return True
    if "://" in word or "@" in word or ";" in word:
        return False
    return "/" in word or word.endswith((".whl", ".tar.gz", ".tar.bz2", ".zip"))


def _named(word: str) -> str:
    """Return `git+…#egg=name[extra]&subdirectory=x` as `name[extra] @ git+…#subdirectory=x`."""
    scp = re.match(r"git\+([\w.-]+@[\w.-]+):(?!//)(.*)$", word)
    if scp:
        word = f"git+ssh://{scp[1]}/{scp[2]}"
    url, _, fragment = word.partition("#")
    egg = re.search(r"(?:^|&)egg=([^&;\s]+)", fragment)
    if not egg:
        return word
    kept = "&".join(part for part in fragment.split("&") if not part.startswith("egg="))
    return f"{egg[1]} @ {url}" + (f"#{kept}" if kept else "")


def _existing(root: Path, place: str) -> Path:
    # os.path, because Path.expanduser raises for a user that is not there.
    expanded = os.path.expanduser(place)  # noqa: PTH111 - see above
    path = Path(os.path.normpath(root.absolute() / expanded))
    if not path.exists():
        raise ConfigError(
            f"pip_url names '{redact_url(place)}', but {path} is not there.",
            "Paths are relative to the directory of the project file.",
        )
    return path


def _value_of(flag: str, words: Iterator[str]) -> str:
    value = next(words, None)
    if value is None:
        raise ConfigError(f"pip_url ends after '{flag}', which needs a value.", "Give it one, or remove it.")
    return value


def _known(name: str, known: str) -> str:
    return f"{did_you_mean(name, FLAGS)} Known are: {known}.".lstrip()
