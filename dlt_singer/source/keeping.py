"""`on_error: keep_completed`: what had ended of a run that fails is loaded all the same, from its mirror.

In: the runs of the tap that one `dlt_singer.run` has started. Out: the streams of each that had ended, and while
one is read, the word to read that and not the tap. Loads nothing itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from dlt_singer.errors import ConfigError, NotSupportedError
from dlt_singer.runs import holds_markers
from dlt_singer.session.snapshot import Snapshot

if TYPE_CHECKING:
    from dlt.common.pipeline import SupportsPipeline

    from dlt_singer.source.definition import Definition
    from dlt_singer.source.mirroring import MirroredRun
    from dlt_singer.tap import Tap

_WORD = "keep_completed"


@dataclass(frozen=True, slots=True)
class Lost:
    """A run that failed, of which streams had ended.

    Attributes:
        definition: Whose it is.
        run: Its id.
        streams: The streams.
    """

    definition: Definition
    run: str
    streams: tuple[str, ...]


@dataclass(slots=True)
class Keeping:
    """What may be kept of one `dlt_singer.run`.

    Attributes:
        reading: The run that is read in the place of the tap; None for the tap.
    """

    reading: str | None = None
    _runs: list[tuple[Definition, MirroredRun]] = field(default_factory=list)

    def watch(self, definition: Definition, run: MirroredRun) -> None:
        """Take note of a run that begins."""
        self._runs.append((definition, run))

    def lost(self) -> list[Lost]:
        """Return the runs of which anything can be kept, and forget them all."""
        runs, self._runs = self._runs, []
        found = [Lost(definition, run.start.run, tuple(sorted(_ended(run)))) for definition, run in runs]
        return [each for each in found if each.streams]

    @contextlib.contextmanager
    def read(self, lost: Lost) -> Iterator[None]:
        """Read a run that failed instead of the tap."""
        self.reading = lost.run
        try:
            yield
        finally:
            self.reading = None


_keepings: WeakKeyDictionary[SupportsPipeline, Keeping] = WeakKeyDictionary()


@contextlib.contextmanager
def keeping(pipeline: SupportsPipeline) -> Iterator[Keeping]:
    """Note the runs of a pipeline, for whoever will load what had ended of those that fail."""
    _keepings[pipeline] = Keeping()
    try:
        yield _keepings[pipeline]
    finally:
        del _keepings[pipeline]


def keeping_of(pipeline: SupportsPipeline) -> Keeping | None:
    """Return what notes the runs of a pipeline; None under a bare `pipeline.run`."""
    return _keepings.get(pipeline)


def keeps_completed(tap: Tap) -> bool:
    """Return whether what had ended of a tap's failed run is to be loaded.

    Raises:
        ConfigError: It is, and there is no reservoir to load it from.
    """
    if tap.plugin.on_error != _WORD:
        return False
    if not tap.plugin.reservoir:
        raise ConfigError(
            f"`on_error: {_WORD}` of {tap.name} needs a reservoir: what had ended is loaded from there.",
            "Set `reservoir: true`, or `on_error: fail`.",
        )
    return True


def required(keeping: Keeping | None, tap: Tap) -> Keeping:
    """Return what notes the runs of a tap that keeps what had ended.

    Raises:
        NotSupportedError: Nobody would load it.
    """
    if keeping is None:
        raise NotSupportedError(
            f"`on_error: {_WORD}` of {tap.name} needs `dlt_singer.run(pipeline, source)`: under `pipeline.run` "
            "nobody would load what had ended of a failed run.",
            "Call `dlt_singer.run`, or set `on_error: fail`.",
        )
    return keeping


def _ended(run: MirroredRun) -> Collection[str]:
    """Return the streams that had ended, if all that came of them is stored and their bookmarks say so, too."""
    if run.endings is None or not run.is_stored:
        return ()
    newest = Snapshot(run.endings.newest)
    parts = {stream: newest.part(stream) for stream in run.endings.ended & run.start.streams.keys()}
    return [stream for stream, part in parts.items() if part is None or not holds_markers(part["value"])]
