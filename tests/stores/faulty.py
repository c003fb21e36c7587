"""A proxy in front of a store that fails as networks and overloaded stores do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

Fault: TypeAlias = Literal[
    "none", "busy", "forbidden", "conflict", "not implemented",
    "hang up", "answer lost", "cut short", "silent", "slow",
]  # fmt: skip
_STATUS = {"busy": 503, "forbidden": 403, "conflict": 409, "not implemented": 501}
_SLOW_S = 0.3
_OWN = frozenset({"connection", "transfer-encoding", "content-length"})


@contextmanager
def faulty_proxy(endpoint: str, fault_of: Callable[[int], Fault]) -> Iterator[str]:
    """Serve an endpoint for the length of a block; `fault_of` says what befalls each request, counted from 1."""
    over = threading.Event()
    numbers = count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = fault_of(next(numbers))
            self.close_connection = fault not in {"none", "slow"}
            if fault == "hang up":
                return
            if fault == "silent":
                over.wait()
                return
            if fault in _STATUS:
                self.send_error(_STATUS[fault])
                return
            over.wait(_SLOW_S if fault == "slow" else 0)
            status, headers, answer = self.asked(body)
            if fault == "answer lost":
                return
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            length = dict(headers).get("Content-Length", "0") if self.command == "HEAD" else str(len(answer))
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(answer[: len(answer) // 2] if fault == "cut short" else answer)

        def asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            upstream = HTTPConnection(urlsplit(endpoint).netloc)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            try:
                return answer.status, answer.getheaders(), answer.read()
            finally:
                upstream.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815 - the base class names them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
