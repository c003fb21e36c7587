"""What a pipeline script can be told: by an option, else by the environment variable behind it.

In: argv and an environment. Out: `Arguments`, or argparse's exit with code 2. An empty value is none, because
schedulers fill an input that nobody gave with nothing. Reads no global.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

Refresh: TypeAlias = Literal["drop_sources", "drop_resources", "drop_data"]

VARIABLES = {
    "streams": "DLT_SINGER_STREAMS",
    "partition": "DLT_SINGER_PARTITION",
    "refresh": "DLT_SINGER_REFRESH",
    "destination": "DLT_SINGER_DESTINATION",
    "dataset": "DLT_SINGER_DATASET",
    "env": "ALTO_ENV",
    "backfill": "DLT_SINGER_BACKFILL",
}
"""The environment variable behind each option."""

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Arguments:
    """How one invocation differs from what the script does by itself.

    Attributes:
        streams: The streams to load; empty for the script's own.
        partition: The one of the tap's partitions to load; None for all of them.
        refresh: What dlt forgets before it loads.
        destination: A destination of dlt, by type or name; None leaves it to dlt's configuration.
        dataset: The dataset; None for the script's own.
        env: The environment of `alto.yaml`; None for the project's own choice.
        backfill: A name for a load of the past, with bookmarks of its own.
    """

    streams: tuple[str, ...] = ()
    refresh: Refresh | None = None
    destination: str | None = None
    dataset: str | None = None
    env: str | None = None
    backfill: str | None = None
    partition: str | None = None

    def as_argv(self) -> list[str]:
        """Return the options that say the same.

        Example:
            >>> Arguments(streams=("entry", "region"), env="live").as_argv()
            ['--streams=entry,region', '--env=live']
        """
        values = {name: getattr(self, name) for name in VARIABLES} | {"streams": ",".join(self.streams)}
        return [f"--{name}={value}" for name, value in values.items() if value]

    def name_for(self, base: str) -> str:
        """Return the name of what these arguments make of a pipeline or a schema.

        A selection of streams, a partition and a backfill keep bookmarks of their own, so each has a name of its
        own: the same for the same streams in any order, and another one for any others.

        Args:
            base: The name without them.

        Example:
            >>> Arguments(streams=("entry",)).name_for("carbon"), Arguments(env="live").name_for("carbon")
            ('carbon_entry', 'carbon')
        """
        parts = [_word(self.streams)] if self.streams else []
        if self.partition:
            parts += ["partition", _word((self.partition,))]
        if self.backfill:
            parts += ["backfill", _word((self.backfill,))]
        name = "_".join([base, *parts])
        return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9]}_{_digest((name,))}"


def parse_arguments(argv: Sequence[str], environ: Mapping[str, str], description: str | None = None) -> Arguments:
    """Return what an invocation was told.

    Args:
        argv: The options, without the script's name.
        environ: Where an option that is not there is looked up.
        description: What `--help` says the script does.

    Raises:
        SystemExit: With code 2 if an option is unknown or its value no possible one; with 0 after `--help`.

    Example:
        >>> parse_arguments(["--streams", "entry,region"], {"DLT_SINGER_REFRESH": "drop_data"}).streams
        ('entry', 'region')
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, environ)
    return arguments_of(parser, parser.parse_args(argv))


def add_options(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    """Add the options of every pipeline script to a parser.

    Args:
        parser: The parser.
        environ: Where an option that is not there is looked up.
    """
    options: list[tuple[str, str, Callable[[str], object], str]] = [
        ("streams", "A,B", _streams, "load only these streams, as a pipeline of their own"),
        ("partition", "NAME", str.strip, "load only this partition of the tap, as a pipeline of its own"),
        ("refresh", "MODE", _refresh, f"start anew: {', '.join(get_args(Refresh))}"),
        ("destination", "NAME", str.strip, "where to load; else DESTINATION_TYPE or .dlt/config.toml says"),
        ("dataset", "NAME", str.strip, "the dataset to load into"),
        ("env", "NAME", str.strip, "the environment of alto.yaml"),
        ("backfill", "NAME", _name, "load the past beside the daily run: same tables, bookmarks of its own"),
    ]
    for name, metavar, read, says in options:
        # A default that is text goes through `type` as well, so a variable is checked like an option.
        default = environ.get(VARIABLES[name], "")
        text = f"{says} [{VARIABLES[name]}]"
        parser.add_argument(f"--{name}", metavar=metavar, type=read, default=default, help=text)


def arguments_of(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> Arguments:
    """Return the arguments in what a parser with our options has parsed.

    Args:
        parser: The parser, which says what is wrong.
        parsed: What it returned.

    Raises:
        SystemExit: With code 2 if options contradict each other.
    """
    if parsed.backfill and parsed.refresh:
        parser.error(
            "--refresh would drop the tables that a backfill shares with the daily run; "
            "give the backfill another name, and it starts anew"
        )
    if parsed.partition and parsed.refresh:
        parser.error("--refresh would drop the tables that a partition shares with the others")
    return Arguments(
        streams=parsed.streams or (),
        refresh=parsed.refresh or None,
        destination=parsed.destination or None,
        dataset=parsed.dataset or None,
        env=parsed.env or None,
        backfill=parsed.backfill or None,
        partition=parsed.partition or None,
    )


def _streams(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _refresh(text: str) -> Refresh | None:
    word = text.strip()
    if word and word not in get_args(Refresh):
        raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(get_args(Refresh))}")
    return cast("Refresh | None", word or None)


def _name(text: str) -> str:
    word = text.strip()
    if word and not re.search(r"[A-Za-z0-9]", word):
        raise argparse.ArgumentTypeError(f"'{word}' has no letter or digit to make a name of")
    return word


def _word(texts: Sequence[str]) -> str:
    """Return texts as part of an identifier, in any order the same, and told apart from all others."""
    ordered = sorted(set(texts))
    word = re.sub(r"[^a-z0-9]+", "_", "_".join(ordered).lower()).strip("_")
    # `a_b` may be one stream or two, and `A-b` is a third.
    return word if ordered == [word] else f"{word}_{_digest(ordered)}".lstrip("_")


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]
