"""The Carbon Intensity tap as its users meet it: an executable against a server with the API's contract.

The tap lives in its own environment, built once per session; this one need not know singer-sdk. The server
is strict where the API is strict (14 days, ISO minutes) and odd where the API is odd (ranges select by `to`).
"""

from __future__ import annotations

import copy
import gzip
import importlib
import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
import uv
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.registry

TAP_DIR = Path(__file__).parents[2] / "taps" / "tap-carbon-intensity"
HALF_HOUR = timedelta(minutes=30)
FUELS = ("wind", "gas")
REGIONS = ((13, "UKPN London", "London"), (18, "GB", "GB"))
NOTICE = "simulated sample"

Message = dict[str, Any]  # a decoded Singer message


@dataclass
class Api:
    """What the server was asked, and the failures it still has to serve first; None is an answer between."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    failures: deque[tuple[int, Mapping[str, str]] | None] = field(default_factory=deque)
    gap: tuple[str, str] = ("", "")

    @property
    def windows(self) -> list[tuple[datetime, datetime]]:
        return [window(path) for path in self.asked if "/intensity/" in path]

    def answer(self, path: str) -> tuple[int, Mapping[str, str], object]:
        self.asked.append(path)
        self.asked_at.append(time.monotonic())
        if failure := self.failures.popleft() if self.failures else None:
            status, headers = failure
            return status, headers, {"error": {"code": str(status), "message": "scripted failure"}}
        if path == "/regional":
            return 200, {}, {"data": [half_hour(minute("2024-03-01T00:00Z"))]}
        start, end = window(path)
        if end - start > timedelta(days=14):
            return 400, {}, {"error": {"code": "400 Bad Request", "message": "more than 14 days"}}
        return 200, {}, {"data": list(self.half_hours(start, end))}

    def half_hours(self, start: datetime, end: datetime) -> Iterator[object]:
        first = datetime(2024, 1, 1, tzinfo=timezone.utc)
        first += ((start - first - HALF_HOUR) // HALF_HOUR) * HALF_HOUR
        while first + HALF_HOUR <= end:
            if first + HALF_HOUR >= start and not self.gap[0] <= f"{first:%Y-%m-%d}" < self.gap[1]:
                yield half_hour(first)
            first += HALF_HOUR


def minute(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=timezone.utc)


def window(path: str) -> tuple[datetime, datetime]:
    start, end = path.split("/")[-2:]
    return minute(start), minute(end)


def half_hour(start: datetime) -> object:
    return {
        "from": f"{start:%Y-%m-%dT%H:%MZ}",
        "to": f"{start + HALF_HOUR:%Y-%m-%dT%H:%MZ}",
        "regions": [
            {
                "regionid": regionid,
                "dnoregion": dnoregion,
                "shortname": shortname,
                "intensity": {"forecast": 100 + start.hour, "index": "low"},
                "generationmix": [{"fuel": "wind", "perc": 40.5}, {"fuel": "gas", "perc": 59.5}],
            }
            for regionid, dnoregion, shortname in REGIONS
        ],
    }


@pytest.fixture
def api() -> Iterator[Api]:
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = state.answer(self.path)
            payload = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep the test output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def tap_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with nothing but the tap and pytest."""
    venv = tmp_path_factory.mktemp("tap") / "venv"
    python = venv / "bin" / "python"
    make_venv = f"venv --quiet --python {sys.executable} {venv}"
    install = f"pip install --quiet --python {python} {TAP_DIR} pytest"
    for command in (make_venv, install):
        subprocess.run([uv.find_uv_bin(), *command.split()], check=True, capture_output=True)
    return python


@pytest.fixture(scope="session")
def catalog(tap_python: Path) -> Message:
    """What `--discover` prints."""
    command = [str(tap_python.with_name("tap-carbon-intensity")), "--discover"]
    found = subprocess.run(command, check=True, capture_output=True).stdout
    return dict(json.loads(found))


