"""A store that fails for a moment is insisted on; one that fails for good is explained, without its credentials."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.errors import StorageError
from dlt_singer.storage import Patience, Store
from dlt_singer.storage.failure import explained, is_transient
from tests.stores.conftest import Bucket
from tests.stores.faulty import Fault, faulty_proxy

IMPATIENT = {"connect_timeout": 0.3, "read_timeout": 0.3, "retries": {"total_max_attempts": 1}}
ACTIONS: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.read("a"),
    "write": lambda store: store.write("a", b"1"),
    "create": lambda store: store.create("a", b"1"),
    "size": lambda store: store.size("a"),
    "exists": lambda store: store.exists("a"),
    "list": lambda store: store.list("a/"),
    "delete": lambda store: store.delete("a"),
    "fetch": lambda store: store.fetch("a", Path(os.devnull)),
    "publish": lambda store: store.publish(Path(__file__), "a"),
}


@contextmanager
def failing(bucket: Bucket, fault_of: Callable[[int], Fault], patience: Patience | None = None) -> Iterator[Store]:
    with faulty_proxy(bucket.endpoint, fault_of) as endpoint:
        driver = {"config_kwargs": IMPATIENT} if patience is not None else {}
        yield Store(bucket.url, {**replace(bucket, endpoint=endpoint).options, **driver}, patience)


@pytest.mark.parametrize("fault", ["busy", "hang up", "cut short", "answer lost"])
def test_a_store_of_which_every_fifth_request_fails_is_as_good_as_any(
    bucket: Bucket, fault: Fault, tmp_path: Path
) -> None:
    source = tmp_path / "large"
    source.write_bytes(os.urandom(20_000_000))
    with failing(bucket, lambda number: fault if number % 5 == 0 else "none") as store:
        for number in range(6):
            store.write(f"a/{number}", b"%d" % number)
        store.publish(source, "large")
        store.delete("a/0")
        created = [store.create("a/6", b"6"), store.create("a/6", b"again")]

        assert created == [True, False]
        assert store.list("a/") == [f"a/{number}" for number in range(1, 7)]
        assert [store.read(f"a/{number}") for number in range(1, 7)] == [b"%d" % n for n in range(1, 7)]
        assert store.fetch("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_whoever_creates_an_object_is_told_so_even_if_the_answer_is_lost(bucket: Bucket) -> None:
    with failing(bucket, lambda number: "answer lost" if number == 1 else "none") as store:
        assert store.create("lock", b"mine")
        assert not store.create("lock", b"another's")


def test_of_two_who_create_an_object_at_once_the_one_that_is_refused_has_not_created_it(bucket: Bucket) -> None:
    with failing(bucket, lambda number: "conflict" if number == 1 else "none") as store:
        assert not store.create("lock", b"mine")


def test_a_store_that_knows_no_conditions_is_looked_into_before_an_object_is_created(bucket: Bucket) -> None:
    # These are the requests with a condition; behind the first one it looks, which takes two, and writes.
    with failing(bucket, lambda number: "not implemented" if number in {1, 5} else "none") as store:
        created = [store.create("lock", b"first"), store.create("lock", b"second")]

        assert created == [True, False]
        assert store.read("lock") == b"first"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_store_that_cannot_be_reached_is_an_error_that_names_it_and_not_its_credentials(action: str) -> None:
    options = {"key": "AKIDEXAMPLE", "secret": "s3cr3t-k3y", "endpoint_url": "http://127.0.0.1:9"}
    store = Store("s3://bucket/company", {**options, "config_kwargs": IMPATIENT}, Patience(attempts=1))

    with pytest.raises(StorageError) as caught:
        ACTIONS[action](store)

    shown = "".join(traceback.format_exception(caught.value))
    assert "in s3://bucket/company: EndpointConnectionError" in caught.value.reason
    assert "network" in caught.value.remedy
    assert "AKIDEXAMPLE" not in shown
    assert "s3cr3t-k3y" not in shown


def test_a_store_that_never_answers_is_given_up_after_its_timeouts(bucket: Bucket) -> None:
    started = time.monotonic()

    with (
        failing(bucket, lambda _: "silent", Patience(attempts=1)) as store,
        pytest.raises(StorageError, match=r"Timeout"),
    ):
        store.read("a")

    assert time.monotonic() - started < 60


def test_a_store_that_stays_busy_is_given_up(bucket: Bucket) -> None:
    asked: list[int] = []

    def busy(number: int) -> Fault:
        asked.append(number)
        return "busy"

    with (
        failing(bucket, busy, Patience(attempts=3, pause_s=0.01)) as store,
        pytest.raises(StorageError, match="3 attempts"),
    ):
        store.write("a", b"1")

    assert len(asked) == 3


def test_a_bucket_that_is_not_there_is_no_empty_one(bucket: Bucket, tmp_path: Path) -> None:
    store = Store("s3://no-such-bucket/company", bucket.options)

    for action in ("read", "write", "list", "fetch"):
        with pytest.raises(StorageError) as caught:
            ACTIONS[action](store)

        assert caught.value.remedy == "Create the bucket, or correct its name."


def test_what_is_refused_for_good_is_not_tried_again(bucket: Bucket) -> None:
    asked: list[int] = []

    def forbid(number: int) -> Fault:
        asked.append(number)
        return "forbidden"

    with failing(bucket, forbid) as store, pytest.raises(StorageError, match=r"PermissionError.* Give this user"):
        store.write("a", b"1")

    assert len(asked) == 1


@given(attempts=st.integers(1, 8), pause_s=st.floats(0.001, 2), total_s=st.floats(0, 60))
def test_patience_ends_after_its_attempts_and_within_its_time(
    attempts: int, pause_s: float, total_s: float
) -> None:
    patience, waited, tried = Patience(attempts, pause_s, total_s), 0.0, 1

    while (pause := patience.pause(tried, waited)) is not None:
        waited, tried = waited + pause, tried + 1

    assert tried <= attempts
    assert waited <= total_s


class HttpError(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


@pytest.mark.parametrize(
    ("err", "transient"),
    [
        pytest.param(ConnectionResetError(), True, id="connection reset"),
        pytest.param(TimeoutError(), True, id="timeout"),
        pytest.param(OSError(110, "timed out"), True, id="system timeout"),
        pytest.param(HttpError(503), True, id="busy"),
        pytest.param(HttpError(429), True, id="too many requests"),
        pytest.param(HttpError(403), False, id="forbidden"),
        pytest.param(HttpError(412), False, id="precondition failed"),
        pytest.param(PermissionError(), False, id="no permission"),
        pytest.param(FileNotFoundError(), False, id="missing"),
        pytest.param(ValueError(), False, id="wrong option"),
        pytest.param(OSError(28, "disk full"), False, id="disk full"),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(err: Exception, transient: bool) -> None:  # noqa: FBT001 - a case
    assert is_transient(err) is transient


def test_credentials_do_not_come_in_by_the_cause_of_a_failure() -> None:
    inner = RuntimeError("signed with s3cr3t-k3y")
    outer = RuntimeError("request failed")
    outer.__cause__ = inner

    error, cause = explained(outer, "read 'a'", "s3://me:hunter22@bucket/x", {"secret": ["s3cr3t-k3y"]})

    assert cause is None
    assert error.reason == "Cannot read 'a' in s3://bucket/x: RuntimeError: request failed."


def test_of_a_full_disk_is_said_that_it_is_full(tmp_path: Path) -> None:
    error, _ = explained(OSError(28, "No space left on device"), "write 'a'", str(tmp_path), {})

    assert "No space left" in error.reason
    assert error.remedy == "Free some space there, or point the project at another place."


def test_of_a_long_answer_the_first_line_is_shown() -> None:
    error, _ = explained(RuntimeError("No such container.\nRequestId:1\n<Error/>"), "write 'a'", "abfs://b/x", {})

    assert error.reason == "Cannot write 'a' in abfs://b/x: RuntimeError: No such container."


@pytest.mark.parametrize("url", ["gs://bucket/x", "abfs://bucket/x"])
def test_where_there_are_no_directories_a_missing_place_is_the_bucket(url: str) -> None:
    error, _ = explained(FileNotFoundError("/upload/bucket/o"), "write 'a'", url, {})

    assert error.remedy == "Create the bucket, or correct its name."
