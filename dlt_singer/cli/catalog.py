"""Commands for what a tap has: `catalog`, `select`, `schema`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from dlt_singer._types import JSON
from dlt_singer.cli.command import Command, Parser
from dlt_singer.cli.place import open_tap
from dlt_singer.cli.screen import add_json, as_json, show, table
from dlt_singer.errors import DiscoveryNeededError

if TYPE_CHECKING:
    from dlt_singer.catalog import Catalog, PropertyPath, Stream, StreamChoice
    from dlt_singer.mask.rules import MaskRule
    from dlt_singer.tap import BaseCatalog, Tap


def show_catalog(arguments: argparse.Namespace) -> None:
    """Show the streams of a tap, asking it if nobody has yet."""
    from dlt_singer.catalog import difference
    from dlt_singer.summary.words import count_words

    tap = open_tap(arguments.tap)
    before = tap.kept_catalog()
    base = tap.discover() if before is None or arguments.refresh or arguments.diff else before
    if arguments.diff:
        changes = difference(before.catalog, base.catalog) if before else ()
        count = f"{len(changes)} change{'s' * (len(changes) > 1)}" if changes else "nothing has changed"
        lines = [f"{tap.name}: {count} since the catalog that was kept ({before.age if before else 'none'})"]
        show(arguments, list(changes), "\n".join([*lines, *(f"  {change}" for change in changes)]))
        return
    if arguments.applied:
        selection = tap.select(base.catalog)
        print(as_json(selection.catalog.to_json()))
        return
    rows = [_stream_row(stream, base.catalog) for stream in base.catalog.streams]
    document: JSON = {"tap": tap.name, "discovered_at": _moment(base), "streams": cast("JSON", rows)}
    shown = [
        [r["stream"], r["method"], ", ".join(cast("list[str]", r["keys"])), r["bookmark"], r["columns"]]
        for r in rows
    ]
    head = f"{tap.name}: {count_words(len(rows), 'stream', 'streams')}, catalog {base.age}"
    show(arguments, document, f"{head}\n\n{table(('stream', 'replication', 'keys', 'bookmark', 'columns'), shown)}")


def show_selection(arguments: argparse.Namespace) -> None:
    """Show which streams and properties the rules select, and by which rule."""
    from dlt_singer.catalog import explain, with_metadata, with_schema
    from dlt_singer.mask.rules import mask_rules

    tap = open_tap(arguments.tap)
    base = _known(tap).catalog
    overridden, _ = with_metadata(with_schema(base, tap.plugin.schema)[0], tap.plugin.metadata)
    for stream in arguments.streams:
        base.stream(stream)
    masks = mask_rules(tap.plugin.select, tap.plugin.mask, base.stream_ids)
    choices = [
        c for c in explain(overridden, tap.plugin.select) if not arguments.streams or c.stream in arguments.streams
    ]
    document: list[JSON] = [_choice_document(choice, masks) for choice in choices]
    lines = [f"{tap.name}, select: {', '.join(tap.plugin.select)}", ""]
    if not arguments.streams:
        rows = [
            [c.stream, c.selected, f"{sum(p.selected for p in c.properties)}/{len(c.properties)}", c.because]
            for c in choices
        ]
        lines += [table(("stream", "read", "properties", "because"), rows)]
    for choice in choices if arguments.streams else ():
        lines += [f"{choice.stream}: {'read' if choice.selected else 'not read'}, {choice.because}"]
        rows = [
            [".".join(each.path), each.selected, each.because, _mask_of(masks, choice.stream, each.path)]
            for each in choice.properties
        ]
        lines += ["", table(("property", "read", "because", "masked"), rows), ""]
    show(arguments, document, "\n".join(lines))


def show_schema(arguments: argparse.Namespace) -> None:
    """Show the columns that a stream's table will have."""
    from dlt_singer.source import singer
    from dlt_singer.source.preview import tables_of

    tap = open_tap(arguments.tap)
    _known(tap)
    tables = tables_of(singer(tap.name, streams=arguments.streams or None))
    document: JSON = [
        {
            "stream": each.stream,
            "table": each.table,
            "disposition": each.disposition,
            "primary_key": list(each.primary_key),
            "columns": cast("JSON", list(each.columns.values())),
            "warnings": list(each.warnings),
        }
        for each in tables
    ]
    lines: list[str] = []
    for each in tables:
        key = f", key {', '.join(each.primary_key)}" if each.primary_key else ""
        lines += [f"{each.stream}: table {each.table}, {each.disposition}{key}"]
        rows = [
            [
                name,
                _type_of(cast("dict[str, object]", column)),
                column.get("nullable", True),
                column.get("description") or "",
            ]
            for name, column in each.columns.items()
        ]
        lines += [table(("column", "type", "null", "description"), rows)]
        lines += [*(f"Warning: {warning}" for warning in each.warnings), ""]
    show(arguments, document, "\n".join(lines))


