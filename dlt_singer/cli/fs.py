"""`fs`: look into the project's store, and move files in and out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dlt_singer.cli.command import Command, Parser, UsageError
from dlt_singer.cli.place import open_project
from dlt_singer.cli.screen import add_json, agreed, is_asking_allowed, show

if TYPE_CHECKING:
    from dlt_singer.storage import Store


_FOLDERS = ("catalogs/", "logs/", "plugins/", "reservoir/", "state/")
"""What a store holds; one beside the project file shares its directory with caches."""


def list_keys(arguments: argparse.Namespace) -> None:
    """List what is in the store."""
    store = _store()
    keys = (
        store.list(arguments.prefix) if arguments.prefix else [key for each in _FOLDERS for key in store.list(each)]
    )
    keys = [key for key in keys if "/." not in key]
    show(arguments, keys, "\n".join(keys) or f"{store.url} holds nothing under '{arguments.prefix}'.")


def pull(arguments: argparse.Namespace) -> None:
    """Copy a file, or all below a prefix, out of the store."""
    store = _store()
    keys = _matching(store, arguments.key)
    target = Path(arguments.to)
    one = keys == [arguments.key]
    files = {
        key: target / Path(key).name if one and target.is_dir() else target if one else target / key for key in keys
    }
    for key, file in files.items():
        store.fetch(key, file.absolute())
    show(arguments, {k: str(f) for k, f in files.items()}, "\n".join(f"{k} -> {f}" for k, f in files.items()))


def push(arguments: argparse.Namespace) -> None:
    """Copy a file into the store."""
    store, file = _store(), Path(arguments.file)
    if not file.is_file():
        raise UsageError(f"'{file}' is no file.")
    key = f"{arguments.key}{file.name}" if arguments.key.endswith("/") else arguments.key
    store.publish(file.absolute(), key)
    show(arguments, {str(file): key}, f"{file} -> {store.url}/{key}")


def remove(arguments: argparse.Namespace) -> None:
    """Remove a file, or all below a prefix, from the store."""
    store = _store()
    keys = _matching(store, arguments.key)
    if len(keys) > 1 and not arguments.yes:
        if not is_asking_allowed():
            raise UsageError(f"'{arguments.key}' stands for {len(keys)} files. Say --yes to remove them all.")
        if not agreed(f"Remove {len(keys)} files below '{arguments.key}' from {store.url}?"):
            keys = []
    for key in keys:
        store.delete(key)
    show(arguments, keys, "\n".join(f"removed {key}" for key in keys) or "Nothing was removed.")


def _store() -> Store:
    from dlt_singer.tap.executable import store_of

    return store_of(open_project())


def _matching(store: Store, key: str) -> list[str]:
    """Return the key itself if it is one, else the keys below it."""
    keys = store.list(key)
    found = [key] if key in keys else [each for each in keys if not key or each.startswith(key.rstrip("/") + "/")]
    if not found:
        raise UsageError(f"{store.url} has nothing called '{key}'. `dlt-singer fs ls` lists it.")
    return found


def _ls_arguments(parser: Parser) -> None:
    parser.add_argument("prefix", nargs="?", default="", help="only keys that begin so")
    add_json(parser)


def _pull_arguments(parser: Parser) -> None:
    parser.add_argument("key", help="a file of the store, or a directory")
    parser.add_argument("to", nargs="?", default=".", help="where to; by default the working directory")
    add_json(parser)


def _push_arguments(parser: Parser) -> None:
    parser.add_argument("file", help="a local file")
    parser.add_argument("key", help="its name in the store; one that ends with / is a directory")
    add_json(parser)


def _rm_arguments(parser: Parser) -> None:
    parser.add_argument("key", help="a file of the store, or a directory")
    parser.add_argument("--yes", "-y", "-n", "--no-prompt", action="store_true", help="ask nothing")
    add_json(parser)


COMMANDS = (
    Command(
        "fs",
        "Look into the store, move files in and out",
        examples=("dlt-singer fs ls state/", "dlt-singer fs pull catalogs/tap-github.base.json"),
        commands=(
            Command("ls", "List what is in the store", list_keys, _ls_arguments),
            Command("pull", "Copy files out of the store", pull, _pull_arguments),
            Command("push", "Copy a file into the store", push, _push_arguments),
            Command("rm", "Remove files from the store", remove, _rm_arguments),
        ),
    ),
)
