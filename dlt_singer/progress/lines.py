"""Progress for a log: one line, that says what has changed since the last one. Pure."""

from __future__ import annotations

from dlt_singer.progress.reading import Reading, StreamReading
from dlt_singer.summary.words import byte_words, count_words, second_words

_NAMED = 3


def line(now: Reading, before: Reading) -> str:
    """Return a line.

    Args:
        now: What can be seen now.
        before: What could be seen at the last line; at the first, nothing.

    Example:
        >>> line(Reading("tap-x", 30.0), Reading("tap-x", 0.0))
        'tap-x: waiting for its first row, 30.0 s'
    """
    if not now.rows:
        return f"{now.name}: waiting for its first row, {second_words(now.seconds)}"
    rates = [*now.since(before)]
    rows, so_far = count_words(now.rows, "row", "rows"), second_words(now.seconds)
    parts = [
        f"{rows} ({byte_words(now.bytes)}) in {so_far}, {sum(rates):,.0f} rows/s",
        *(f"{stream.stream} {_rows(stream.rows, stream.bookmark)}" for stream in _moving(now, rates)),
    ]
    if len(now.streams) > 1:
        parts.append(f"{now.done:,} of {count_words(len(now.streams), 'stream', 'streams')} done")
    return f"{now.name}: {'; '.join(parts)}"


def _moving(now: Reading, rates: list[float]) -> list[StreamReading]:
    """Return the streams that most rows came of."""
    pairs = [(rate, stream) for rate, stream in zip(rates, now.streams, strict=True) if rate > 0]
    return [stream for _, stream in sorted(pairs, key=lambda pair: -pair[0])[:_NAMED]]


def _rows(rows: int, bookmark: str) -> str:
    return f"{rows:,} up to {bookmark}" if bookmark else f"{rows:,}"
