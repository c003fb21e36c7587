"""Outputs: told to Orchestra's webhook where its variables are there, and to nobody otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from orchestra_sdk.http import HTTPClient

from dlt_singer.orchestra import publish
from dlt_singer.testing import CRASH, FakeTap, Table

if TYPE_CHECKING:
    from tests.orchestra.worker import Worker

KEY = "key-of-the-workspace"
TASK = UUID("12345678-1234-5678-1234-567812345678")
USERS = Table("users", [{"id": 1}, {"id": 2}], {"id": "integer"}, ("id",), "id")


@dataclass
class Webhook:
    """Orchestra's webhook, as far as `set_output` sees it."""

    url: str = ""
    status: int = 200
    received: list[tuple[str, object]] = field(default_factory=list)

    def take(self, authorization: str | None, body: dict[str, object]) -> int:
        """Return the status of the answer to a request."""
        if authorization != f"Bearer {KEY}":
            return 401
        if body["event_type"] != "SET_OUTPUT" or UUID(str(body["task_run_id"])) != TASK:
            return 400
        if self.status == 200:
            self.received.append((str(body["output_name"]), body["output_value"]))
        return self.status

    @property
    def variables(self) -> dict[str, str]:
        """What Orchestra sets in a task's process."""
        return {
            "ORCHESTRA_TASK_RUN_ID": str(TASK), "ORCHESTRA_API_KEY": KEY, "ORCHESTRA_WEBHOOK_URL": self.url,
        }  # fmt: skip


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook that listens."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(hook.take(self.headers["Authorization"], body))
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield hook
        server.shutdown()
        thread.join()


def test_a_load_on_orchestra_publishes_its_load_id_and_its_rows(
    tap: FakeTap, worker: Worker, webhook: Webhook
) -> None:
    tap.emits(USERS)

    done = worker.load(**webhook.variables)

    outputs = dict(webhook.received)
    assert done.returncode == 0, done.stderr
    assert f"Load package {outputs['load_id']} is LOADED" in done.stdout
    assert outputs == {"load_id": outputs["load_id"], "rows": 2, "row_counts": {"users": 2}}


def test_a_failed_load_publishes_nothing(tap: FakeTap, worker: Worker, webhook: Webhook) -> None:
    tap.emits(USERS, CRASH(1))

    done = worker.load(**webhook.variables)

    assert done.returncode == 1
    assert webhook.received == []


def test_elsewhere_nothing_is_published_and_nothing_is_said(tap: FakeTap, worker: Worker, webhook: Webhook) -> None:
    tap.emits(USERS)

    done = worker.load(ORCHESTRA_WEBHOOK_URL=webhook.url, ORCHESTRA_API_KEY=KEY)

    assert done.returncode == 0
    assert "rchestra" not in done.stderr
    assert webhook.received == []


def test_a_webhook_that_refuses_is_a_warning_and_the_load_is_complete(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500
    monkeypatch.setattr(HTTPClient._make_request.retry, "sleep", lambda _: None)
    for name, value in webhook.variables.items():
        monkeypatch.setenv(name, value)

    told = publish({"rows": 1, "load_id": "x"})

    assert not told
    assert "Orchestra did not take the output 'rows'" in caplog.text


def test_whoever_starts_a_script_can_have_its_outputs_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLT_SINGER_OUTPUTS", str(tmp_path / "outputs.json"))

    told = publish({"rows": 1})

    assert told
    assert json.loads((tmp_path / "outputs.json").read_text()) == {"rows": 1}


@pytest.mark.parametrize("name", ["rows2", "row counts", ""], ids=["a digit", "a space", "empty"])
def test_a_name_that_orchestra_would_not_take_is_refused_everywhere(name: str) -> None:
    with pytest.raises(ValueError, match="Orchestra takes no output named"):
        publish({name: 1})
