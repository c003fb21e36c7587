"""Stores for drills: directories, or buckets of an S3 API that can be made to fail, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tests.stores.faulty import Fault, faulty_proxy

Kind: TypeAlias = Literal["local", "s3"]


@dataclass
class Stores:
    """Stores for projects: directories of their own, or buckets of one server.

    Attributes:
        endpoint: Where S3's API is; empty for directories.
        weather: A file that says what befalls every request (`busy`), or every fifth one (`busy/5`).
    """

    endpoint: str = ""
    weather: Path = Path()
    _made: int = 0

    def make(self) -> dict[str, object]:
        """Return the keys of `alto.yaml` for a new store."""
        if not self.endpoint:
            return {}
        self._made += 1
        bucket, options = f"drill-{self._made}", self._options()
        maker = os.fork()
        if not maker:
            import fsspec

            fsspec.filesystem("s3", **options).mkdir(bucket)
            os._exit(0)
        os.waitpid(maker, 0)
        return {"storage_url": f"s3://{bucket}/store", "s3_settings": options}

    def _options(self) -> dict[str, object]:
        impatient = {"connect_timeout": 2, "read_timeout": 2, "retries": {"total_max_attempts": 1}}
        return {
            "key": "AKIDEXAMPLE", "secret": "s3cr3t-k3y", "endpoint_url": self.endpoint, "config_kwargs": impatient,
        }  # fmt: skip

    @contextlib.contextmanager
    def suffer(self, weather: str) -> Iterator[None]:
        """Let something befall requests, for the length of a block."""
        self.weather.write_text(weather, encoding="utf-8")
        try:
            yield
        finally:
            self.weather.write_text("none", encoding="utf-8")


@contextlib.contextmanager
def stores(kind: Kind, directory: Path) -> Iterator[Stores]:
    """Yield what makes stores of a kind; a server runs in a process of its own."""
    if kind == "local":
        yield Stores()
        return
    weather = directory / "weather"
    weather.write_text("none", encoding="utf-8")
    reading, writing = os.pipe()
    server = os.fork()
    if not server:
        _serve(writing, weather)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as said:
        endpoint = said.readline().strip()
    try:
        yield Stores(endpoint, weather)
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


def _serve(writing: int, weather: Path) -> None:
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    # The server tells each request.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    def fault_of(number: int) -> Fault:
        fault, _, every = weather.read_text(encoding="utf-8").partition("/")
        return fault if number % int(every or 1) == 0 else "none"  # type: ignore[return-value]  # as drills name it

    with faulty_proxy("http://{}:{}".format(*moto.get_host_and_port()), fault_of) as endpoint:
        os.write(writing, f"{endpoint}\n".encode())
        while True:
            signal.pause()
