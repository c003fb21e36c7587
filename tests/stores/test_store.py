"""A store holds whole objects under keys, wherever it is, and never tells its credentials."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.errors import StorageError
from dlt_singer.storage import Store, redact_url
from dlt_singer.storage.listing import Entry
from tests.stores.conftest import Bucket

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


@pytest.fixture(params=["plain path", "file URL", "another file system", "S3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    match request.param:
        case "plain path":
            return Store(tmp_path / "store")
        case "file URL":
            return Store(f"file://{tmp_path}/store")
        case "S3":
            bucket: Bucket = request.getfixturevalue("bucket")
            return Store(bucket.url, bucket.options)
        case _:
            return Store(f"memory://{uuid.uuid4().hex}/deep")


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


def test_a_slice_of_an_object_is_read_as_of_bytes(store: Store) -> None:
    store.write("a", b"0123456789")

    slices = [(0, 4), (3, 7), (8, None), (8, 99), (10, None), (12, 14), (5, 5)]

    assert [store.read("a", *ends) for ends in slices] == [b"0123456789"[slice(*ends)] for ends in slices]
    assert store.read("no/such", 3, 7) is None
    assert store.read("no/such", 3, 3) is None


def test_a_listing_has_sizes_and_times(store: Store) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=2)
    store.write("b/two", b"22")
    store.write("b/one", b"1")

    entries = store.entries("b/")

    assert [(entry.key, entry.size) for entry in entries] == [("b/one", 1), ("b/two", 2)]
    assert all(entry.modified_at is not None and entry.modified_at > before for entry in entries)


@pytest.mark.parametrize(
    ("info", "modified_at"),
    [
        ({"modified": "2026-01-31T12:00:00Z"}, NOON),
        ({"updated": "2026-01-31T13:00:00+01:00"}, NOON),
        ({"mtime": NOON.timestamp()}, NOON),
        ({"LastModified": NOON.replace(tzinfo=None)}, NOON),
        ({"modified": "this morning"}, None),
        ({"modified": ["2026"]}, None),
        ({}, None),
    ],
    ids=["text", "text of another zone", "seconds", "a time without a zone", "words", "something else", "nothing"],
)
def test_a_time_is_told_in_whatever_form_a_driver_has_it(info: dict[str, object], modified_at: object) -> None:
    assert Entry.of("a", {"size": 1, **info}) == Entry("a", 1, modified_at)  # type: ignore[arg-type]  # a case


def test_the_size_of_an_object_is_told_and_a_folder_has_none(store: Store) -> None:
    store.write("a/b", b"123")
    store.write("empty", b"")

    assert [store.size(key) for key in ("a/b", "empty", "a", "no/such")] == [3, 0, None, None]
    assert not store.exists("a")


def test_what_one_writes_another_sees_at_once_even_if_it_has_looked_before(store: Store) -> None:
    store.write("a/1", b"")
    looks = [store.list("a/"), store.exists("a/2")]

    store.write("a/2", b"")
    store.delete("a/1")

    assert looks == [["a/1"], False]
    assert store.list("a/") == ["a/2"]
    assert store.exists("a/2")
    assert not store.exists("a/1")


def test_an_object_is_created_only_if_there_is_none(store: Store) -> None:
    created = [store.create("locks/a", b"first"), store.create("locks/a", b"second")]

    assert created == [True, False]
    assert store.read("locks/a") == b"first"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS], ids=errno.errorcode.get)
def test_where_files_cannot_have_two_names_one_is_created_only_if_there_is_none_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    store = Store(tmp_path)

    created = [store.create("lock", b"first"), store.create("lock", b"second")]

    assert created == [True, False]
    assert store.read("lock") == b"first"
    assert store.list() == ["lock"]


def test_a_name_that_a_file_cannot_have_is_an_error_and_not_an_object_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"Cannot create .*File name too long"):
        Store(tmp_path).create("a" * 300, b"")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")

    with pytest.raises(StorageError, match="symbolic links"):
        Store(tmp_path).list("round/")


def test_of_many_who_create_at_once_one_succeeds(store: Store) -> None:
    if not store.creates_exclusively:
        pytest.skip("This one says that it cannot.")
    everybody = Barrier(8)

    def create(number: int) -> bool:
        everybody.wait()
        return store.create("lock", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(create, range(8)))

    assert sum(created) == 1
    assert store.read("lock") == str(created.index(True)).encode()


def test_a_large_object_is_written_and_read_as_files_are(store: Store) -> None:
    blocks = [bytes([number]) * 1_000_003 for number in range(25)]

    with store.writing("deep/large") as file:
        for block in blocks:
            file.write(block)
    with store.reading("deep/large") as read:
        assert read
        head = read.read(5)
        read.seek(-3, os.SEEK_END)
        tail = read.read()
        read.seek(0)
        whole = hashlib.sha256(read.read()).digest()

    assert (head, tail) == (b"\x00" * 5, b"\x18" * 3)
    assert whole == hashlib.sha256(b"".join(blocks)).digest()


@pytest.mark.parametrize("other", [None, b"short"], ids=["removed", "replaced by a shorter one"])
def test_an_object_that_goes_while_it_is_read_is_an_error(store: Store, other: bytes | None) -> None:
    store.write("a", b"much longer")

    with store.reading("a") as file:
        assert file is not None
        store.delete("a") if other is None else store.write("a", other)
        with pytest.raises(StorageError, match=r"'a' in .* was replaced or removed while it was read"):
            file.read()


def test_reading_a_missing_object_as_a_file_gives_none(store: Store) -> None:
    with store.reading("no/such") as file:
        assert file is None


def test_an_object_whose_writing_fails_does_not_appear(store: Store) -> None:
    store.write("old", b"old")

    def write_half(key: str) -> None:
        with store.writing(key) as file:
            file.write(b"half" * 1_000_000)
            raise RuntimeError

    for key in ("old", "new"):
        with pytest.raises(RuntimeError):
            write_half(key)

    assert store.list() == ["old"]
    assert store.read("old") == b"old"


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
    with pytest.raises(StorageError) as caught:
        Store("gs://bucket/x").read("a")

    assert 'pip install "dlt-singer[gcs]"' in caught.value.remedy


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


def test_a_link_that_somebody_put_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    elsewhere, store = tmp_path / "theirs", Store(str(tmp_path / "store"))
    elsewhere.write_bytes(b"before")
    store.write("logs/other", b"")
    (tmp_path / "store" / "logs" / "mine").symlink_to(elsewhere)

    store.write("logs/mine", b"after")

    assert elsewhere.read_bytes() == b"before"
    assert store.read("logs/mine") == b"after"
