"""`init` and `add`: a project from nothing, and a tap into a project."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dlt_singer._types import JSON
from dlt_singer.cli.bookmarks import parsed
from dlt_singer.cli.command import Command, Parser, UsageError
from dlt_singer.cli.screen import add_json, is_asking_allowed, say, show

if TYPE_CHECKING:
    from dlt_singer.config.meltano import Conversion

_MELTANO_LOCKS = "plugins/extractors"


def init(arguments: argparse.Namespace) -> None:
    """Write the files of a new project."""
    from dlt_singer.cli import scaffold

    root = Path(arguments.directory).expanduser()
    there = [file.name for file in root.glob("alto.*") if file.stem == "alto"]
    if there:
        raise UsageError(f"{root.absolute()} has a project already: {there[0]}. Add taps with `dlt-singer add`.")
    converted = _converted(Path(arguments.from_meltano)) if arguments.from_meltano else None
    name, destination, sample = _answers(arguments, root, converted)
    root.mkdir(parents=True, exist_ok=True)
    sections: JSON = converted.sections if converted else None
    files = scaffold.project_files(name, destination, sample=sample, sections=sections)
    written = scaffold.write_files(root, files)
    if sample and (copied := scaffold.copy_sample(root)):
        written.append(copied)
    notes = converted.notes if converted else []
    lines = [f"A project in {root.absolute()}:", *(f"  {path}" for path in written), ""]
    if notes:
        lines += ["From Meltano, to look at:", *(f"  - {note}" for note in notes), ""]
    hints = _hints(arguments, sample=sample, taps=_taps(converted))
    lines += ["Next:", *(f"  {hint}" for hint in hints)]
    document: JSON = {"root": str(root.absolute()), "written": written, "notes": notes, "next": hints}
    show(arguments, document, "\n".join(lines))


def add(arguments: argparse.Namespace) -> None:
    """Find a tap, build it, ask it for its settings, and write it into the project file."""
    from dlt_singer.cli.adding import add_tap

    added = add_tap(arguments)
    lines = [f"Added {added.name} ({added.pip_url}) to {added.file}."]
    if added.secrets_file:
        lines.append(f"Secrets went to {added.secrets_file}.")
    if added.missing:
        lines += ["", "It needs:", *(f"  {setting}" for setting in added.missing)]
    lines += ["", "Next:", *(f"  {hint}" for hint in added.next)]
    document: JSON = {
        "name": added.name,
        "pip_url": added.pip_url,
        "file": str(added.file),
        "missing": list(added.missing_names),
        "next": list(added.next),
    }
    show(arguments, document, "\n".join(lines))


def _answers(arguments: argparse.Namespace, root: Path, converted: Conversion | None) -> tuple[str, str, bool]:
    """Return the project's name, its destination, and whether it gets the sample; asks if somebody is there."""
    name = re.sub(r"[^\w-]+", "-", root.absolute().name).strip("-") or "project"
    destination, sample = arguments.destination, converted is None and not arguments.no_sample
    if arguments.yes or not is_asking_allowed():
        return name, destination, sample
    name = input(f"Name of the project [{name}]: ").strip() or name
    destination = input(f"Where to load to, a destination of dlt's [{destination}]: ").strip() or destination
    if sample:
        sample = input("With a sample tap that needs no key? [Y/n]: ").strip().lower() not in ("n", "no")
    return name, destination, sample


def _hints(arguments: argparse.Namespace, *, sample: bool, taps: list[str]) -> list[str]:
    hints = [] if arguments.directory == "." else [f"cd {arguments.directory}"]
    if sample:
        return [*hints, "dlt-singer run tap-carbon-intensity", "dlt-singer add tap-<name>"]
    if taps:
        return [*hints, "dlt-singer doctor", f"dlt-singer catalog {taps[0]}", f"dlt-singer run {taps[0]}"]
    return [*hints, "dlt-singer add tap-<name>"]


def _taps(converted: Conversion | None) -> list[str]:
    default = converted.sections.get("default") if converted else None
    taps = default.get("taps") if isinstance(default, dict) else None
    return list(taps) if isinstance(taps, dict) else []


def _converted(file: Path) -> Conversion:
    from dlt_singer.config.documents import parse_document
    from dlt_singer.config.meltano import from_meltano
    from dlt_singer.config.secret import reveal

    found = (parsed(_text_of(lock), f"'{lock}'") for lock in sorted((file.parent / _MELTANO_LOCKS).glob("*.lock")))
    locks = {str(lock.get("name")): lock for lock in found if isinstance(lock, Mapping)}
    say(f"Reading {file}")
    document = parse_document(_text_of(file), file)
    return from_meltano({key: reveal(value) for key, value in document.items()}, locks)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8"
        raise UsageError(f"'{file}' cannot be read: {reason}.") from None


def _init_arguments(parser: Parser) -> None:
    parser.add_argument("directory", nargs="?", default=".", help="where to; by default the working directory")
    parser.add_argument("--yes", "-y", "-n", "--no-prompt", action="store_true", help="ask nothing, take defaults")
    parser.add_argument("--destination", metavar="NAME", default="duckdb", help="dlt destination; default: duckdb")
    parser.add_argument("--no-sample", action="store_true", help="without the sample tap and its pipeline")
    parser.add_argument("--from-meltano", metavar="FILE", help="take the extractors of a meltano.yml")
    add_json(parser)


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("name", help="name of the tap, such as tap-github")
    parser.add_argument("--pip-url", metavar="REQ", help="what pip installs; default: a package of the tap's name")
    parser.add_argument("--python", metavar="VERSION", help="the Python it runs on, such as 3.10")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="a setting; may be repeated"
    )
    add_json(parser)


COMMANDS = (
    Command(
        "init",
        "Begin a project: alto.yaml, dlt's settings, a sample",
        init,
        _init_arguments,
        details="Files that are there already stay as they are.",
        examples=("dlt-singer init --yes", "dlt-singer init --from-meltano meltano.yml"),
    ),
    Command(
        "add",
        "Find a tap, build it, and write it with its settings into alto.yaml",
        add,
        _add_arguments,
        details="A setting that the tap declares a secret goes to alto.secrets.yaml, never into alto.yaml.",
        examples=(
            "dlt-singer add tap-jsonl --set path=people.jsonl",
            "dlt-singer add tap-github --pip-url meltanolabs-tap-github==1.30.1",
        ),
    ),
)
