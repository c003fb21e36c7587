"""What is there: facts of one object, or of all under a folder, whatever words a driver has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from dlt_singer.storage.address import is_partial
from dlt_singer.storage.drivers import Driver
from dlt_singer.storage.failure import absent

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_MODIFIED = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a listing.

    Attributes:
        key: Its key.
        size: Its length in bytes.
        modified_at: When it was written; None if the store does not say.
    """

    key: str
    size: int
    modified_at: datetime | None = None

    @classmethod
    def of(cls, key: str, info: Mapping[str, object]) -> Entry:
        """Return the entry for what fsspec says of an object."""
        moment = next((info[name] for name in _MODIFIED if info.get(name)), None)
        return cls(key, int(str(info.get("size") or 0)), _moment(moment))


def info_of(fs: AbstractFileSystem, path: str) -> Mapping[str, object] | None:
    """Return what is known of an object, None if there is none.

    fsspec's own `exists` and `isfile` take a store that cannot be reached for an empty one.
    """
    fs.invalidate_cache()
    try:
        info: Mapping[str, object] = fs.info(path)
    except FileNotFoundError as err:
        absent(err)
        return None
    return info if info.get("type") == "file" else None


def find(fs: AbstractFileSystem, folder: str, name: str, driver: Driver) -> dict[str, Mapping[str, object]]:
    """Return all objects below a folder by path; those being written are left out.

    Args:
        fs: The file system.
        folder: Where to look.
        name: What paths below the folder begin with; a driver that cannot tell lists all.
        driver: What is known of the store.

    Raises:
        Exception: The driver's; fsspec's own walk would leave out what it may not read, without a word.
    """
    fs.invalidate_cache()
    narrowed = ({"prefix": name} if name else {}) if driver.by_prefix else {"on_error": _unless_absent}
    try:
        found = fs.find(folder, detail=True, **narrowed)
    except FileNotFoundError as err:
        absent(err)
        return {}
    return {path: info for path, info in found.items() if not path.endswith("/") and not is_partial(path)}


def _unless_absent(err: Exception) -> None:
    """A folder may go while it is walked."""
    if not isinstance(err, FileNotFoundError | NotADirectoryError):
        raise err


def _moment(value: object) -> datetime | None:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, timezone.utc)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)
