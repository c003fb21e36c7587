"""An API on this machine that takes its time: eight lists of rows, in pages, each after a pause."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

PAGE_ROWS = 1_000
PAUSE_S = 0.3
_UPDATED_AT = "2026-01-01T00:00:00Z"


@contextmanager
def slow_api(rows: int) -> Iterator[str]:
    """Answer on the loopback interface until left; yield the address.

    Args:
        rows: Of each list, at `/<any name>?page=<first row>`; `next` is the page after it.
    """

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            first = int(parse_qs(urlsplit(self.path).query).get("page", ["0"])[0])
            after = min(first + PAGE_ROWS, rows)
            page = json.dumps(
                {
                    "rows": [
                        {"id": row, "name": f"row {row}", "amount": row / 7, "updated_at": _UPDATED_AT}
                        for row in range(first, after)
                    ],
                    "next": after if after < rows else None,
                }
            ).encode()
            time.sleep(PAUSE_S)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
