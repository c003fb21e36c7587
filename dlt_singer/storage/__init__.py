"""Whole objects under string keys, on any file system fsspec knows.

In: a URL or path and the driver's options. Out: bytes, files, listings; leases, so that two machines need not do
the same work. A reader sees an old object or a new one, never half of one; nothing rests on renaming or on locks.
"""

from dlt_singer.storage.address import redact_url
from dlt_singer.storage.failure import Patience
from dlt_singer.storage.lease import leased
from dlt_singer.storage.listing import Entry
from dlt_singer.storage.store import Store

__all__ = ["Entry", "Patience", "Store", "leased", "redact_url"]
