"""The three streams: what the API answers -> flat records.

`entry` and `generationmix` walk the same windows, sorted by `from`, from the bookmark (included) to the
tap's end; `region` is read whole. Requests are retried on 429 and 5xx, after as long as the API asks for.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, cast

import requests
from singer_sdk import RESTStream
from singer_sdk import typing as th
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError
from singer_sdk.pagination import BaseAPIPaginator
from singer_sdk.streams.rest import HTTPRequest, PageContext

from tap_carbon_intensity.windows import HalfHour, Window, windows

if TYPE_CHECKING:
    from backoff.types import Details

    from tap_carbon_intensity.tap import TapCarbonIntensity

_REGION_ID = th.Property("regionid", th.IntegerType, required=True, description="Region, 1 to 18 (18 is GB)")
_FROM = th.Property("from", th.DateTimeType, required=True, description="Start of the half-hour, UTC")
_TO = th.Property("to", th.DateTimeType, description="End of the half-hour, UTC")


class CarbonIntensityStream(RESTStream["Window | None"]):
    """What all streams share: the tap's session, and how the API's failures are met."""

    _tap: TapCarbonIntensity

    @property
    def url_base(self) -> str:
        """The API's address, or that of anything with its contract."""
        return str(self.config["api_url"]).rstrip("/")

    @property
    def requests_session(self) -> requests.Session:
        """One session for all streams, so that they share connections and answers."""
        return self._tap.session

    @property
    def timeout(self) -> int:
        """Seconds without a byte after which a request is tried again."""
        return 60

    def validate_response(self, response: requests.Response) -> None:
        """Let 200 pass.

        Raises:
            RetriableAPIError: 429 or 5xx; given up after five tries.
            FatalAPIError: Any other code.
        """
        if response.status_code == HTTPStatus.OK:
            return
        message = self.response_error_message(response)
        if (
            response.status_code == HTTPStatus.TOO_MANY_REQUESTS
            or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            raise RetriableAPIError(f"{message} Run again later: the sync resumes from its state.", response)
        raise FatalAPIError(f"{message} Check api_url, start_date, end_date and window_days.")

    def response_error_message(self, response: requests.Response) -> str:
        """Say which request the API refused, and its reason if it gives one."""
        try:
            reason = response.json()["error"]["message"]
        except (ValueError, TypeError, KeyError):
            reason = "no reason given."
        code = f"{response.status_code} {response.reason}"
        return f"The Carbon Intensity API answered {code} to {response.url}: {reason}"

    def backoff_wait_generator(self) -> Generator[float, None, None]:
        """Wait as long as Retry-After says, else 1, 2, 4, 8 seconds."""
        doubling = itertools.count()
        return self.backoff_runtime(value=lambda error: retry_after(error, default=2.0 ** next(doubling)))

    def backoff_handler(self, details: Details) -> None:
        """Say nothing: backoff logs each retry itself, and a retry is no error yet."""

    @staticmethod
    def data(response: requests.Response) -> list[HalfHour]:
        """Return the half-hours of an answer.

        Raises:
            FatalAPIError: The body is not `{"data": [...]}`.
        """
        try:
            half_hours = response.json()["data"]
        except (ValueError, TypeError, KeyError):
            half_hours = None
        if not isinstance(half_hours, list):
            raise FatalAPIError(
                f'{response.url} answered 200, but not with {{"data": [...]}}. Check api_url; '
                "behind a proxy, make sure that it lets this address through."
            )
        return half_hours


class RegionStream(CarbonIntensityStream):
    """The regions of Great Britain and their distribution network operators."""

    name = "region"
    path = "/regional"
    primary_keys = ("regionid",)
    replication_key = None
    schema: ClassVar = th.PropertiesList(
        _REGION_ID,
        th.Property("dnoregion", th.StringType, description="Distribution network operator's region"),
        th.Property("shortname", th.StringType, description="Name for readers"),
    ).to_dict()

    def get_new_paginator(self) -> None:
        """One page."""

    def parse_response(self, response: requests.Response) -> Iterator[dict[str, object]]:
        """Yield the regions of the answer's half-hour."""
        for half_hour in self.data(response)[:1]:
            for region in _objects(half_hour["regions"]):
                yield {name: region[name] for name in ("regionid", "dnoregion", "shortname")}


class HalfHourStream(CarbonIntensityStream, abc.ABC):
    """A stream with rows for each region in each half-hour."""

    path = "/regional/intensity"
    replication_key = "from"
    is_sorted = True

    def get_new_paginator(self) -> BaseAPIPaginator[Window | None]:
        """Return the windows from the bookmark, or the start date, to the tap's end."""
        start = self.get_starting_timestamp(None) or self._tap.default_start
        return WindowPaginator(windows(start, self._tap.end, self.config["window_days"]))

    def get_http_request(self, *, page: PageContext[Window | None]) -> HTTPRequest:
        """Ask for one window."""
        request = super().get_http_request(page=page)
        request.url = f"{request.url}/{cast('Window', page.next_page_token).path}"  # never None, see `finished`
        return request

    def parse_response(self, response: requests.Response) -> Iterator[dict[str, object]]:
        """Yield the rows of the window that was asked for, sorted by `from`."""
        window = Window.asked_by(str(response.request.url))
        for start, end, half_hour in window.half_hours(self.data(response)):
            for region in _objects(half_hour["regions"]):
                yield from self.rows(region, start, end)

    @abc.abstractmethod
    def rows(self, region: HalfHour, start: str, end: str) -> Iterator[dict[str, object]]:
        """Yield the rows of one region in one half-hour."""


class EntryStream(HalfHourStream):
    """Forecast carbon intensity per region and half-hour, in gCO2/kWh."""

    name = "entry"
    primary_keys = ("regionid", "from")
    schema: ClassVar = th.PropertiesList(
        _REGION_ID,
        _FROM,
        _TO,
        th.Property("forecast", th.IntegerType, description="Forecast carbon intensity, gCO2/kWh"),
        th.Property("index", th.StringType, description="very low, low, moderate, high or very high"),
    ).to_dict()

    def rows(self, region: HalfHour, start: str, end: str) -> Iterator[dict[str, object]]:
        """Yield one row."""
        intensity = cast("HalfHour", region["intensity"])  # the API's contract
        yield {
            "regionid": region["regionid"],
            "from": start,
            "to": end,
            "forecast": intensity["forecast"],
            "index": intensity["index"],
        }


class GenerationMixStream(HalfHourStream):
    """Share of each fuel in the generation per region and half-hour, in percent."""

    name = "generationmix"
    primary_keys = ("regionid", "from", "fuel")
    schema: ClassVar = th.PropertiesList(
        _REGION_ID,
        _FROM,
        _TO,
        th.Property("fuel", th.StringType, required=True, description="biomass, coal, gas, imports, ..."),
        th.Property("perc", th.NumberType, description="Share of the generation, percent"),
    ).to_dict()

    def rows(self, region: HalfHour, start: str, end: str) -> Iterator[dict[str, object]]:
        """Yield one row per fuel."""
        for share in _objects(region["generationmix"]):
            yield {
                "regionid": region["regionid"],
                "from": start,
                "to": end,
                "fuel": share["fuel"],
                "perc": share["perc"],
            }


class WindowPaginator(BaseAPIPaginator["Window | None"]):
    """Each window is a page; there may be none, and an empty one does not end the walk."""

    def __init__(self, pages: Iterator[Window]) -> None:
        super().__init__(next(pages, None))
        self._pages = pages

    @property
    def finished(self) -> bool:
        """Whether no window is left."""
        return super().finished or self.current_value is None

    def continue_if_empty(self, response: requests.Response) -> bool:  # noqa: ARG002 - the SDK's signature
        """Go on: the API has gaps."""
        return True

    def get_next(self, response: requests.Response) -> Window | None:  # noqa: ARG002 - the SDK's signature
        """Return the next window."""
        return next(self._pages, None)


def retry_after(error: Exception, default: float) -> float:
    """Return the seconds the failed response asks to wait for, `default` if it does not say.

    Retry-After is a number of seconds or a date.
    """
    response = getattr(error, "response", None)
    asked = "" if response is None else response.headers.get("Retry-After", "")
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return default


def _objects(value: object) -> Iterable[HalfHour]:
    return cast("Iterable[HalfHour]", value)  # the API's contract: an array of objects
