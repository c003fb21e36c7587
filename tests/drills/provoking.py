"""How things go wrong around a run: its tap, its disk, its store, its clock, its plugin, its end."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pendulum

import dlt_singer
from tests.drills.drill import Provoke
from tests.drills.servers import Stores
from tests.drills.stage import TAP, Outcome, Project, load, run
from tests.plugins.test_pex_build import make_tap


def the_tap(fault: str) -> Provoke:
    """Return how a tap goes wrong: a name in its `FAULTS`."""

    def provoke(project: Project, _: random.Random, __: Stores) -> Outcome:
        with project.fault(fault):
            return run(project)

    return provoke


def the_store(weather: str) -> Provoke:
    """Return how a store goes wrong: a fault of the proxy's, `/5` if only every fifth request suffers it."""

    def provoke(project: Project, _: random.Random, places: Stores) -> Outcome:
        with places.suffer(weather):
            return run(project)

    return provoke


def a_signal(number: signal.Signals, *, to_tap: bool = False) -> Provoke:
    """Return how a pipeline, or its tap, gets a signal at some moment."""

    def provoke(project: Project, dice: random.Random, _: Stores) -> Outcome:
        pid = project.directory / "pid"
        pid.unlink(missing_ok=True)

        def strike(pipeline: int) -> None:
            while to_tap and not pid.exists():
                time.sleep(0.01)
            time.sleep(dice.uniform(0, project.took_s / (4 if to_tap else 1)))
            with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
                os.kill(int(pid.read_text(encoding="utf-8")) if to_tap else pipeline, number)

        return run(project, meanwhile=strike)

    return provoke


def a_damaged_plugin(project: Project, _: random.Random, __: Stores) -> Outcome:
    """Cut the PEX of the tap in half, as a copy that broke off leaves it."""
    _build(project)
    (lock,) = project.directory.glob(".alto/plugins/*.lock")
    pex = lock.with_suffix("")
    pex.write_bytes(pex.read_bytes()[: pex.stat().st_size // 2])
    return run(project)


def a_hollow_plugin(project: Project, _: random.Random, __: Stores) -> Outcome:
    """Empty a module of the tap once it is unpacked, as a disk that was full leaves it."""
    _build(project)
    (module,) = {each.resolve() for each in project.directory.glob(".alto/pex_root/**/tap_drill.py")}
    module.write_bytes(b"")
    return run(project)


def _build(project: Project) -> None:
    """Make the tap a plugin that is built and unpacked."""
    make_tap(project.directory / "tap-drill", script="tap-drill")
    shutil.copy(TAP, project.directory / "tap-drill" / "tap_drill.py")
    project.configure(command=None, pip_url="./tap-drill")
    run(project, _discover)


def _discover() -> None:
    dlt_singer.discover("tap-drill")


def a_full_disk(place: str) -> Provoke:
    """Return how the disk gets full under a directory of the project: `dlt`, `tmp`, `.alto/reservoir` ..."""

    def provoke(project: Project, _: random.Random, __: Stores) -> Outcome:
        with full_disk(project.directory / place):
            return run(project)

    return provoke


def no_mounts() -> str:
    """Say why no disk can be filled here."""
    return "" if sys.platform == "linux" and os.geteuid() == 0 else "only root can mount a small disk"


def at_once(project: Project, dice: random.Random, _: Stores) -> Outcome:
    """Run the pipeline twice at the same time, from one working directory."""
    codes: list[int] = []

    def another(_: int) -> None:
        time.sleep(dice.uniform(0, project.took_s))
        codes.append(run(project).code)

    outcome = run(project, meanwhile=another)
    return Outcome(outcome.code or codes[0], outcome.said, outcome.rss_mb)


def a_clock(off_s: float, later_s: float) -> Provoke:
    """Return how the clock goes wrong: off by so many seconds, and by so many once the tap has begun."""

    def provoke(project: Project, _: random.Random, __: Stores) -> Outcome:
        pid = project.directory / "pid"
        pid.unlink(missing_ok=True)

        def work() -> None:
            _set_clock(lambda: later_s if pid.exists() else off_s)
            load()

        return run(project, work)

    return provoke


def _set_clock(off_s: Callable[[], float]) -> None:
    """Tell our own modules, dlt's timestamps and `time.time` another time of day, for good."""
    real = time.time

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one
            return datetime.now(tz) + timedelta(seconds=off_s())

    vars(time)["time"] = lambda: real() + off_s()
    vars(pendulum)["now"] = lambda tz=None: pendulum.from_timestamp(time.time(), tz or "UTC")
    for name, module in [*sys.modules.items()]:
        if name.startswith("dlt_singer") and vars(module).get("datetime") is datetime:
            vars(module)["datetime"] = Clock


@contextlib.contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """Lay a full disk with the same files over a directory; whatever it then holds is there afterwards."""
    disk = directory.parent / f"{directory.name}.disk"
    directory.mkdir(parents=True, exist_ok=True)
    disk.mkdir()
    used = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    try:
        with _mounted(["-t", "tmpfs", "-o", f"size={used + (8 << 20)}", "tmpfs"], disk):
            shutil.copytree(directory, disk, symlinks=True, dirs_exist_ok=True)
            with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
                while ballast.write(bytes(4096)):
                    pass
            try:
                with _mounted(["--bind", str(disk)], directory):
                    yield
            finally:
                (disk / "ballast").unlink()
                shutil.rmtree(directory)
                shutil.copytree(disk, directory, symlinks=True)
    finally:
        disk.rmdir()


@contextlib.contextmanager
def _mounted(what: Sequence[str], place: Path) -> Iterator[None]:
    subprocess.run(["mount", *what, str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