def _choice_document(choice: StreamChoice, masks: Sequence[MaskRule]) -> dict[str, JSON]:
    return {
        "stream": choice.stream,
        "selected": choice.selected,
        "because": choice.because,
        "properties": [
            {
                "property": ".".join(each.path),
                "selected": each.selected,
                "because": each.because,
                "masked": _mask_of(masks, choice.stream, each.path),
            }
            for each in choice.properties
        ],
    }


def _mask_of(rules: Sequence[MaskRule], stream: str, path: PropertyPath) -> str | None:
    """Return how a property is masked, and by which rule; None if it is not."""
    deciding = [each for each in rules if each.rule.matches_stream(stream) and each.rule.matches_property(path)]
    return f"{deciding[-1].effect}, '{deciding[-1].text}'" if deciding else None


def _known(tap: Tap) -> BaseCatalog:
    kept = tap.kept_catalog()
    if kept is not None:
        return kept
    if not tap.plugin.discover:
        raise DiscoveryNeededError(
            f"The catalog of {tap.name} is not kept in the store, and discovery is off.",
            f"Run `dlt-singer catalog {tap.name}`.",
        )
    return tap.discover()


def _stream_row(stream: Stream, catalog: Catalog) -> dict[str, JSON]:
    top = [path for path in stream.properties.values() if len(path) == 1]
    return {
        "stream": stream.id,
        "method": stream.replication_method or "",
        "keys": list(stream.key_properties),
        "bookmark": stream.replication_key or "",
        "columns": len(top),
        "parent": stream.parent if stream.parent in catalog.by_id else None,
    }


def _moment(base: BaseCatalog) -> str | None:
    return base.discovered_at.isoformat() if base.discovered_at else None


def _type_of(column: dict[str, object]) -> str:
    precision, scale = column.get("precision"), column.get("scale")
    if precision is None:
        return str(column.get("data_type"))
    return f"{column.get('data_type')}({precision}{'' if scale is None else f', {scale}'})"


def _catalog_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--refresh", action="store_true", help="ask the tap again")
    how.add_argument("--diff", action="store_true", help="ask the tap again and show what has changed")
    how.add_argument(
        "--applied", action="store_true", help="print the catalog as the tap is given it, with all rules applied"
    )
    add_json(parser)


def _select_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("streams", nargs="*", metavar="stream", help="show each property of these streams")
    add_json(parser)


def _schema_arguments(parser: Parser) -> None:
    parser.add_argument("tap", help="name of the tap")
    parser.add_argument("streams", nargs="*", metavar="stream", help="by default all that are selected")
    add_json(parser)


COMMANDS = (
    Command(
        "catalog", "The streams of a tap; asks it once, then keeps the answer", show_catalog, _catalog_arguments
    ),
    Command(
        "select",
        "Which streams and properties are read, and which rule says so",
        show_selection,
        _select_arguments,
        examples=("dlt-singer select tap-github", "dlt-singer select tap-github issues"),
    ),
    Command("schema", "The tables and columns that streams will have", show_schema, _schema_arguments),
)
