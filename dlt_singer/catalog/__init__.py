"""The Singer catalog: its model, select rules and the user's overrides. Pure; operations return new ones."""

from __future__ import annotations

from dlt_singer.catalog.difference import difference
from dlt_singer.catalog.explanation import Choice, StreamChoice, explain
from dlt_singer.catalog.model import Breadcrumb, Catalog, PropertyPath, Stream
from dlt_singer.catalog.overrides import users_keys, users_mapping, with_metadata, with_schema
from dlt_singer.catalog.selection import Selection, narrow, select

__all__ = [
    "Breadcrumb",
    "Catalog",
    "Choice",
    "PropertyPath",
    "Selection",
    "Stream",
    "StreamChoice",
    "difference",
    "explain",
    "narrow",
    "select",
    "users_keys",
    "users_mapping",
    "with_metadata",
    "with_schema",
]
