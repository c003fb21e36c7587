"""Creating an object only if there is none: in one step where the store can, else by looking first."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dlt_singer.storage.address import partial_name, protocol_of
from dlt_singer.storage.drivers import Driver
from dlt_singer.storage.failure import status_of
from dlt_singer.storage.listing import info_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_EXISTS = frozenset({409, 412})
_NOT_IMPLEMENTED = 501


def create_object(fs: AbstractFileSystem, path: str, data: bytes, driver: Driver) -> bool:
    """Write an object unless there is one, and return whether it was written."""
    if _is_local(fs):
        return create_file(Path(path), data)
    if driver.creates:
        try:
            fs.pipe_file(path, data, mode="create")
            return True
        except FileExistsError:
            return False
        except Exception as err:
            if status_of(err) in _EXISTS:
                return False
            # Some stores speak S3 without its conditions; for them looking first must do.
            if status_of(err) != _NOT_IMPLEMENTED:
                raise
    if info_of(fs, path) is not None:
        return False
    fs.pipe_file(path, data)
    return True


def create_file(path: Path, data: bytes) -> bool:
    """Write a file unless there is one; it appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(partial_name(path.name))
    try:
        partial.write_bytes(data)
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError as err:
        if err.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        return _create_in_place(path, data)
    finally:
        partial.unlink(missing_ok=True)
    return True


def _create_in_place(path: Path, data: bytes) -> bool:
    """The same where files cannot have two names; a reader may see it half written."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


def _is_local(fs: AbstractFileSystem) -> bool:
    protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
    return protocol_of(f"{protocol}://") in ("file", "local")
