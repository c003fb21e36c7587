"""A store holds whole objects under keys, wherever it is, and never tells its credentials."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.errors import StorageError
from dlt_singer.storage import Store, redact_url

Place = Callable[[Path], str]


@pytest.fixture(
    params=[
        pytest.param(lambda path: str(path / "store"), id="plain path"),
        pytest.param(lambda path: f"file://{path}/store", id="file URL"),
        pytest.param(lambda _: f"memory://{uuid.uuid4().hex}/deep", id="another file system"),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    place: Place = request.param
    return Store(place(tmp_path))


def test_what_was_written_is_read_back(store: Store) -> None:
    store.write("state/prod/tap-x.json", b"\x00one")

    assert store.read("state/prod/tap-x.json") == b"\x00one"
    assert store.exists("state/prod/tap-x.json")


def test_writing_again_replaces_the_object(store: Store) -> None:
    store.write("a", b"first, longer")

    store.write("a", b"second")

    assert store.read("a") == b"second"


def test_a_missing_object_reads_as_none_and_does_not_exist(store: Store) -> None:
    assert store.read("no/such") is None
    assert not store.exists("no/such")


def test_keys_are_listed_sorted_by_string_prefix(store: Store) -> None:
    for key in ("state/b.json", "state/a.json", "state/a/deep.json", "stateless"):
        store.write(key, b"")

    assert store.list("state/") == ["state/a.json", "state/a/deep.json", "state/b.json"]
    assert store.list("state/a") == ["state/a.json", "state/a/deep.json"]
    assert store.list() == ["state/a.json", "state/a/deep.json", "state/b.json", "stateless"]


def test_an_empty_store_lists_nothing(store: Store) -> None:
    assert store.list() == []
    assert store.list("no/such/") == []


def test_a_deleted_object_is_gone_and_deleting_again_is_no_error(store: Store) -> None:
    store.write("a/b", b"1")

    store.delete("a/b")
    store.delete("a/b")

    assert store.read("a/b") is None


def test_a_file_goes_up_and_comes_down_whole(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source.pex"
    source.write_bytes(b"pex" * 1000)

    store.publish(source, "plugins/abc")
    found = store.fetch("plugins/abc", tmp_path / "new" / "copy.pex")

    assert found
    assert (tmp_path / "new" / "copy.pex").read_bytes() == source.read_bytes()


def test_fetching_a_missing_object_creates_no_file(store: Store, tmp_path: Path) -> None:
    assert not store.fetch("no/such", tmp_path / "new" / "copy")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_failed_local_write_keeps_the_old_object_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("a", b"old")

    with pytest.raises(StorageError, match="Cannot publish 'a'"):
        store.publish(tmp_path / "missing", "a")

    assert store.read("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_reader_sees_the_old_object_or_the_new_one_never_half_of_one(tmp_path: Path) -> None:
    store, contents = Store(tmp_path), [b"a" * 2_000_000, b"b" * 3_000_000]
    store.write("key", contents[0])
    seen: list[bytes | None] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(store.read("key"))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(40):
        store.write("key", contents[number % 2])
    done.set()
    reader.join()

    assert [len(data or b"") for data in seen if data not in contents] == []


def test_an_object_half_written_by_another_process_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".a.0123.partial").write_bytes(b"hal")
    store = Store(tmp_path)

    assert store.list() == []


@pytest.mark.parametrize("key", ["../a", "a/../../b", "/etc/passwd"], ids=["parent", "inner parent", "absolute"])
def test_a_key_cannot_lead_out_of_the_store(tmp_path: Path, key: str) -> None:
    with pytest.raises(StorageError, match="leads out"):
        Store(tmp_path / "store").read(key)


def test_a_missing_driver_is_named_with_the_command_that_installs_it() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(StorageError) as caught:
        Store("gs://bucket/x").read("a")

    assert "pip install gcsfs" in caught.value.remedy


def test_an_unknown_protocol_suggests_a_known_one() -> None:
    with pytest.raises(StorageError, match="Did you mean 's3'"):
        Store("s33://bucket/x").read("a")


def test_neither_repr_nor_error_nor_traceback_shows_credentials() -> None:
    store = Store("nosuch://me:hunter22@host/x?sig=abcdef", {"key": "AKIA123", "nested": {"secret": "s3cr3t!"}})

    with pytest.raises(StorageError) as caught:
        store.read("a")

    shown = f"{store!r} {store.url} {''.join(traceback.format_exception(caught.value))}"
    assert "nosuch://host/x" in shown
    assert not [word for word in ("hunter22", "abcdef", "AKIA123", "s3cr3t!") if word in shown]


def test_options_reach_the_driver_and_their_values_are_scrubbed_from_what_it_says() -> None:
    store = Store("memory://x", {"no_such_option": "s3cr3t!"})

    store.write("a", b"1")

    assert store._scrubbed("denied for s3cr3t!") == "denied for ***"


def test_constructing_a_store_imports_no_file_system_library() -> None:
    code = "import sys; from dlt_singer.storage import Store; Store('s3://b'); sys.exit('fsspec' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_local_store_knows_its_directory_and_another_has_none(tmp_path: Path) -> None:
    assert Store(f"file://{tmp_path}/s").local_root == tmp_path / "s"
    assert Store(str(tmp_path)).local_root == tmp_path
    assert Store("s3://bucket/x").local_root is None


@given(
    user=st.from_regex(r"[a-z0-9_.~-]{1,12}", fullmatch=True),
    password=st.from_regex(r"[A-Za-z0-9_.~:%+-]{4,20}", fullmatch=True),
)
def test_no_userinfo_survives_redaction(user: str, password: str) -> None:
    text = f"pip install git+https://{user}:{password}@example.org/x.git failed"

    assert redact_url(text) == "pip install git+https://example.org/x.git failed"


@pytest.mark.parametrize(
    "text",
    [
        "git+ssh://git@example.org/x.git",
        "git+https://example.org/x.git@main#egg=x",
        "mail a@b.org",
        "x @ file:///a/b",
    ],
    ids=["ssh user", "git reference", "no URL", "file URL"],
)
def test_redaction_keeps_text_without_credentials_apart_from_the_user(text: str) -> None:
    assert redact_url(text) == text.replace("git@example", "example")
