"""A real S3 API on loopback, one server for all tests, one bucket for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import fsspec
import pytest
from moto.server import ThreadedMotoServer


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the test's own, and how to reach it."""

    name: str
    endpoint: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}/company"

    @property
    def options(self) -> dict[str, object]:
        return {"key": "AKIDEXAMPLE", "secret": "s3cr3t-k3y", "endpoint_url": self.endpoint}


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_endpoint: str) -> Bucket:
    made = Bucket(f"bucket-{uuid.uuid4().hex}", s3_endpoint)
    fsspec.filesystem("s3", **made.options).mkdir(made.name)
    return made
