"""The tap: its settings, its streams, and the one session they share.

Time stands still for a run: `end` is read once, so all streams ask for the same windows.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import ClassVar

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from singer_sdk import Tap
from singer_sdk import typing as th

from tap_carbon_intensity import sample
from tap_carbon_intensity.streams import (
    CarbonIntensityStream,
    EntryStream,
    GenerationMixStream,
    HalfHourStream,
    RegionStream,
)
from tap_carbon_intensity.transport import FetchOnce
from tap_carbon_intensity.windows import MAX_DAYS, moment

# Nothing checks `format: date-time`; this refuses the worst before the sync starts.
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$"


class TapCarbonIntensity(Tap):
    """Singer tap for the Carbon Intensity API of Great Britain."""

    name = "tap-carbon-intensity"
    config_jsonschema: ClassVar = th.PropertiesList(
        th.Property(
            "start_date",
            th.DateTimeType(pattern=_DATE),
            title="Start date",
            description="First half-hour of the first sync. Default: 7 days ago; with `sample`, its start.",
        ),
        th.Property(
            "end_date",
            th.DateTimeType(pattern=_DATE),
            title="End date",
            description="Read half-hours that begin before this. Default and latest: now; the sample's end.",
        ),
        th.Property(
            "api_url",
            th.StringType,
            title="API URL",
            default="https://api.carbonintensity.org.uk",
            description="Address of the API.",
        ),
        th.Property(
            "window_days",
            th.IntegerType(minimum=1, maximum=MAX_DAYS),
            title="Window",
            default=MAX_DAYS,
            description="Days per request; the API allows 14.",
        ),
        th.Property(
            "sample",
            th.BooleanType,
            title="Sample",
            default=False,
            description="Read the simulated week shipped with the tap; no network is used.",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            title="User agent",
            default="tap-carbon-intensity",
            description="User-Agent header of the requests.",
        ),
    ).to_dict()

    def discover_streams(self) -> list[CarbonIntensityStream]:
        """Return the three streams; nothing is asked of the API."""
        return [RegionStream(self), EntryStream(self), GenerationMixStream(self)]

    @cached_property
    def end(self) -> datetime:
        """Half-hours that begin before this are read.

        Never later than now: forecasts still change, and a bookmark in the future would skip the changes.
        """
        latest = sample.END if self.config["sample"] else datetime.now(timezone.utc)
        configured = self.config.get("end_date")
        return min(moment(configured), latest) if configured else latest

    @property
    def default_start(self) -> datetime:
        """Where a stream without bookmark begins if no `start_date` is set."""
        return sample.START if self.config["sample"] else self.end - timedelta(days=7)

    @cached_property
    def session(self) -> requests.Session:
        """The session of all streams; says so, once, if it answers from the sample."""
        session = requests.Session()
        transport = self._transport()
        for scheme in ("https://", "http://"):
            session.mount(scheme, transport)
        return session

    def _transport(self) -> BaseAdapter:
        if self.config["sample"]:
            # A warning, so that it is seen where INFO is not: nobody shall take the sample for the real thing.
            self.logger.warning(sample.NOTICE)
            return sample.SampleTransport()
        readers = [s for s in self.streams.values() if s.selected and isinstance(s, HalfHourStream)]
        return FetchOnce() if len(readers) > 1 else HTTPAdapter()
