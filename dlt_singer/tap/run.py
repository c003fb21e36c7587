"""A running tap as an iterator of messages, judged at its end.

In: a guarded process. Out: messages, `Idle` when there was nothing for a moment. Raises if what came could be
less than what the tap had to say: a cut line, a broken message, an exit code other than 0.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlt_singer.errors import MessageError, TapExitError, TapProtocolError, TapTimeoutError
from dlt_singer.mask import Masks, masked
from dlt_singer.messages import Batch, Cutter, Idle, Message, Record, Records, parse_line
from dlt_singer.process import GuardedProcess
from dlt_singer.summary import ProcessSummary
from dlt_singer.tap.batch import records
from dlt_singer.tap.log import StderrLog, warn

IDLE_S = 0.05
STRAY_LINES = 10
_GOODBYE_S = 60.0
"""How long a tap may live on once it has closed its output, unless `idle_timeout_s` says otherwise."""
_BY_SIGNAL = 128
_SHOWN_STRAYS = 3
_SHOWN_CHARACTERS = 200
_MESSAGE_WITHIN = re.compile(rb'"type"\s*:\s*"(?:RECORD|SCHEMA|STATE|ACTIVATE_VERSION|BATCH)"')
"""A print without a line end in front of a message makes a line that looks stray and holds data."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much is borne of a tap.

    Attributes:
        timeout_s: Seconds from its start to the end of its output.
        idle_timeout_s: Seconds without any output.
        max_line_bytes: Length of a line.
    """

    timeout_s: float | None = None
    idle_timeout_s: float | None = None
    max_line_bytes: int = 256_000_000


class TapRun:
    """One sync of one tap.

    Args:
        name: The tap's name, for errors.
        process: The tap, started.
        log: Takes its stderr.
        root: The tap's working directory, which relative paths in a BATCH start from.
        masks: What nobody shall see of it.
        patience: How much is borne of it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what one run is made of
        self,
        name: str,
        process: GuardedProcess,
        log: StderrLog,
        root: Path,
        masks: Masks | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self._patience = patience or Patience()
        self._started = self._heard = time.monotonic()
        self._masks = masks or Masks(())
        self._root = root
        self._process = process
        self._log = log
        self._line_number = 0
        self._strays = 0
        self._unfinished = b""
        self._exit_code: int | None = None
        self._ended: float | None = None
        self._waited_s = 0.0

    def __iter__(self) -> Iterator[Message]:
        """Return what the tap says, masked; a BATCH as the rows it stands for."""
        return masked(self._rows(), self._masks)

    def close(self) -> None:
        """End the tap if it still runs; idempotent."""
        self._ended = self._ended or time.monotonic()
        self._process.stop()
        self._log.close()

    @property
    def log_id(self) -> str | None:
        """The name of its log, None without one."""
        return self._log.id

    def summary(self) -> ProcessSummary:
        """Return what is known of it so far."""
        seconds = (self._ended or time.monotonic()) - self._started
        return ProcessSummary(
            self._log.place(self._root), self._exit_code, seconds, self._waited_s, self._strays, self._log.metrics
        )

    def _rows(self) -> Iterator[Message]:
        for message in self._messages():
            if isinstance(message, Batch):
                yield from records(message, self._root)
            else:
                yield message

    def _messages(self) -> Iterator[Message]:
        cutter = Cutter()
        for text in self._texts():
            if text is None:
                yield Idle()
                continue
            for piece in cutter.cut(text):
                if isinstance(piece, Records):
                    self._line_number += len(piece)
                    yield piece
                else:
                    yield from self._parsed(piece)
        cut = None
        if self._unfinished:
            # A last line without its end is whole if it can be read: JSON closes what it opens.
            try:
                parse_line(self._unfinished)
            except MessageError as err:
                self._line_number += 1
                if err.broken:
                    cut = err
                else:
                    self._skip(self._unfinished, err)
            else:
                yield from self._parsed(self._unfinished)
        yield from self._goodbye()
        self._judge(cut)

    def _parsed(self, line: bytes) -> Iterator[Message]:
        self._line_number += 1
        try:
            message = parse_line(line)
        except MessageError as err:
            self._skip(line, err)
            return
        yield Records.of_line(message, line, self._line_number) if isinstance(message, Record) else message

    def _texts(self) -> Iterator[bytes | None]:
        """Cut stdout into texts of whole lines, whatever the chunks; None for a moment without any."""
        pieces: list[bytes] = []
        while (chunk := self._read()) != b"":
            self._check_time(chunk)
            if chunk is None:
                yield None
                continue
            end = chunk.rfind(b"\n")
            if end < 0:
                pieces.append(chunk)
                self._check_length(sum(map(len, pieces)))
                continue
            # Copied once: this is the way of all there is.
            yield b"".join((*pieces, memoryview(chunk)[:end]))
            pieces = [chunk[end + 1 :]]
        self._unfinished = b"".join(pieces)

    def _read(self) -> bytes | None:
        asked = time.monotonic()
        chunk = self._process.read(IDLE_S)
        self._waited_s += time.monotonic() - asked
        return chunk

    def _check_time(self, chunk: bytes | None) -> None:
        now, limits = time.monotonic(), self._patience
        if limits.timeout_s is not None and now - self._started > limits.timeout_s:
            self._give_up(f"had not ended after {limits.timeout_s:g} s", "timeout_s")
        if chunk is not None:
            self._heard = now
        elif limits.idle_timeout_s is not None and now - self._heard > limits.idle_timeout_s:
            self._give_up(f"said nothing for {limits.idle_timeout_s:g} s", "idle_timeout_s")

    def _goodbye(self) -> Iterator[Message]:
        """Wait for the end of a tap that has closed its output: it may be clearing up, or hang."""
        closed, limit = time.monotonic(), self._patience.idle_timeout_s or _GOODBYE_S
        while not self._process.ended(IDLE_S):
            if time.monotonic() - closed > limit:
                self._give_up(f"closed its output, had not ended {limit:g} s later,", "idle_timeout_s")
            yield Idle()

    def _give_up(self, what: str, key: str) -> None:
        raise TapTimeoutError(
            f"{self.name} {what} and was ended.",
            f"Nothing was loaded. If it needs longer, raise its '{key}'. {self._log.last_words()}",
        )

    def _check_length(self, length: int) -> None:
        if length > self._patience.max_line_bytes:
            raise TapProtocolError(
                f"{self.name} prints a line of more than {self._patience.max_line_bytes} bytes: "
                f"line {self._line_number + 1}.",
                f"Nothing was loaded. If a record is really that long, raise 'max_line_bytes'. "
                f"{self._log.last_words()}",
            )

    def _skip(self, line: bytes, err: MessageError) -> None:
        """Let a stray line pass, if it is one and they are few."""
        if not line or line.isspace():
            return
        if err.broken or _MESSAGE_WITHIN.search(line):
            reason = err.reason if err.broken else "There is a message in it, behind other text."
            raise TapProtocolError(
                f"{self.name} printed a broken message: line {self._line_number}, {len(line)} bytes. {reason}",
                f"Nothing was loaded, because data may be missing. {self._log.last_words()}",
            )
        self._strays += 1
        if self._strays > STRAY_LINES:
            raise TapProtocolError(
                f"{self.name} printed more than {STRAY_LINES} lines that are no Singer messages; "
                f"the last is line {self._line_number}.",
                f"A tap must log to stderr. {self._log.last_words()}",
            )
        if self._strays <= _SHOWN_STRAYS:
            text = self._log.redact(line.decode(errors="replace").strip())[:_SHOWN_CHARACTERS]
            # JSON may be somebody's data; anything else is a log line that went astray.
            shown = "(JSON, not shown)" if text.startswith(("{", "[")) else repr(text)
            warn(f"{self.name}: line {self._line_number} is no Singer message and was skipped: {shown}")

    def _judge(self, cut: MessageError | None) -> None:
        code = self._exit_code = self._process.wait()
        self._ended = time.monotonic()
        if code != 0:
            raise TapExitError(
                f"{self.name} {describe_exit(code, self._log.headline())}",
                f"Nothing was loaded. {self._log.last_words()}",
                exit_code=code,
            )
        if cut is not None:
            raise TapProtocolError(
                f"{self.name} ended in the middle of line {self._line_number}. {cut.reason}",
                f"Nothing was loaded, because data is missing. {self._log.last_words()}",
            )


def describe_exit(code: int, headline: str) -> str:
    """Put an exit code into words.

    Args:
        code: Negative for a signal.
        headline: What the tap said of it, if anything.

    Example:
        >>> describe_exit(-9, "")
        'was killed by SIGKILL (out of memory?).'
        >>> describe_exit(137, "")
        'ended with exit code 137 (SIGKILL in a child of it; out of memory?).'
        >>> describe_exit(1, "CRITICAL 401 Unauthorized")
        'ended with exit code 1: CRITICAL 401 Unauthorized'
    """
    number = -code if code < 0 else code - _BY_SIGNAL
    known = number in set(signal.Signals)
    name = signal.Signals(number).name if known else f"signal {number}"
    if code < 0:
        ending = f"was killed by {name}" + (" (out of memory?)" if number == signal.SIGKILL else "")
    elif known:
        # What shells and containers say of a process they started.
        why = "; out of memory?" if number == signal.SIGKILL else ""
        ending = f"ended with exit code {code} ({name} in a child of it{why})"
    else:
        ending = f"ended with exit code {code}"
    return f"{ending}: {headline}" if headline else f"{ending}."
