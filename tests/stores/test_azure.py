"""Azure's store, behind its emulator: what S3 is tested for holds there.

Left out where `azurite-blob` is not on PATH, or the extra `azure` is not installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest

from dlt_singer.errors import StorageError
from dlt_singer.storage import Store
from tests.plugins.test_pex_build import until

AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Not a secret: the one key that every Azurite has."""

pytestmark = [
    pytest.mark.registry,
    # The drivers leave sessions open, and send large bodies in one piece.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]


@dataclass(frozen=True, slots=True)
class Cloud:
    """A container of the test's own, and how to reach it."""

    bucket: str
    options: dict[str, object]

    def store(self, bucket: str | None = None) -> Store:
        return Store(f"abfs://{bucket or self.bucket}/alto/shop", self.options)


def answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def azure() -> Iterator[Cloud]:
    pytest.importorskip("adlfs")
    if shutil.which("azurite-blob") is None:
        pytest.skip("azurite-blob is not on PATH")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "azurite-blob",
        "--silent",
        "--inMemoryPersistence",
        "--skipApiVersionCheck",
        "--blobPort",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        until(lambda: answers(port))
        account = "AccountName=devstoreaccount1"
        endpoint = f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1"
        text = f"DefaultEndpointsProtocol=http;{account};AccountKey={AZURITE_KEY};{endpoint};"
        yield Cloud("", {"connection_string": text})
        server.terminate()


@pytest.fixture
def cloud(azure: Cloud) -> Cloud:
    made = Cloud(f"bucket-{uuid.uuid4().hex}", azure.options)
    fsspec.filesystem("abfs", **made.options).mkdir(made.bucket)
    return made


def test_an_object_is_created_once_whoever_comes_at_the_same_time(cloud: Cloud) -> None:
    store = cloud.store()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: store.create("leases/a", str(number).encode()), range(8)))

    assert made.count(True) == 1
    assert store.read("leases/a") == str(made.index(True)).encode()


def test_what_is_written_is_read_and_listed_at_once(cloud: Cloud, tmp_path: Path) -> None:
    store, large = cloud.store(), tmp_path / "large"
    large.write_bytes(os.urandom(20_000_000))
    names = ["state/a.json", "state/ü ä#?%.json", "state-of-others/a.json"]

    for name in names:
        store.write(name, b"{}")
    store.write(names[0], b"newer")
    store.publish(large, "plugins/large")
    found = store.fetch("plugins/large", tmp_path / "fetched")

    assert store.read(names[0]) == b"newer"
    assert store.list("state/") == sorted(names[:2])
    assert found
    assert (tmp_path / "fetched").read_bytes() == large.read_bytes()
    store.delete(names[0])
    assert (store.list("state/"), store.read(names[0]), store.exists(names[0])) == ([names[1]], None, False)


def test_a_bucket_that_is_not_there_is_named_in_one_line(cloud: Cloud) -> None:
    with pytest.raises(StorageError) as caught:
        cloud.store("nowhere").write("a", b"1")

    assert "nowhere/alto/shop" in caught.value.reason
    assert "\n" not in caught.value.reason
    assert caught.value.remedy == "Create the bucket, or correct its name."
