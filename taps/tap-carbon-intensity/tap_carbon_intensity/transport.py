"""How a request becomes a response: the transport a `requests.Session` is mounted with.

`FetchOnce` lets several streams read one window while the API sees one request. It keeps bodies in an
unnamed temporary file, so memory stays flat over years of history and nothing is left behind on disk.
"""

from __future__ import annotations

import io
import tempfile
import zlib
from http import HTTPStatus

import requests
from requests.adapters import HTTPAdapter


class FetchOnce(HTTPAdapter):
    """Ask the API at most once per URL; answer again from what was kept.

    Only successful answers are kept: a retry always reaches the API.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bodies = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close(), with the session
        self._kept: dict[str, tuple[int, int]] = {}

    def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
        """Return the kept answer to the request's URL, or fetch and keep it."""
        url = str(request.url)
        if url in self._kept:
            return answer(request, self._read(*self._kept[url]))
        response = super().send(request, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        if response.status_code == HTTPStatus.OK:
            self._kept[url] = self._append(response.content)
        return response

    def close(self) -> None:
        """Forget everything and close the connections."""
        self._kept.clear()
        self._bodies.close()
        super().close()

    def _append(self, body: bytes) -> tuple[int, int]:
        offset = self._bodies.seek(0, io.SEEK_END)
        return offset, self._bodies.write(zlib.compress(body, level=1))

    def _read(self, offset: int, length: int) -> bytes:
        self._bodies.seek(offset)
        return zlib.decompress(self._bodies.read(length))


def answer(request: requests.PreparedRequest, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> requests.Response:
    """Return the response a server would have sent with this body."""
    response = requests.Response()
    response.request = request
    response.url = str(request.url)
    response.status_code = status.value
    response.reason = status.phrase
    response.headers["Content-Type"] = "application/json"
    response.raw = io.BytesIO(body)
    return response
