"""A summary as one block of text: a headline, a line for each stream, and what else a person should know."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from dlt_singer.summary.metrics import Metric
from dlt_singer.summary.model import RunSummary, StreamSummary
from dlt_singer.summary.words import byte_words, columns, count_words, second_words

_INDENT = "  "
_TO = "→ "
_SHOWN_STREAMS: Final = 20
_SHOWN_METRICS: Final = 6
_KNOWN: Final = ("record_count", "sync_duration", "job_duration")
_NUMBERS = ("read", "known", "loaded")


def text(summary: RunSummary, width: int = 80) -> str:
    """Return a summary for a person.

    Args:
        summary: The summary.
        width: Columns there are.

    Example:
        >>> print(text(RunSummary("tap-x-1", "tap-x", "default", "2026-01-01T00:00:00Z", seconds=2)))
        tap-x: 0 rows, 0 streams, 2.0 s
    """
    lines = [*textwrap.wrap(_headline(summary), width, subsequent_indent=_INDENT)]
    lines += [f"{_INDENT}{line}" for line in _streams(summary, width - len(_INDENT))]
    for remark in _remarks(summary):
        lines += textwrap.wrap(
            remark, width, initial_indent=_INDENT, subsequent_indent=_INDENT * 2, break_on_hyphens=False
        )
    return "\n".join(lines)


def _headline(summary: RunSummary) -> str:
    size = f" ({byte_words(summary.bytes_read)})" if summary.bytes_read else ""
    rows = f"{count_words(summary.rows_read, 'row', 'rows')}{size}"
    streams = count_words(len(summary.streams), "stream", "streams")
    seconds = summary.load.seconds if summary.load is not None else summary.seconds
    waiting = summary.waiting_seconds
    of_them = f" ({second_words(waiting)} for the tap)" if summary.processes else ""
    name = summary.tap if summary.origin == "tap" else f"{summary.origin} of {summary.tap}"
    if summary.result == "failed":
        return f"{name}: failed after {second_words(seconds)}{of_them}; {rows} of {streams} had been read"
    return f"{name}: {rows}, {streams}, {second_words(seconds)}{of_them}"


def _streams(summary: RunSummary, width: int) -> Iterator[str]:
    shown = summary.streams
    if len(shown) > _SHOWN_STREAMS:
        largest = sorted(shown, key=lambda stream: -stream.rows_read)[:_SHOWN_STREAMS]
        shown = tuple(stream for stream in shown if stream in largest)
    if not shown:
        return
    loaded = summary.load.rows if summary.load is not None else None
    knows = any(stream.rows_known for stream in shown)
    headers = ["stream", "read", *["known"] * knows, *["loaded"] * (loaded is not None), "written by"]
    rows = []
    for each in shown:
        counts = [each.rows_read, *[each.rows_known] * knows]
        if loaded is not None:
            counts.append(loaded.get(each.table or "", 0))
        rows.append([each.stream, *(f"{count:,}" for count in counts), each.written_by or "skipped"])
    bookmarks = [_bookmark(each) for each in shown]
    lines = columns(headers, rows, _NUMBERS)
    yield from _with_bookmarks(lines, bookmarks, width)
    if len(summary.streams) > len(shown):
        yield f"… and {len(summary.streams) - len(shown):,} streams with fewer rows"


def _with_bookmarks(lines: Sequence[str], bookmarks: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Put bookmarks behind the lines of their streams, or below them if there is no room."""
    before = max(map(len, lines)) + len(_INDENT)
    longest = max((len(words) + len(_TO) for pair in bookmarks for words in pair if words), default=0)
    beside = longest <= width - before
    yield f"{lines[0]:<{before}}bookmark" if longest and beside else lines[0]
    for line, (was, now) in zip(lines[1:], bookmarks, strict=True):
        parts = [was, f"{_TO}{now}"] if was and now != was else [now or was]
        room = width - (before if beside else len(_INDENT))
        if len(" ".join(parts)) <= room:
            parts = [" ".join(parts)]
        if beside:
            yield f"{line:<{before}}{parts.pop(0)}".rstrip()
        else:
            yield line
        yield from (f"{'':{before if beside else len(_INDENT)}}{_cut(part, room)}" for part in parts if part)


def _bookmark(stream: StreamSummary) -> tuple[str, str]:
    return stream.bookmark_from or "", stream.bookmark_to or ""


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else f"{words[: room - 1]}…"


def _remarks(summary: RunSummary) -> Iterator[str]:
    load = summary.load
    if load is not None and load.new_tables:
        yield f"new tables: {', '.join(load.new_tables)}"
    if load is not None and load.new_columns:
        added = (f"{table}.{column}" for table, names in load.new_columns.items() for column in names)
        yield f"new columns: {', '.join(added)}"
    for stream in summary.streams:
        if stream.rows_reason:
            batches = count_words(stream.arrow_batches + stream.row_batches, "batch", "batches")
            yield f"{stream.stream}: {stream.row_batches:,} of {batches} not as Arrow: {stream.rows_reason}"
    if summary.stray_lines:
        are = "line was no Singer message" if summary.stray_lines == 1 else "lines were no Singer messages"
        yield f"{summary.stray_lines:,} {are} and skipped"
    yield from map(_measured, _by_name(summary.metrics)[:_SHOWN_METRICS])


def _by_name(metrics: Sequence[Metric]) -> list[Metric]:
    """Return one for each name; what is known better here, or said twice, is left out."""
    found: dict[str, Metric] = {}
    for each in metrics:
        if each.kind == "gauge" or each.name in _KNOWN:
            continue
        before = found.get(each.name)
        found[each.name] = each if before is None else before.with_(each)
    if "http_request_duration" in found:
        # A timer counts, too.
        found.pop("http_request_count", None)
    return [*found.values()]


def _measured(metric: Metric) -> str:
    failed = f", {metric.failed:,} failed" if metric.failed else ""
    if metric.kind == "timer":
        times = count_words(metric.points, "time", "times")
        most = f" (at most {second_words(metric.greatest)})" if metric.points > 1 else ""
        return f"{metric.name}: {second_words(metric.total)}, {times}{most}{failed}"
    return f"{metric.name}: {metric.total:,.0f}{failed}"
