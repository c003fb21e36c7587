"""A lease: the right to do a piece of work, so that two machines need not do it both.

In: a store and a key. Out: a block that runs while the lease is held. It saves work and is never what correctness
rests on: a holder that stops for long enough loses it without being told, and so may two who start at once on a
store that cannot create exclusively. No clock is compared: who waits watches whether the holder still beats.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dlt_singer.errors import StorageError
from dlt_singer.storage.store import Store

_BEATS_PER_LIFE = 4
_LOOKS_PER_LIFE = 60


@contextmanager
def leased(
    store: Store,
    key: str,
    *,
    done: Callable[[], bool] = lambda: False,
    on_wait: Callable[[str], None] = lambda _: None,
    expiry_s: float = 60.0,
) -> Iterator[bool]:
    """Hold a lease for the length of a block, waiting for whoever has it.

    Args:
        store: Where the lease's object is.
        key: Its key; there is an object as long as somebody holds it.
        done: Asked while waiting: whether the work has been done meanwhile, so that the lease is not needed.
        on_wait: Called once, with the name of the holder, if there is somebody to wait for.
        expiry_s: A holder that has not beaten for so long is taken to be dead.

    Yields:
        Whether the lease is held; False if the work was done by somebody else.

    Raises:
        StorageError: The store refuses, or does not answer.

    Example:
        >>> with leased(Store("memory://docs"), "leases/index") as held:
        ...     print(held)
        True
    """
    lease = _Lease(store, key, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}")
    if not _acquired(lease, done, on_wait, expiry_s):
        yield False
        return
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(lease, stop, expiry_s / _BEATS_PER_LIFE), daemon=True)
    beating.start()
    try:
        yield True
    finally:
        stop.set()
        beating.join()
        # Whoever waits finds out by the missing beats, too.
        with suppress(StorageError):
            lease.give_up()


@dataclass(slots=True)
class _Lease:
    store: Store
    key: str
    owner: str
    beats: int = field(default=0)

    def take(self) -> bool:
        return self.store.create(self.key, self._text())

    def renew(self) -> bool:
        """Beat; False if the lease is another's by now."""
        if not self.is_mine():
            return False
        self.beats += 1
        self.store.write(self.key, self._text())
        return True

    def give_up(self) -> None:
        if self.is_mine():
            self.store.delete(self.key)

    def is_mine(self) -> bool:
        return _owner(self.store.read(self.key)) == self.owner

    def _text(self) -> bytes:
        return json.dumps({"owner": self.owner, "beats": self.beats}).encode()


def _acquired(lease: _Lease, done: Callable[[], bool], on_wait: Callable[[str], None], expiry_s: float) -> bool:
    seen: bytes | None = None
    since = time.monotonic()
    while not lease.take():
        if done():
            return False
        found = lease.store.read(lease.key)
        if found is not None and seen is None:
            on_wait(_owner(found).partition(":")[0] or "somebody")
        if found != seen:
            seen, since = found, time.monotonic()
        elif time.monotonic() - since > expiry_s:
            lease.store.delete(lease.key)
            continue
        time.sleep(expiry_s / _LOOKS_PER_LIFE)
    return True


def _beat(lease: _Lease, stop: threading.Event, every_s: float) -> None:
    while not stop.wait(every_s):
        try:
            if not lease.renew():
                return
        # A beat that fails is made up for by the next; if none succeeds, the lease is lost, which is allowed.
        except StorageError:
            continue


def _owner(text: bytes | None) -> str:
    try:
        return str(json.loads(text or b"{}").get("owner", ""))
    except (ValueError, AttributeError):
        return ""
