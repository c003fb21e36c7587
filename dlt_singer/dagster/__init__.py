"""Every stream of a tap as a Dagster asset; needs the extra `dlt-singer[dagster]`.

    from dlt_singer.dagster import singer_definitions

    definitions = singer_definitions(destination="duckdb", dataset_name="raw")

Defining starts no process and does not import dlt; a step does both. Names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt_singer.dagster.dlt_assets import SingerDltTranslator
    from dlt_singer.dagster.factory import singer_assets, singer_definitions
    from dlt_singer.dagster.streams import StreamAsset
    from dlt_singer.dagster.translator import SingerTranslator

__all__ = ["SingerDltTranslator", "SingerTranslator", "StreamAsset", "singer_assets", "singer_definitions"]

_HOMES = {
    "SingerDltTranslator": "dlt_assets",
    "SingerTranslator": "translator",
    "StreamAsset": "streams",
    "singer_assets": "factory",
    "singer_definitions": "factory",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