@dataclass
class Run:
    """A finished run of the tap."""

    code: int
    messages: Sequence[Message]
    stderr: str

    @property
    def state(self) -> Message:
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return dict(states[-1])

    def records(self, stream: str) -> list[Message]:
        return [m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream]


@dataclass
class TapCommand:
    python: Path
    directory: Path
    api: Api
    catalog: Message

    def __call__(
        self, *arguments: str, state: Message | None = None, select: Sequence[str] = (), **config: object
    ) -> Run:
        """Run the tap against the server; `config` is laid over a period of two days."""
        period = {"start_date": "2024-03-01", "end_date": "2024-03-03"}
        argv = [*arguments, "--config", self.write("config", {"api_url": self.api.url, **period, **config})]
        if state is not None:
            argv += ["--state", self.write("state", state)]
        if select:
            argv += ["--catalog", self.write("catalog", self.selecting(select))]
        done = self.execute(*argv)
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"type"')]
        return Run(done.returncode, [json.loads(line) for line in lines], done.stderr)

    def execute(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # A proxy that is not there: whatever leaves this machine fails.
        env = os.environ | {
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        }
        command = [str(self.python.with_name("tap-carbon-intensity")), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=env, cwd=self.directory)

    def selecting(self, select: Sequence[str]) -> Message:
        catalog = copy.deepcopy(self.catalog)
        for stream in catalog["streams"]:
            root = next(entry for entry in stream["metadata"] if not entry["breadcrumb"])
            root["metadata"]["selected"] = stream["tap_stream_id"] in select
        return catalog

    def write(self, name: str, content: object) -> str:
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)


@pytest.fixture
def tap(tap_python: Path, tmp_path: Path, api: Api, catalog: Message) -> TapCommand:
    return TapCommand(tap_python, tmp_path, api, catalog)


@pytest.fixture(scope="module")
def windows_module() -> Iterator[ModuleType]:
    """The tap's pure module, which needs nothing installed."""
    sys.path.insert(0, str(TAP_DIR))
    yield importlib.import_module("tap_carbon_intensity.windows")
    sys.path.remove(str(TAP_DIR))


def bookmark(run: Run, stream: str) -> str:
    return str(run.state["bookmarks"][stream]["replication_key_value"])


# --- what is read ------------------------------------------------------------------------------------------


def test_the_three_streams_hold_every_region_half_hour_and_fuel_of_the_period_once(tap: TapCommand) -> None:
    run = tap()

    half_hours = {f"{minute('2024-03-01T00:00Z') + n * HALF_HOUR:%Y-%m-%dT%H:%M:%SZ}" for n in range(96)}
    ids = {regionid for regionid, *_ in REGIONS}
    assert run.code == 0, run.stderr
    assert run.records("region") == [
        {"regionid": 13, "dnoregion": "UKPN London", "shortname": "London"},
        {"regionid": 18, "dnoregion": "GB", "shortname": "GB"},
    ]
    assert Counter((r["regionid"], r["from"]) for r in run.records("entry")) == Counter(
        (regionid, start) for regionid in ids for start in half_hours
    )
    assert Counter((r["regionid"], r["from"], r["fuel"]) for r in run.records("generationmix")) == Counter(
        (regionid, start, fuel) for regionid in ids for start in half_hours for fuel in FUELS
    )


def test_records_are_flat_and_carry_the_figures_of_the_api(tap: TapCommand) -> None:
    run = tap(end_date="2024-03-01T00:30Z")

    period = {"regionid": 13, "from": "2024-03-01T00:00:00Z", "to": "2024-03-01T00:30:00Z"}
    assert run.records("entry")[0] == {**period, "forecast": 100, "index": "low"}
    assert run.records("generationmix")[0] == {**period, "fuel": "wind", "perc": 40.5}


