"""Progress for a terminal: a table that stays at its foot, whatever else is printed. Needs rich.

Rows per second are those of the last seconds. What logging and `print` write meanwhile goes through the same
console, above the table, so that neither tears the other apart.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections import deque
from collections.abc import Iterator
from typing import TextIO, TypeGuard, cast

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dlt_singer.progress.reading import Reading, StreamReading
from dlt_singer.summary.words import byte_words, count_words, second_words

_SHOWN_STREAMS = 12
_RATE_READINGS = 12


class Screen:
    """A table on a console.

    Args:
        console: Where; by default this process's stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._readings: deque[Reading] = deque(maxlen=_RATE_READINGS)
        self._open = contextlib.ExitStack()
        self._live: Live | None = None

    def draw(self, now: Reading) -> None:
        """Draw, beginning with the first call."""
        self._readings.append(now)
        if self._live is None:
            live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                # What is piped elsewhere must get there.
                redirect_stdout=sys.stdout.isatty(),
            )
            self._live = self._open.enter_context(live)
            self._open.enter_context(_logging_through(self._console))
        self._live.update(table(now, self._readings[0]), refresh=True)

    def close(self) -> None:
        """Take the table away."""
        self._open.close()


def table(now: Reading, before: Reading) -> Table:
    """Return what is drawn.

    Args:
        now: What can be seen now.
        before: What could be seen some seconds ago.
    """
    rates = dict(zip(now.streams, now.since(before), strict=True))
    head = (
        f"{now.name}: {count_words(now.rows, 'row', 'rows')}, {byte_words(now.bytes)}, "
        f"{sum(rates.values()):,.0f} rows/s, {second_words(now.seconds)}"
    )
    drawn = Table(title=Text(head), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    drawn.add_column("stream", overflow="ellipsis", no_wrap=True)
    for name in ("rows", "rows/s", "size"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("bookmark", overflow="ellipsis", no_wrap=True)
    for stream in _shown(now):
        style = "dim" if stream.done or not stream.rows else ""
        drawn.add_row(
            Text(stream.stream), f"{stream.rows:,}", "done" if stream.done else f"{rates[stream]:,.0f}",
            byte_words(stream.bytes), Text(stream.bookmark), style=style,
        )  # fmt: skip
    if len(now.streams) > _SHOWN_STREAMS:
        left = len(now.streams) - _SHOWN_STREAMS
        drawn.add_row(Text(f"… {left:,} more, {now.done:,} of all done"), style="dim")
    return drawn


def _shown(now: Reading) -> list[StreamReading]:
    """Return the streams with most rows, in the order of the source."""
    largest = {each.stream for each in sorted(now.streams, key=lambda each: -each.rows)[:_SHOWN_STREAMS]}
    return [stream for stream in now.streams if stream.stream in largest]


@contextlib.contextmanager
def _logging_through(console: Console) -> Iterator[None]:
    """Have handlers of logging that write to a terminal write above the table."""
    loggers = [logging.getLogger(), *map(logging.getLogger, [*logging.root.manager.loggerDict])]
    handlers = {handler: handler.stream for logger in loggers for handler in logger.handlers if _is_seen(handler)}
    for handler, stream in handlers.items():
        handler.setStream(cast("TextIO", FileProxy(console, stream)))
    try:
        yield
    finally:
        for handler, stream in handlers.items():
            handler.setStream(stream)


def _is_seen(handler: logging.Handler) -> TypeGuard[logging.StreamHandler[TextIO]]:
    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return False
    isatty = getattr(handler.stream, "isatty", None)
    return bool(isatty and isatty())
