"""A secret of every kind is planted; afterwards none is on disk, on a screen, or in the arguments of a process."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import yaml
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer.testing import CRASH, NOISE, STDERR, WAIT, FakeTap, Step, record, schema, state
from tests.cli.conftest import Cli

# Characters that JSON, URLs and shells write in other ways.
ODD = 'p@ss/w"ö rd+%'
KINDS = {
    "config": f"1config{ODD}",
    "nested": f"2nested{ODD}",
    "in a list": f"3list{ODD}",
    "environment": f"4environ{ODD}",
    "pip_url": "5pipurlpassw0rd",
    "alto.secrets.yaml": f"6altosecrets{ODD}",
    "dlt secrets": f"7dltsecrets{ODD}",
    "ALTO_ override": f"8altovariable{ODD}",
    "SOURCES__ variable": f"9dltvariable{ODD}",
    "store": "10storepassw0rd",
    "store option": f"11storeoption{ODD}",
    "mask salt": f"12masksalt{ODD}",
    "variable of the tap": f"13tapvariable{ODD}",
    "database url": "14databasepassw0rd",
}
USERS = schema("users", {"id": "integer", "email": "string"}, ["id"], replication_method="INCREMENTAL",
               replication_key="id")  # fmt: skip
LOGS = schema("logs", {"id": "integer"}, ["id"], replication_method="INCREMENTAL", replication_key="id")
# What the tap, or a driver it uses, may come to know.
KNOWN = [secret for kind, secret in KINDS.items() if kind not in {"pip_url", "store"}]
SAID = [form for secret in KNOWN for form in (secret, json.dumps(secret), quote(secret), quote_plus(secret))]
TELLS: list[Step] = [
    *(STDERR(f"INFO connecting with {form}") for form in SAID),
    STDERR(json.dumps({"level": "error", "message": "refused", "password": KNOWN})),
    *(NOISE(f"stray: {secret}") for secret in KNOWN[:3]),
    USERS,
    record("users", id=1, email="a@b.c"),
    state({"bookmarks": {"users": {"value": 1}}}),
    WAIT(0.3),
    LOGS,
    record("logs", id=1),
]
FAILS = [*TELLS, STDERR(f"CRITICAL 401 for {KINDS['config']} and {quote(KINDS['dlt secrets'])}"), CRASH(1)]


OWN = {"alto.yaml", "alto.secrets.yaml", "secrets.toml", "tap-fake.script", "tap-fake.calls"}


def forms(secret: str) -> set[bytes]:
    texts = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
    }
    return {text.encode() for text in texts} | {base64.b64encode(secret.encode())}


def found_in(content: bytes) -> list[str]:
    return [kind for kind, secret in KINDS.items() if any(form in content for form in forms(secret))]


def left_behind(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file that neither the user nor the fake tap has written, unpacked."""
    for file in directory.rglob("*"):
        if file.is_file() and file.name not in OWN:
            content = file.read_bytes()
            yield str(file), content
            if content.startswith(b"\x1f\x8b"):
                yield f"{file}, unpacked", gzip.decompress(content)


class Watch:
    """Looks at the arguments of all processes until told to stop."""

    def __init__(self) -> None:
        self.processes: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> set[bytes]:
        self._thread.start()
        return self.processes

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                # It may be gone by now.
                with contextlib.suppress(OSError):
                    self.processes.add(process.read_bytes())


@pytest.fixture
def tap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTap]:
    """A tap with secrets everywhere."""
    config = {
        "api_token": KINDS["config"],
        "login": {"deeper": {"password": KINDS["nested"]}},
        "api_keys": [{"key": KINDS["in a list"]}],
        "client_secret": "@format {env[PLANTED_TOKEN]}",
        "sqlalchemy_url": f"postgresql://me:{KINDS['database url']}@localhost/db",
        "variable_token": "",
    }
    options = {
        "reservoir": True,
        "select": ["*.*", "~users.email"],
        "environment": {"TAP_PASSWORD": KINDS["variable of the tap"]},
        "summary_table": True,
        "config": config,
    }
    tap = FakeTap(tmp_path, options=options)
    project = yaml.safe_load((tmp_path / "alto.yaml").read_text())
    wheel = f"https://me:{KINDS['pip_url']}@127.0.0.1:9/tap_built-1.0-py3-none-any.whl"
    project["default"]["taps"]["tap-built"] = {"pip_url": f"tap-built @ {wheel}"}
    (tmp_path / "alto.yaml").write_text(yaml.safe_dump(project))
    secrets = {
        "mask_salt": KINDS["mask salt"],
        "s3_settings": {"secret": KINDS["store option"]},
        "taps": {tap.name: {"config": {"api_key": KINDS["alto.secrets.yaml"]}}},
    }
    (tmp_path / "alto.secrets.yaml").write_text(yaml.safe_dump({"default": secrets}))
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        f"[sources.singer.tap_fake.config]\ndlt_password = {json.dumps(KINDS['dlt secrets'])}\n"
    )
    monkeypatch.setenv("PLANTED_TOKEN", KINDS["environment"])
    monkeypatch.setenv("ALTO_TAPS__TAP_FAKE__CONFIG__VARIABLE_TOKEN", KINDS["ALTO_ override"])
    monkeypatch.setenv("SOURCES__SINGER__TAP_FAKE__CONFIG__SINGER_PASSWORD", KINDS["SOURCES__ variable"])
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # dlt reads its files once in a process, of the directory it was first asked in.
    context = Container()[PluggableRunContext]
    before = context.context
    context.reload(str(tmp_path))
    yield tap
    context.reload(before)


def test_no_secret_is_left_on_disk_on_a_screen_or_in_arguments(
    tap: FakeTap, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}

    def run(*words: str) -> int:
        said = cli(*words)
        seen[" ".join(words)] = said.screen
        return said.code

    load = ("run", "tap-fake", "--destination", "duckdb", "--dataset", "raw")
    with Watch() as processes:
        tap.emits(*FAILS)
        failed = run(*load)
        with pytest.raises(PipelineStepFailed) as caught:
            run("--debug", *load)
        seen["the traceback"] = "".join(traceback.format_exception(caught.value))
        tap.emits(*TELLS)
        loaded = run(*load), run(*load, "--json")
        for words in (("config", "tap-fake"), ("dump",), ("doctor",), ("list",), ("state", "show", "tap-fake")):
            run(*words)
        built = run("build", "tap-built")
        given = next(sync["config"] for sync in tap.syncs if "config" in sync)
        for protocol in ("nosuch", "s3"):
            monkeypatch.setenv("ALTO_STORAGE_URL", f"{protocol}://me:{KINDS['store']}@127.0.0.1:9/x")
            run("dump")
        monkeypatch.setenv("ALTO_STORAGE_URL", f"nosuch://me:{KINDS['store']}@127.0.0.1:9/x")
        stored = run(*load)

    places = [*((words, text.encode()) for words, text in seen.items()), *left_behind(tmp_path)]
    places += [(f"arguments {arguments[:40]!r}", arguments) for arguments in processes]
    assert {place: kinds for place, text in places if (kinds := found_in(text))} == {}
    assert (failed, loaded) == (1, (0, 0))
    assert 0 not in (built, stored)
    assert "***" in seen["the traceback"]
    assert any(b"player.py" in arguments for arguments in processes)
    assert given["client_secret"] == KINDS["environment"]
    assert {given[key] for key in ("api_key", "dlt_password", "variable_token", "singer_password")} == {
        KINDS[kind] for kind in ("alto.secrets.yaml", "dlt secrets", "ALTO_ override", "SOURCES__ variable")
    }
