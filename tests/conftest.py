"""What every test may rely on: nobody's variables, and no telemetry."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

LONG = {
    "airflow",
    "conformance",
    "dagster",
    "docs",
    "drills",
    "orchestra",
    "pipelines",
    "plugins",
    "stores",
    "taps",
}

# Images of containers often switch bytecode off: then each of a thousand processes compiles all of dlt, which takes
# two thirds of what importing it does. Here, as everything else is imported after it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes says more of the machine than of the code; pytest-timeout sees to what hangs.
settings.register_profile("any machine", deadline=None)
settings.register_profile("few examples", deadline=None, max_examples=15)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the configuration of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("ALTO_", "SOURCES__", "DESTINATION__", "DLT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Leave the loggers as they were: a command sets them up for its terminal."""
    loggers = [logging.getLogger("dlt_singer"), logging.getLogger("dlt_singer.tap")]
    before = [(logger.propagate, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (propagate, level, handlers) in zip(loggers, before, strict=True):
        logger.propagate, logger.handlers = propagate, handlers
        logger.setLevel(level)


def pytest_configure() -> None:
    """Let what tests start be interrupted: a shell that runs them in the background has switched that off."""
    # Only a main thread may.
    with contextlib.suppress(ValueError):
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is alone with one at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden files be written anew, to be reviewed as a diff, and stories be told with another backend."""
    parser.addoption("--backend", choices=["arrow", "rows", "auto"], help="how the stories' taps are decoded")
    parser.addoption("--update-golden", action="store_true", help="write the golden screens anew")