def test_each_window_is_fetched_once_for_both_streams_and_never_exceeds_14_days(tap: TapCommand, api: Api) -> None:
    run = tap(end_date="2024-04-10")

    assert run.code == 0, run.stderr
    assert [f"{start:%m-%d} {end:%m-%d}" for start, end in api.windows] == [
        "03-01 03-15",
        "03-15 03-29",
        "03-29 04-10",
    ]
    assert len(run.records("entry")) == 40 * 48 * len(REGIONS)
    assert len(run.records("generationmix")) == 40 * 48 * len(REGIONS) * len(FUELS)


def test_a_gap_of_the_api_longer_than_a_window_does_not_end_the_sync(tap: TapCommand, api: Api) -> None:
    api.gap = ("2024-03-02", "2024-03-05")

    run = tap(end_date="2024-03-06", window_days=1, select=["entry"])

    assert {record["from"][:10] for record in run.records("entry")} == {"2024-03-01", "2024-03-05"}


def test_an_unselected_stream_is_not_read(tap: TapCommand, api: Api) -> None:
    run = tap(select=["generationmix"])

    assert run.code == 0, run.stderr
    assert {m["stream"] for m in run.messages if m["type"] == "RECORD"} == {"generationmix"}
    assert "/regional" not in api.asked
    assert len(api.windows) == 1


def test_forecasts_of_the_future_are_not_asked_for(tap: TapCommand, api: Api) -> None:
    now = datetime.now(timezone.utc)

    run = tap(start_date=f"{now - timedelta(days=1):%Y-%m-%d}", end_date=f"{now + timedelta(days=3):%Y-%m-%d}")

    assert run.code == 0, run.stderr
    assert max(end for _, end in api.windows) < now + timedelta(minutes=10)


def test_without_a_start_date_the_last_seven_days_are_read(tap: TapCommand, api: Api) -> None:
    run = tap(start_date=None, end_date=None)

    assert run.code == 0, run.stderr
    assert [end - start for start, end in api.windows] == [timedelta(days=7)]


# --- where it resumes --------------------------------------------------------------------------------------


def test_a_second_run_resumes_at_the_bookmark_and_repeats_only_the_boundary(tap: TapCommand, api: Api) -> None:
    first = tap()
    api.asked.clear()

    second = tap(state=first.state, end_date="2024-03-03T01:00Z")

    assert bookmark(first, "entry") == bookmark(first, "generationmix") == "2024-03-02T23:30:00Z"
    assert [start for start, _ in api.windows] == [minute("2024-03-02T23:30Z")]
    for stream in ("entry", "generationmix"):
        known = [json.dumps(record) for record in first.records(stream)]
        repeated = [r for r in second.records(stream) if json.dumps(r) in known]
        assert {record["from"] for record in repeated} == {"2024-03-02T23:30:00Z"}
        assert {record["from"] for record in second.records(stream)} == {
            "2024-03-02T23:30:00Z",
            "2024-03-03T00:00:00Z",
            "2024-03-03T00:30:00Z",
        }


def test_an_interrupted_run_leaves_a_state_from_which_nothing_is_lost(tap: TapCommand, api: Api) -> None:
    api.failures.extend([None, None, None, None, (400, {})])

    interrupted = tap(end_date="2024-05-10", select=["generationmix"])
    rest = tap(end_date="2024-05-10", select=["generationmix"], state=interrupted.state)

    first, second = (
        {(r["regionid"], r["from"], r["fuel"]) for r in run.records("generationmix")} for run in (interrupted, rest)
    )
    assert interrupted.code != 0
    assert rest.code == 0, rest.stderr
    assert min(start for _, start, _ in second) == bookmark(interrupted, "generationmix") > "2024-04"
    assert len(first | second) == 70 * 48 * len(REGIONS) * len(FUELS)
    assert "progress_markers" not in json.dumps(interrupted.state)


def test_streams_with_different_bookmarks_each_get_their_own_period(tap: TapCommand) -> None:
    ahead = {"bookmarks": {"entry": {"replication_key": "from", "replication_key_value": "2024-03-02T23:30:00Z"}}}

    run = tap(state=ahead)

    assert len(run.records("entry")) == len(REGIONS)
    assert len(run.records("generationmix")) == 96 * len(REGIONS) * len(FUELS)


