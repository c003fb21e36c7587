"""A simulated week of the API, answered without a network.

The transport speaks the contract of the real endpoints, so the streams cannot tell it from the API. The
figures are made up by `scripts/make_sample.py`; they resemble the grid and describe no real half-hour.
"""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from functools import cached_property
from http import HTTPStatus
from importlib import resources
from typing import cast

import requests
from requests.adapters import BaseAdapter

from tap_carbon_intensity.transport import answer
from tap_carbon_intensity.windows import MAX_DAYS, HalfHour, Json, Window

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
END = datetime(2024, 1, 8, tzinfo=timezone.utc)
NOTICE = "Reading a simulated sample of one week (2024-01-01 to 2024-01-07); no network is used."
FILE_NAME = "sample.json.gz"


class SampleTransport(BaseAdapter):
    """Answers `/regional` and `/regional/intensity/{from}/{to}` from the sample, anything else with 404."""

    def send(
        self,
        request: requests.PreparedRequest,
        *args: object,  # noqa: ARG002 - a transport's signature
        **kwargs: object,  # noqa: ARG002 - as above
    ) -> requests.Response:
        """Return what the API would have answered in the sample's week."""
        _, _, path = request.path_url.rpartition("/regional")
        match path.split("/"):
            case [""]:
                return _data(request, self._half_hours[:1])
            case ["", "intensity", _, _]:
                return self._intensity(request, Window.asked_by(request.path_url))
            case _:
                return _error(request, HTTPStatus.NOT_FOUND, "The sample has no such endpoint.")

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _intensity(self, request: requests.PreparedRequest, window: Window) -> requests.Response:
        if window.end - window.start > timedelta(days=MAX_DAYS):
            return _error(request, HTTPStatus.BAD_REQUEST, f"More than {MAX_DAYS} days.")
        # Text in ISO 8601 sorts like time. The API, too, selects by `to` and includes both ends.
        start, end = window.path.split("/")
        return _data(request, [half_hour for half_hour in self._half_hours if start <= str(half_hour["to"]) <= end])

    @cached_property
    def _half_hours(self) -> list[HalfHour]:
        packed = resources.files(__package__).joinpath(FILE_NAME).read_bytes()
        return cast("list[HalfHour]", json.loads(gzip.decompress(packed))["data"])  # our own file


def _data(request: requests.PreparedRequest, half_hours: list[HalfHour]) -> requests.Response:
    return answer(request, json.dumps({"data": half_hours}).encode())


def _error(request: requests.PreparedRequest, status: HTTPStatus, message: str) -> requests.Response:
    error: Json = {"error": {"code": f"{status.value} {status.phrase}", "message": message}}
    return answer(request, json.dumps(error).encode(), status)
