"""A tap's catalog is discovered once, kept as the tap gave it, and asked for again when its settings change."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from dlt_singer._types import JSON
from dlt_singer.catalog import Catalog
from dlt_singer.config import load_project
from dlt_singer.errors import CatalogError, DiscoveryError
from dlt_singer.tap import Tap
from dlt_singer.tap.discovery import BaseCatalog

Define = Callable[..., Tap]
CATALOG: JSON = {
    "streams": [{"tap_stream_id": "users", "stream": "users", "schema": {"type": "object"}, "metadata": [], "x": 1}]
}
TEXT = json.dumps(CATALOG)
TAP = """
import json, os, sys, time
config = json.load(open(sys.argv[sys.argv.index("--config") + 1])) if "--config" in sys.argv else None
with open("calls", "a") as calls:
    calls.write(json.dumps({{"argv": sys.argv[1:], "config": config}}) + chr(10))
TEXT = {text!r}
{body}
"""


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """Return a function that writes a tap into a project."""

    def defined(body: str | None = None, **options: JSON) -> Tap:
        program = tmp_path / "tap.py"
        if body is not None:
            program.write_text(TAP.format(body=body, text=TEXT))
        tap = {"command": [sys.executable, str(program)], "capabilities": ["catalog", "discover"], **options}
        (tmp_path / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-x": tap}}}))
        project = load_project(tmp_path)
        return Tap(project.tap("tap-x"), project)

    return defined


def calls(tmp_path: Path) -> list[dict[str, object]]:
    file = tmp_path / "calls"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def kept_file(tmp_path: Path, name: str = "base") -> Path:
    (file,) = tmp_path.glob(f".alto/**/tap-x.{name}.json")
    return file


def test_a_discovered_catalog_is_kept_whole_with_its_moment(define: Define, tmp_path: Path) -> None:
    tap = define("print(TEXT)", config={"url": "x"})
    assert tap.kept_catalog() is None

    found = tap.discover()

    kept = tap.kept_catalog()
    assert kept == found
    assert json.loads(kept_file(tmp_path).read_text()) == CATALOG
    assert found.age == "less than a minute old"
    assert [call["config"] for call in calls(tmp_path)] == [{"url": "x"}]


def test_other_settings_have_it_discovered_again(define: Define) -> None:
    define("print(TEXT)", config={"account": "a"}).discover()

    assert define(config={"account": "b"}).kept_catalog() is None
    assert define(config={"account": "a"}, _version="2").kept_catalog() is None
    assert define(config={"account": "a"}).kept_catalog() is not None


def test_a_new_password_changes_nothing(define: Define) -> None:
    define("print(TEXT)", config={"password": "old-password"}).discover()

    assert define(config={"password": "new-password"}).kept_catalog() is not None


def test_no_secret_is_kept_beside_the_catalog(define: Define, tmp_path: Path) -> None:
    define("print(TEXT)", config={"password": "hunter22"}).discover()

    stored = [file for file in tmp_path.glob(".alto/**/*") if file.is_file()]

    assert {file.name for file in stored} == {"tap-x.base.json", "tap-x.base.info.json", ".gitignore"}
    assert not [file for file in stored if "hunter22" in file.read_text()]


def test_overrides_and_rules_of_the_user_do_not_touch_what_is_kept(define: Define, tmp_path: Path) -> None:
    define("print(TEXT)", select=["users.*"], metadata={"users": {"replication-method": "FULL_TABLE"}}).discover()

    assert json.loads(kept_file(tmp_path).read_text()) == CATALOG


@pytest.mark.parametrize(
    "info", [b"", b"{", b"[]", b"{}", b'{"fingerprint": "x"}', b'{"discovered_at": "yesterday"}'], ids=repr
)
def test_a_catalog_nobody_knows_the_settings_of_is_discovered_again(
    define: Define, tmp_path: Path, info: bytes
) -> None:
    tap = define("print(TEXT)")
    tap.discover()

    kept_file(tmp_path, "base.info").write_bytes(info)

    assert tap.kept_catalog() is None


def test_a_catalog_put_there_by_hand_is_used_whatever_the_settings(define: Define, tmp_path: Path) -> None:
    define("print(TEXT)", config={"account": "a"}).discover()
    kept_file(tmp_path, "base.info").unlink()

    found = define(config={"account": "b"}).kept_catalog()

    assert found is not None
    assert found.age == "of unknown age"


def test_a_damaged_kept_catalog_is_an_error_that_names_it_and_the_way_out(define: Define, tmp_path: Path) -> None:
    tap = define("print(TEXT)")
    tap.discover()
    kept_file(tmp_path).write_text(TEXT[:-5])

    with pytest.raises(DiscoveryError, match=r"tap-x\.base\.json, is no catalog") as caught:
        tap.kept_catalog()

    assert "delete it to have it discovered again" in caught.value.remedy


# --- a catalog file ----------------------------------------------------------------------------------------------


def test_a_catalog_file_replaces_discovery(define: Define, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("\ufeff" + TEXT, encoding="utf-8")

    found = define("", catalog="mine.json").kept_catalog()

    assert found == BaseCatalog(Catalog.parse(CATALOG))
    assert calls(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read: .*mine.json"), ("{", "mine.json, is no catalog")],
    ids=["missing", "damaged"],
)  # fmt: skip
def test_a_catalog_file_that_cannot_be_used_is_named(
    define: Define, tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "mine.json").write_text(content)

    with pytest.raises(CatalogError, match=said):
        define("", catalog="mine.json").kept_catalog()


# --- what a tap prints -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "print(json.dumps(json.loads(TEXT), indent=2))",
        "print('Welcome to tap-x!'); print(TEXT)",
        "print('using {defaults}'); print(TEXT); print('Bye {you}')",
        'print(\'{"level": "info"}\'); print(TEXT)',
        "print('catalog: ' + TEXT)",
        "sys.stdout.buffer.write(b'\\xef\\xbb\\xbf' + TEXT.encode())",
    ],
    ids=["indented", "a greeting", "braces around", "a JSON log", "on one line", "byte order mark"],
)
def test_a_catalog_is_found_whatever_is_printed_around_it(define: Define, body: str) -> None:
    assert define(body).discover().catalog == Catalog.parse(CATALOG)


@pytest.mark.parametrize(
    "body",
    ["pass", "print('no catalog today, Ada')", "print(TEXT[:-9])", "sys.stdout.buffer.write(b'{\\xff}')"],
    ids=["nothing", "text", "cut", "bytes"],
)
def test_output_that_is_no_catalog_fails_without_being_shown(define: Define, tmp_path: Path, body: str) -> None:
    with pytest.raises(DiscoveryError, match="What tap-x printed is no catalog") as caught:
        define(body).discover()

    assert "Ada" not in str(caught.value)
    assert not list(tmp_path.glob(".alto/**/*.base.json"))


@pytest.mark.parametrize("body", ["print('[]')", "print('{}')", "print('{\"streams\": 1}')"], ids=repr)
def test_json_of_another_kind_is_no_catalog(define: Define, body: str) -> None:
    with pytest.raises(CatalogError):
        define(body).discover()


def test_a_discovery_that_fails_shows_the_taps_last_words_redacted(define: Define) -> None:
    body = "print('401 for', config['password'], file=sys.stderr); print(TEXT); sys.exit(3)"

    with pytest.raises(DiscoveryError, match="tap-x ended with exit code 3") as caught:
        define(body, config={"password": "hunter22"}).discover()

    assert "401 for ***" in caught.value.remedy


@pytest.mark.parametrize(
    "body",
    ["time.sleep(1000)", "print(TEXT, flush=True); os.close(1); time.sleep(1000)"],
    ids=["silent", "done but for its end"],
)
def test_a_discovery_that_hangs_is_ended_after_its_time(define: Define, body: str) -> None:
    with pytest.raises(DiscoveryError, match=r"took longer than 0\.7 s and was ended") as caught:
        define(body, discover_timeout_s=0.7).discover()

    assert "discover_timeout_s" in caught.value.remedy


def test_a_tap_without_discovery_is_told_where_to_put_a_catalog(define: Define, tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match=r"no discovery \(capabilities: state\)") as caught:
        define("", capabilities=["state"]).discover()

    assert "catalog:" in caught.value.remedy
    assert calls(tmp_path) == []


@pytest.mark.parametrize(
    ("capabilities", "option"), [(["catalog"], "--catalog"), (["properties"], "--properties"), (["state"], None)]
)
def test_a_sync_hands_the_catalog_over_by_the_taps_own_option(
    define: Define, tmp_path: Path, capabilities: JSON, option: str | None
) -> None:
    tap = define("", capabilities=capabilities)

    sync = tap.sync(Catalog.parse(CATALOG), {"a": 1})
    list(sync)
    sync.close()

    (call,) = calls(tmp_path)
    assert isinstance(call["argv"], list)
    options = call["argv"][::2]
    assert options == [
        "--config", *([option] if option else []), *(["--state"] if capabilities == ["state"] else [])
    ]  # fmt: skip


# --- its age -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=59), "less than a minute old"), (timedelta(seconds=-100), "less than a minute old"),
        (timedelta(minutes=1, seconds=1), "1 minute old"), (timedelta(minutes=59), "59 minutes old"),
        (timedelta(hours=1), "1 hour old"), (timedelta(hours=23, minutes=59), "23 hours old"),
        (timedelta(days=1), "1 day old"), (timedelta(days=400), "400 days old"),
    ],
    ids=str,
)  # fmt: skip
def test_the_age_of_a_catalog_is_told_in_words(age: timedelta, words: str) -> None:
    assert BaseCatalog(Catalog.parse(CATALOG), datetime.now(timezone.utc) - age).age == words
