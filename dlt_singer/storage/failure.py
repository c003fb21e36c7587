"""What a driver's exception means: whether waiting helps, what to do, what may be shown of it. Pure.

Drivers share no base class, so exceptions are judged by standard class, HTTP status and class name.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dlt_singer.errors import StorageError, did_you_mean
from dlt_singer.storage.address import protocol_of, redact_url, scrubbed
from dlt_singer.storage.drivers import driver_of

_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRANSIENT_NAMES = frozenset({
    "ClientConnectionError", "ClientPayloadError", "ConnectionClosedError", "EndpointConnectionError", "EOFError",
    "FSTimeoutError", "HTTPClientError", "IncompleteRead", "IncompleteReadError", "ResponseParserError",
    "ServiceRequestError", "ServiceResponseError", "SSHException", "TimeoutError", "TransportError",
})  # fmt: skip
_LASTING_NAMES = frozenset({"SSLError", "ProxyConnectionError"})
_TRANSIENT_ERRNO = frozenset(
    getattr(errno, name, -1) for name in (
        "EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "EIO", "ENETDOWN",
        "ENETUNREACH", "EPIPE", "EREMOTEIO", "ETIMEDOUT",
    )
)  # fmt: skip
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_LASTING = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to insist on a request that fails for a reason that may pass.

    Attributes:
        attempts: How many times it is tried in all.
        pause_s: The pause after the first failure; each further one is twice as long.
        total_s: After this time no new attempt is made.
    """

    attempts: int = 4
    pause_s: float = 0.25
    total_s: float = 30.0

    def pause(self, attempt: int, elapsed_s: float) -> float | None:
        """Return how long to wait after a failed attempt; None to give up.

        Args:
            attempt: Which attempt failed, from 1.
            elapsed_s: Time since the first one began.

        Example:
            >>> [Patience(attempts=3).pause(attempt, 0.0) for attempt in (1, 2, 3)]
            [0.25, 0.5, None]
        """
        pause = self.pause_s * 2 ** (attempt - 1)
        return pause if attempt < self.attempts and elapsed_s + pause < self.total_s else None


def is_transient(err: BaseException) -> bool:
    """Return whether the same request may succeed a moment later."""
    names = {base.__name__ for base in type(err).__mro__}
    if isinstance(err, _LASTING) or names & _LASTING_NAMES:
        return False
    # Names go first: the library below may have its own, misleading status for an answer that was cut short.
    if names & _TRANSIENT_NAMES or isinstance(err, ConnectionError | TimeoutError):
        return True
    if (status := status_of(err)) is not None:
        return status in _TRANSIENT_STATUS
    return isinstance(err, OSError) and err.errno in _TRANSIENT_ERRNO


def status_of(err: BaseException) -> int | None:
    """Return the HTTP status behind an exception, None if it has none."""
    for error in _causes(err):
        response = getattr(error, "response", None)
        metadata = response.get("ResponseMetadata") if isinstance(response, Mapping) else None
        found = [
            metadata.get("HTTPStatusCode") if isinstance(metadata, Mapping) else None,
            getattr(error, "status_code", None),
            getattr(error, "status", None),
            getattr(error, "code", None),
        ]
        for status in found:
            if isinstance(status, int) and 100 <= status < 600:  # noqa: PLR2004 - what HTTP has
                return status
    return None


def lacks_bucket(err: BaseException) -> bool:
    """Return whether not the object is missing, but the bucket that should hold it."""
    for error in _causes(err):
        response = getattr(error, "response", None)
        detail = response.get("Error") if isinstance(response, Mapping) else None
        code = detail.get("Code") if isinstance(detail, Mapping) else getattr(error, "error_code", None)
        if str(code) in {"NoSuchBucket", "ContainerNotFound"}:
            return True
    return False


def absent(err: FileNotFoundError) -> None:
    """Return None for a missing object; raise the error again if its whole bucket is missing."""
    if lacks_bucket(err):
        raise err


def explained(
    err: Exception, attempt: str, url: str, options: Mapping[str, object], tries: str = ""
) -> tuple[StorageError, Exception | None]:
    """Return the error to raise for a driver's exception, and the cause it may be raised from.

    Args:
        err: The driver's exception.
        attempt: What was tried: `read 'a/b'`.
        url: The store's root, as the user wrote it.
        options: The driver's options, which are not shown.
        tries: How often and how long it was tried; empty if once.
    """
    # The first line says it; Azure's go on with the whole answer.
    said = scrubbed(_line(err), options).partition("\n")[0]
    reason = f"Cannot {attempt} in {redact_url(url)}: {said.rstrip('.')}{tries}."
    # A cause that quotes credentials would bring them into the traceback.
    clean = all(scrubbed(_line(error), options) == _line(error) for error in _causes(err))
    return StorageError(reason, _remedy(err, url)), err if clean else None


def _line(err: BaseException) -> str:
    return f"{type(err).__name__}: {err}".rstrip(": ")


def _causes(err: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    error: BaseException | None = err
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _remedy(err: Exception, url: str) -> str:
    protocol = protocol_of(url)
    if isinstance(err, ImportError):
        return f"Its driver is missing: run `pip install {driver_of(url).install or protocol}`."
    if isinstance(err, ValueError) and "rotocol" in str(err):
        from fsspec import available_protocols

        return f"{did_you_mean(protocol, available_protocols())} Use s3, gs, abfs, file or a path.".lstrip()
    # Where there are no directories, an object that cannot be written for lack of something lacks its bucket.
    if lacks_bucket(err) or (isinstance(err, FileNotFoundError) and driver_of(url).by_prefix):
        return "Create the bucket, or correct its name."
    disk_full = isinstance(err, OSError) and err.errno in _DISK_FULL
    if disk_full or isinstance(err, PermissionError):
        missing = "Free some space there" if disk_full else "Give this user access"
        return f"{missing}, or point the project at another place."
    if is_transient(err):
        return "Check the address and the network; the store did not answer, or not as it should."
    return "Check the address, the credentials and the driver's options."