def test_nothing_is_asked_when_the_bookmark_lies_behind_the_end(tap: TapCommand, api: Api) -> None:
    run = tap(end_date="2024-03-01", select=["entry"])

    assert run.code == 0, run.stderr
    assert run.records("entry") == []
    assert api.windows == []


# --- how failures are met ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failures",
    [
        pytest.param([(429, {"Retry-After": "0"})], id="429 with seconds to wait"),
        pytest.param([(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})], id="503 with a date to wait for"),
        pytest.param([(500, {})], id="500 without advice"),
    ],
)
def test_a_passing_failure_is_retried_and_loses_nothing(
    tap: TapCommand, api: Api, failures: list[tuple[int, Mapping[str, str]]]
) -> None:
    api.failures.extend(failures)

    run = tap(select=["entry"])

    assert run.code == 0, run.stderr
    assert len(api.asked) == len(failures) + 1
    assert len(run.records("entry")) == 96 * len(REGIONS)


def test_retry_after_is_waited_for(tap: TapCommand, api: Api) -> None:
    api.failures.append((429, {"Retry-After": "2"}))

    run = tap(select=["region"])

    refused, served = api.asked_at
    assert served - refused >= 2.0
    assert len(run.records("region")) == len(REGIONS)


def test_a_lasting_failure_ends_the_run_after_five_tries_and_says_so(tap: TapCommand, api: Api) -> None:
    api.failures.extend([(503, {"Retry-After": "0"})] * 9)

    run = tap(select=["entry"])

    assert run.code != 0
    assert len(api.asked) == 5
    assert f"answered 503 Service Unavailable to {api.url}/regional/intensity/" in run.stderr
    assert "resumes from its state" in run.stderr


def test_any_other_code_ends_the_run_at_once_and_says_why(tap: TapCommand, api: Api) -> None:
    api.failures.append((400, {}))

    run = tap(select=["entry"])

    assert run.code != 0
    assert len(api.asked) == 1
    assert f"answered 400 Bad Request to {api.url}/regional/intensity/" in run.stderr
    assert "scripted failure" in run.stderr


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({"window_days": 15}, "config['window_days']", id="a window of 15 days"),
        pytest.param({"window_days": 0}, "config['window_days']", id="a window of no days"),
        pytest.param({"start_date": "yesterday"}, "config['start_date']", id="a date in words"),
    ],
)
def test_a_setting_out_of_range_is_refused_before_anything_is_asked(
    tap: TapCommand, api: Api, config: Mapping[str, Any], complaint: str
) -> None:
    run = tap(**config)

    assert run.code != 0
    assert complaint in run.stderr
    assert api.asked == []


# --- the sample --------------------------------------------------------------------------------------------


def test_the_sample_is_a_full_week_needs_no_network_and_says_so_once(tap: TapCommand, api: Api) -> None:
    run = tap(sample=True, api_url="https://nowhere.invalid", start_date=None, end_date=None)

    entries, shares = run.records("entry"), run.records("generationmix")
    total = Counter[tuple[int, str]]()
    for share in shares:
        total[share["regionid"], share["from"]] += round(share["perc"] * 10)
    assert run.code == 0, run.stderr
    assert api.asked == []
    assert run.stderr.count(NOTICE) == 1
    assert len(run.records("region")) == 18
    assert len(entries) == 7 * 48 * 18
    assert (entries[0]["from"], entries[-1]["to"]) == ("2024-01-01T00:00:00Z", "2024-01-08T00:00:00Z")
    assert len(shares) == 7 * 48 * 18 * 9
    assert set(total.values()) == {1000}


def test_the_sample_resumes_like_the_api(tap: TapCommand) -> None:
    state = {"bookmarks": {"entry": {"replication_key": "from", "replication_key_value": "2024-01-07T23:30:00Z"}}}

    run = tap(sample=True, start_date=None, end_date=None, state=state, select=["entry"])

    assert {record["from"] for record in run.records("entry")} == {"2024-01-07T23:30:00Z"}
    assert len(run.records("entry")) == 18


