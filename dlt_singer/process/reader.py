"""Reads a pipe ahead in a thread: whoever writes it goes on while whoever reads it is busy. Bounded in bytes."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

_CHUNK_BYTES = 1 << 20
_AHEAD_BYTES = 8 << 20
_LOOK_AROUND_S = 0.2
_FEW_BYTES = 16 << 10
_MOMENT_S = 0.005


class Reader:
    """The bytes of a pipe, in chunks.

    Args:
        fd: The pipe; open until `stop` has returned.
        over: Tells that nobody is left whose bytes would count, though somebody may hold the pipe open.
    """

    def __init__(self, fd: int, over: Callable[[], bool]) -> None:
        self._fd = fd
        self._over = over
        self._chunks: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._ended = False
        self._stopping = False
        self._error: OSError | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True, name="tap-stdout")
        self._thread.start()

    def read(self, timeout_s: float) -> bytes | None:
        """Return the next chunk, b"" at the end, None if nothing came within `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self._ended, timeout_s)
            if self._chunks:
                chunk = self._chunks.popleft()
                self._waiting_bytes -= len(chunk)
                self._changed.notify_all()
                return chunk
            if self._error is not None:
                raise self._error
            return b"" if self._ended else None

    def stop(self, patience_s: float) -> None:
        """Read no more; idempotent."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(patience_s)

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._fd, select.POLLIN | select.POLLHUP)
        try:
            while not self._stopping:
                if not poller.poll(_LOOK_AROUND_S * 1000):
                    # Whoever still holds the pipe is no longer guarded: only what was written before counts.
                    if self._over() and not poller.poll(0):
                        break
                    continue
                chunk = os.read(self._fd, _CHUNK_BYTES)
                if not chunk or not self._keep(chunk):
                    break
                if len(chunk) < _FEW_BYTES:
                    # Most taps flush each line. To wake up for each takes more time than to read it.
                    time.sleep(_MOMENT_S)
        except OSError as err:
            self._error = err
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _keep(self, chunk: bytes) -> bool:
        """Hold a chunk for the reader once there is room; return whether it is wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < _AHEAD_BYTES or self._stopping)
            self._chunks.append(chunk)
            self._waiting_bytes += len(chunk)
            self._changed.notify_all()
            return not self._stopping
