"""A lease keeps two machines from doing the same work; it is lost by silence, never by a clock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlt_singer.errors import StorageError
from dlt_singer.storage import Store, leased
from tests.stores.conftest import Bucket

KEY = "leases/plugins/abc"


@pytest.fixture
def store(bucket: Bucket) -> Store:
    return Store(bucket.url, bucket.options)


def test_a_lease_is_an_object_while_it_is_held_and_gone_afterwards(store: Store) -> None:
    with leased(store, KEY) as held:
        assert held
        assert store.list("leases/") == [KEY]

    assert store.list("leases/") == []


def test_a_lease_ends_with_its_block_also_if_that_fails(store: Store) -> None:
    with pytest.raises(RuntimeError), leased(store, KEY):
        raise RuntimeError

    assert not store.exists(KEY)


def test_of_many_only_one_holds_it_at_a_time(store: Store) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with leased(store, KEY, expiry_s=5):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert most == [1, 1, 1, 1]


def test_whoever_waits_is_told_for_whom_and_leaves_when_the_work_is_done(store: Store) -> None:
    told: list[str] = []
    store.write(KEY, b'{"owner": "machine-a:1:x", "beats": 1}')

    with leased(store, KEY, done=lambda: bool(told), on_wait=told.append, expiry_s=5) as held:
        assert not held

    assert told == ["machine-a"]
    assert store.exists(KEY)


def test_a_holder_that_is_silent_is_taken_to_be_dead(store: Store) -> None:
    store.write(KEY, b'{"owner": "machine-a:1:x", "beats": 1}')

    with leased(store, KEY, expiry_s=0.5) as held:
        assert held


def test_a_holder_that_lives_keeps_it_beyond_its_expiry(store: Store) -> None:
    expiry_s, over = 0.6, threading.Event()
    waited: list[bool] = []

    def wait() -> None:
        with leased(store, KEY, done=over.is_set, expiry_s=expiry_s) as held:
            waited.append(held)

    with leased(store, KEY, expiry_s=expiry_s):
        waiter = threading.Thread(target=wait)
        waiter.start()
        waiter.join(4 * expiry_s)
        over.set()
        waiter.join()

    assert waited == [False]


def test_whoever_has_lost_it_does_not_take_it_from_the_next(store: Store) -> None:
    with leased(store, KEY, expiry_s=0.2):
        store.write(KEY, b'{"owner": "machine-b:1:x", "beats": 1}')

    assert store.read(KEY) == b'{"owner": "machine-b:1:x", "beats": 1}'


def test_whoever_has_lost_it_beats_no_more(tmp_path: Path) -> None:
    store, before = Store(tmp_path), set(threading.enumerate())

    with leased(store, KEY, expiry_s=0.2):
        (beating,) = set(threading.enumerate()) - before
        store.write(KEY, b'{"owner": "machine-b:1:x", "beats": 1}')
        beating.join(30)

        assert not beating.is_alive()
        assert store.read(KEY) == b'{"owner": "machine-b:1:x", "beats": 1}'


def test_a_store_that_refuses_is_an_error_and_the_work_is_not_begun(bucket: Bucket) -> None:
    began: list[bool] = []

    with pytest.raises(StorageError), leased(Store("s3://no-such-bucket/x", bucket.options), KEY):
        began.append(True)

    assert began == []