def test_the_api_is_read_without_the_sample_notice(tap: TapCommand) -> None:
    run = tap(select=["region"])

    assert NOTICE not in run.stderr


def test_the_shipped_sample_is_what_its_script_makes(tap_python: Path) -> None:
    script = TAP_DIR / "scripts" / "make_sample.py"
    code = f"import runpy, json; m = runpy.run_path({str(script)!r}); print(json.dumps(list(m['half_hours']())))"
    packed = (TAP_DIR / "tap_carbon_intensity" / "sample.json.gz").read_bytes()

    made = subprocess.run([tap_python, "-c", code], check=True, capture_output=True).stdout
    shipped = json.loads(gzip.decompress(packed))

    assert shipped["simulated"].startswith("SIMULATED")
    assert shipped["data"] == json.loads(made)
    assert len(packed) < 500_000


# --- the command -------------------------------------------------------------------------------------------


def test_discovery_names_keys_and_bookmarks(catalog: Message) -> None:
    streams = {s["tap_stream_id"]: (s["key_properties"], s.get("replication_key")) for s in catalog["streams"]}
    assert streams == {
        "region": (["regionid"], None),
        "entry": (["regionid", "from"], "from"),
        "generationmix": (["regionid", "from", "fuel"], "from"),
    }


def test_about_lists_the_settings_as_json(tap: TapCommand) -> None:
    about = json.loads(tap.execute("--about", "--format=json").stdout)

    assert set(about["settings"]["properties"]) >= {
        "start_date",
        "end_date",
        "api_url",
        "window_days",
        "sample",
        "user_agent",
    }


def test_the_connection_test_passes(tap: TapCommand) -> None:
    run = tap("--test")

    assert run.code == 0, run.stderr


def test_the_sdks_own_tests_pass_on_the_sample(tap_python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_sdk.py").write_text(
        "from singer_sdk.testing import get_tap_test_class\n"
        "from tap_carbon_intensity.tap import TapCarbonIntensity\n"
        "config = {'sample': True, 'end_date': '2024-01-01T12:00Z'}\n"
        "TestTap = get_tap_test_class(TapCarbonIntensity, config=config)\n"
    )

    done = subprocess.run(
        [tap_python, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout


# --- windows, by property ----------------------------------------------------------------------------------

INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2020, 6, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001 - the strategy adds the zone


@given(start=INSTANTS, end=INSTANTS, days=st.integers(1, 14))
def test_windows_cover_the_period_without_gap_overlap_or_excess(
    windows_module: ModuleType, start: datetime, end: datetime, days: int
) -> None:
    cut = list(windows_module.windows(start, end, days))

    assert all(timedelta(0) < w.end - w.start <= timedelta(days=days) for w in cut)
    assert all(earlier.end == later.start for earlier, later in pairwise(cut))
    if cut:
        assert timedelta(0) <= cut[0].start - start < timedelta(minutes=1)
        assert timedelta(0) <= cut[-1].end - end < timedelta(minutes=1)
    else:
        assert start > end - timedelta(minutes=1)


def test_a_half_hour_served_twice_counts_once_with_its_later_figures(windows_module: ModuleType) -> None:
    window = windows_module.Window(minute("2024-03-01T00:00Z"), minute("2024-03-01T01:00Z"))
    served = [
        {"from": "2024-03-01T00:30Z", "to": "2024-03-01T01:00Z", "n": 1},
        {"from": "2024-02-29T23:30Z", "to": "2024-03-01T00:00Z", "n": 2},
        {"from": "2024-03-01T00:00Z", "to": "2024-03-01T00:30Z", "n": 3},
        {"from": "2024-03-01T00:30Z", "to": "2024-03-01T01:00Z", "n": 4},
    ]

    kept = [half_hour["n"] for _, _, half_hour in window.half_hours(served)]

    assert kept == [3, 4]
