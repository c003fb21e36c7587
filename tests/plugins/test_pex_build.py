"""Plugins are built by the real tools, once, and started; only what is marked needs the registry."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from dlt_singer.errors import InterpreterNotFoundError, PluginBuildError, PluginError, StorageError
from dlt_singer.pex import PluginBuild, PluginExecutable, executable, publish
from dlt_singer.pex.interpreters import find_interpreter
from dlt_singer.storage import Store

# A build backend of the standard library alone, so that most builds here need nothing from outside.
BACKEND = """
import fcntl, os, pathlib, time, zipfile

def _wheel(directory):
    project = dict(line.split("=", 1) for line in open("tap.cfg").read().split())
    name = project["name"]
    wheel = f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    pathlib.Path("leftover.egg-info").touch()
    if os.path.exists("slow"):
        started = open(open("slow").read(), "w")
        fcntl.flock(started, fcntl.LOCK_EX)  # held as long as this process lives
        while os.path.exists(started.name):
            time.sleep(0.05)
    with zipfile.ZipFile(os.path.join(directory, wheel), "w") as archive:
        archive.writestr(f"{name}.py", open(f"{name}.py").read())
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n"
            + (f"Requires-Dist: {project['requires']}\\n" if "requires" in project else "")
            + (f"Requires-Python: {project['python']}\\n" if "python" in project else ""))
        archive.writestr(f"{info}/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/entry_points.txt",
            f"[console_scripts]\\n{project['script']}={name}:main\\n")
        archive.writestr(f"{info}/RECORD", "".join(
            f"{item},,\\n" for item in archive.namelist()) + f"{info}/RECORD,,\\n")
    return wheel

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory)
"""
CODE = """
import sys
{imports}
def main():
    print("{says}", "%d.%d" % sys.version_info[:2], *sys.argv[1:])
def other():
    print("other entry point")
"""

Progress = list[str]


class Shared(NamedTuple):
    build: PluginBuild
    cache: Path
    found: PluginExecutable
    said: Progress


def make_tap(
    directory: Path,
    says: str = "hello",
    *,
    script: str = "tap-x",
    imports: str = "",
    requires: str = "",
    python: str = "",
) -> Path:
    name = directory.name.replace("-", "_")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "backend.py").write_text(BACKEND)
    (directory / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    wants = f"\nrequires={requires}" if requires else ""
    bound = f"\npython={python}" if python else ""
    (directory / "tap.cfg").write_text(f"name={name}\nscript={script}{wants}{bound}\n")
    (directory / f"{name}.py").write_text(CODE.format(says=says, imports=imports))
    return directory


def run(found: PluginExecutable, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [*found.argv, *arguments],
        env={**os.environ, **found.env, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def get(build: PluginBuild, cache: Path, store: Store | None = None, **options: bool) -> PluginExecutable:
    return executable(build, cache, store, on_progress=print, **options)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """One tap, built once for all tests that only look at it."""
    root = tmp_path_factory.mktemp("project")
    make_tap(root / "taps" / "tap-x")
    build, cache = PluginBuild("tap-x", "./taps/tap-x", root), root / ".alto" / "plugins"
    said: Progress = []
    return Shared(build, cache, executable(build, cache, None, on_progress=said.append), said)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_tap(tmp_path / "taps" / "tap-x")
    return tmp_path


@pytest.fixture
def cache(root: Path) -> Path:
    return root / ".alto" / "plugins"


@pytest.fixture
def built(shared: Shared, root: Path, cache: Path) -> PluginBuild:
    """The same tap in a project of the test's own, built but not unpacked."""
    shutil.copytree(shared.cache, cache)
    return PluginBuild("tap-x", "./taps/tap-x", root)


def test_a_built_plugin_starts_with_its_arguments(shared: Shared) -> None:
    _, _, found, _ = shared

    said = run(found, "--config", "c.json")

    assert said == f"hello {'.'.join(map(str, sys.version_info[:2]))} --config c.json"


def test_the_pex_itself_can_be_run_as_a_file(shared: Shared) -> None:
    _, _, found, _ = shared

    done = subprocess.run(
        [str(found.pex)], env={**os.environ, **found.env}, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("hello")


def test_a_build_says_when_it_starts_and_how_it_ended(shared: Shared) -> None:
    *_, said = shared

    assert said[0] == f"Building tap-x (python {'.'.join(map(str, sys.version_info[:2]))}) …"
    assert said[-1].startswith("Built tap-x in ")
    assert said[-1].endswith("MB)")


def test_the_second_time_nothing_is_built_or_said(shared: Shared) -> None:
    build, cache, first, _ = shared
    said: Progress = []

    found = executable(build, cache, None, on_progress=said.append)

    assert (found, said) == (first, [])


def test_a_build_leaves_nothing_in_the_taps_source(shared: Shared) -> None:
    build, *_ = shared

    left = {path.name for path in (build.root / "taps" / "tap-x").iterdir()}

    assert left == {"backend.py", "pyproject.toml", "tap.cfg", "tap_x.py"}


def test_the_lock_says_what_was_resolved(shared: Shared) -> None:
    _, _, found, _ = shared

    lock = json.loads(found.lock.read_text())

    assert found.lock.name == f"{found.key}.lock"
    assert lock["requirements"] == ["taps/tap-x"]
    assert lock["resolved"] == ["tap-x @ taps/tap-x"]
    assert lock["commands"] == ["tap-x"]


def test_another_entry_point_of_the_same_requirements_needs_no_second_build(shared: Shared) -> None:
    build, cache, first, _ = shared
    other = PluginBuild("tap-x", build.pip_url, build.root, entrypoint="tap_x:other", executable="ignored")

    found = get(other, cache)

    assert found.key == first.key
    assert run(found) == "other entry point"


def test_the_only_tap_of_the_package_is_used_whatever_the_plugins_name(shared: Shared) -> None:
    build, cache, *_ = shared
    said: Progress = []

    found = executable(PluginBuild("mine", build.pip_url, build.root), cache, None, on_progress=said.append)

    assert run(found).startswith("hello")
    assert "'tap-x'" in said[0]


def test_a_command_that_is_not_there_is_an_error_listing_those_that_are(shared: Shared) -> None:
    build, cache, *_ = shared

    with pytest.raises(PluginBuildError, match="There are: tap-x") as caught:
        get(PluginBuild("tap-x", build.pip_url, build.root, executable="tap-xx"), cache)

    assert "Did you mean 'tap-x'?" in caught.value.remedy


def test_a_warm_start_is_a_bare_interpreter_that_needs_the_pex_no_more(built: PluginBuild, cache: Path) -> None:
    found = get(built, cache)
    found.pex.unlink()

    said = run(found)

    assert said.startswith("hello")
    assert Path(found.argv[0]).resolve() == find_interpreter(None).path.resolve()


def test_several_requirements_share_one_environment(root: Path, cache: Path) -> None:
    make_tap(root / "taps" / "tap-y", imports="import tap_z", script="tap-y")
    make_tap(root / "taps" / "tap-z", script="tap-z")

    found = get(PluginBuild("tap-y", "./taps/tap-y ./taps/tap-z --no-index", root), cache)

    assert run(found).startswith("hello")
    assert json.loads(found.lock.read_text())["commands"] == ["tap-y", "tap-z"]


def test_an_entry_point_needs_no_command_of_the_plugins_name(root: Path, cache: Path) -> None:
    make_tap(root / "taps" / "tap-y", script="one")
    make_tap(root / "taps" / "tap-z", script="two")
    build = PluginBuild("tap-y", "./taps/tap-y ./taps/tap-z --no-index", root, entrypoint="tap_z:other")

    found = get(build, cache)

    assert run(found) == "other entry point"
    with pytest.raises(PluginBuildError, match="There are: one, two"):
        get(replace(build, entrypoint=None), cache)


def test_a_tap_comes_from_a_git_repository_at_a_tag(root: Path, cache: Path) -> None:
    repository = make_tap(root / "tap-y", script="tap-y")
    for command in ("init -q", "add -A", "-c user.name=me -c user.email=me@host commit -qm first", "tag v1"):
        subprocess.run(["git", *command.split()], cwd=repository, check=True)

    found = get(PluginBuild("tap-y", f"git+file://{repository}@v1#egg=tap-y", root), cache)

    assert run(found).startswith("hello")
    assert f"tap-y @ git+file://{repository}@" in found.lock.read_text()


def test_a_dependency_left_out_on_purpose_is_not_missed(root: Path, cache: Path) -> None:
    make_tap(root / "taps" / "tap-y", requires="no-such-library", script="tap-y")

    found = get(PluginBuild("tap-y", "./taps/tap-y --no-deps", root), cache)

    assert run(found).startswith("hello")


def test_a_changed_local_tap_is_built_anew(shared: Shared, root: Path, built: PluginBuild, cache: Path) -> None:
    make_tap(root / "taps" / "tap-x", "goodbye")

    after = get(built, cache)

    assert after.key != shared.found.key
    assert run(after).startswith("goodbye")


def test_another_python_is_used_if_asked_for(root: Path, cache: Path) -> None:
    try:
        find_interpreter("3.9")
    except InterpreterNotFoundError:
        pytest.skip("no Python 3.9 on this machine")

    found = get(PluginBuild("tap-x", "./taps/tap-x", root, python="3.9"), cache)

    assert run(found) == "hello 3.9"


def test_a_missing_python_is_an_error_before_anything_is_built(root: Path, cache: Path) -> None:
    with pytest.raises(InterpreterNotFoundError, match=r"asks for python '3\.2'"):
        get(PluginBuild("tap-x", "./taps/tap-x", root, python="3.2"), cache)

    assert not cache.exists()


def test_requirements_that_cannot_be_resolved_show_the_resolvers_reason(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    url = "no-such-tap==99 --find-links https://me:hunter22@localhost:1/links --no-index"

    with pytest.raises(PluginBuildError) as caught:
        get(PluginBuild("tap-x", url, root), cache)

    assert "localhost:1/links" in str(caught.value) or "no-such-tap" in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert not list((cache / ".build").iterdir())


def test_a_missing_dependency_names_both_packages(root: Path, cache: Path) -> None:
    make_tap(root / "taps" / "tap-y", requires="no-such-library")

    with pytest.raises(PluginBuildError) as caught:
        get(PluginBuild("tap-y", "./taps/tap-y --no-index", root), cache)

    assert "no-such-library" in caught.value.reason
    assert caught.value.remedy


def test_a_package_for_another_python_is_refused_and_not_kept(root: Path, cache: Path) -> None:
    make_tap(root / "taps" / "tap-y", python="<3.4", script="tap-y")

    with pytest.raises(PluginBuildError, match=r"tap_y 1.0 is for Python <3\.4, and this is 3\.") as caught:
        get(PluginBuild("tap-y", "./taps/tap-y", root), cache)

    assert "`python:`" in caught.value.remedy
    assert not list(cache.glob("*.lock"))


def test_an_entry_point_that_cannot_be_imported_is_told(root: Path, cache: Path) -> None:
    make_tap(root / "taps" / "tap-y", imports="import not_there", script="tap-y")
    said: Progress = []

    executable(PluginBuild("tap-y", "./taps/tap-y", root), cache, None, on_progress=said.append)

    assert "tap-y: its entry point cannot be imported: ModuleNotFoundError: No module named 'not_there'" in said


BUILDER = """
import signal
# What is started in the background of a shell ignores SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
import sys
from pathlib import Path
from dlt_singer.pex import PluginBuild, executable
root = Path(sys.argv[1])
say = lambda line: print(line, flush=True)
executable(PluginBuild("tap-x", "./taps/tap-x", root), root / ".alto" / "plugins", None, on_progress=say)
"""


def builder(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_processes_at_once_build_once(root: Path) -> None:
    both = [builder(root), builder(root)]

    said = [process.communicate(timeout=90)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert "".join(said).count("Building tap-x") == 1


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_build_that_was_stopped_leaves_no_result_and_the_next_one_works(
    root: Path, cache: Path, stop: signal.Signals
) -> None:
    started, slow = root / "started", root / "taps" / "tap-x" / "slow"
    slow.write_text(str(started))
    process = builder(root)
    until(lambda: started.exists() and is_locked(started))

    process.send_signal(stop)
    process.communicate(timeout=60)

    assert [path.name for path in cache.iterdir() if not path.name.startswith(".")] == []
    assert bool(list((cache / ".build").iterdir())) == (stop is signal.SIGKILL)
    if stop is signal.SIGINT:
        until(lambda: not is_locked(started))
    started.unlink()
    slow.unlink()
    assert run(get(PluginBuild("tap-x", "./taps/tap-x", root), cache)).startswith("hello")
    if stop is signal.SIGINT:
        assert list((cache / ".build").iterdir()) == []


def test_what_a_killed_build_left_is_removed_by_the_next_one_of_any_plugin(
    built: PluginBuild, cache: Path, root: Path
) -> None:
    (cache / ".build" / "0123.abc" / "venv").mkdir(parents=True)

    get(PluginBuild("tap-x", built.pip_url, root, version="2"), cache)

    assert list((cache / ".build").iterdir()) == []


def test_a_plugin_is_kept_in_the_store_and_taken_from_there(root: Path, cache: Path) -> None:
    store, build = Store(root / "store"), PluginBuild("tap-x", "./taps/tap-x", root)
    built = get(build, cache, store)
    said: Progress = []

    elsewhere = root / "elsewhere" / "plugins"
    found = executable(build, elsewhere, store, on_progress=said.append, build_allowed=False)

    assert store.list("plugins/") == [f"plugins/{built.key}{part}" for part in ("", ".lock", ".sha256")]
    assert found.lock.read_text() == built.lock.read_text()
    assert run(found).startswith("hello")
    assert said == [f"Fetched tap-x from {store.url}"]


def a_store_whose_copy_was_cut(shared: Shared, root: Path) -> Store:
    """Publish the shared tap, and cut the end off its PEX there."""
    store, key = Store(root / "store"), f"plugins/{shared.found.key}"
    publish(shared.found, store, on_progress=print)
    store.write(key, (store.read(key) or b"")[:-100])
    return store


def test_what_the_store_damaged_is_refused_where_building_is_not_allowed(shared: Shared, root: Path) -> None:
    store, elsewhere = a_store_whose_copy_was_cut(shared, root), root / "elsewhere" / "plugins"

    with pytest.raises(StorageError, match=r"is not the PEX that was built.*build tap-x --push"):
        get(shared.build, elsewhere, store, build_allowed=False)

    assert [file.name for file in elsewhere.iterdir() if file.is_file()] == []


def test_what_the_store_damaged_is_built_anew_and_replaced_there(shared: Shared, root: Path) -> None:
    store, said = a_store_whose_copy_was_cut(shared, root), Progress()

    executable(shared.build, root / "elsewhere" / "plugins", store, on_progress=said.append)
    healed = get(shared.build, root / "third" / "plugins", store, build_allowed=False)

    assert "is not the PEX that was built" in said[0]
    assert run(healed).startswith("hello")


def test_what_the_store_damaged_is_replaced_by_a_push(shared: Shared, root: Path) -> None:
    store, said = a_store_whose_copy_was_cut(shared, root), Progress()

    assert publish(shared.found, store, on_progress=said.append)
    assert not publish(shared.found, store, on_progress=said.append)

    assert said == [f"{store.url}/plugins/{shared.found.key} is not the PEX that was built, replacing it"]
    assert get(shared.build, root / "elsewhere" / "plugins", store, build_allowed=False).key == shared.found.key


def test_what_was_damaged_here_is_not_pushed(shared: Shared, root: Path) -> None:
    store, built, pex = Store(root / "store"), shared.found.pex, root / "cut"
    pex.write_bytes(built.read_bytes()[:-100])
    shutil.copy(f"{built}.sha256", f"{pex}.sha256")

    with pytest.raises(PluginError, match="is not the PEX that was built") as caught:
        publish(replace(shared.found, pex=pex), store, on_progress=print)

    assert "`dlt-singer clean pex`" in caught.value.remedy
    assert store.list() == []


def test_a_pex_in_the_store_without_its_hash_is_refused(shared: Shared, root: Path) -> None:
    store = Store(root / "store")
    publish(shared.found, store, on_progress=print)
    store.delete(f"plugins/{shared.found.key}.sha256")

    with pytest.raises(StorageError, match="or that is missing"):
        get(shared.build, root / "elsewhere" / "plugins", store, build_allowed=False)


def test_a_store_that_is_the_cache_is_not_copied_to(root: Path, built: PluginBuild, cache: Path) -> None:
    store = Store(root / ".alto")

    found = get(built, cache, store)

    assert not publish(found, store, on_progress=print)
    assert run(found).startswith("hello")


def test_what_nobody_built_is_an_error_where_building_is_not_allowed(root: Path, cache: Path) -> None:
    with pytest.raises(PluginError, match="building is not allowed here") as caught:
        get(PluginBuild("tap-x", "./taps/tap-x", root), cache, Store(root / "store"), build_allowed=False)

    assert "`dlt-singer build tap-x`" in caught.value.remedy


def test_an_unreachable_store_does_not_stop_a_build(root: Path, cache: Path) -> None:
    said: Progress = []

    found = executable(
        PluginBuild("tap-x", "./taps/tap-x", root), cache, Store("nosuch://x"), on_progress=said.append
    )

    assert run(found).startswith("hello")
    assert [line for line in said if "cannot be kept in the store" in line]


def test_a_plugin_whose_lock_is_gone_is_published_without_it(shared: Shared, root: Path) -> None:
    store = Store(root / "store")

    assert publish(replace(shared.found, lock=root / "gone.lock"), store, on_progress=print)

    assert store.list("plugins/") == [f"plugins/{shared.found.key}{part}" for part in ("", ".sha256")]
    assert get(shared.build, root / "elsewhere" / "plugins", store, build_allowed=False).key == shared.found.key


def test_a_plugin_can_be_published_later_once(root: Path, built: PluginBuild, cache: Path) -> None:
    found, store = get(built, cache), Store(root / "store")

    assert publish(found, store, on_progress=print)
    assert not publish(found, store, on_progress=print)
    assert store.exists(f"plugins/{found.key}.lock")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda venv: (venv / "bin" / "python").unlink(), id="its interpreter is gone"),
        pytest.param(
            lambda venv: next(venv.glob("lib/*/site-packages/tap_x.py")).resolve().unlink(), id="a module"
        ),
        pytest.param(
            lambda venv: next(venv.glob("lib/*/site-packages/tap_x.py")).resolve().write_bytes(b""),
            id="what is in a module",
        ),
    ],
)
def test_an_unpacked_plugin_with_holes_is_unpacked_again_without_a_build(
    built: PluginBuild, cache: Path, damage: Callable[[Path], None]
) -> None:
    damage(Path(get(built, cache).argv[-1]))

    found = get(built, cache, build_allowed=False)

    assert run(found).startswith("hello")


def test_a_damaged_pex_is_built_again_by_itself(shared: Shared, built: PluginBuild, cache: Path) -> None:
    pex, said = cache / shared.found.key, Progress()
    pex.write_bytes(pex.read_bytes()[: pex.stat().st_size // 2])

    found = executable(built, cache, None, on_progress=said.append)

    assert run(found).startswith("hello")
    assert "is not the file that was built" in said[0]


def test_a_pex_that_was_replaced_is_never_started(shared: Shared, built: PluginBuild, cache: Path) -> None:
    pex, trace = cache / shared.found.key, cache / "started"
    pex.write_text(f"open({str(trace)!r}, 'w')", encoding="utf-8")

    with pytest.raises(PluginError, match="is not in"):
        get(built, cache, build_allowed=False)

    assert not trace.exists()


@pytest.mark.parametrize(
    ("home", "why"),
    [("/proc/nowhere", "cannot be written"), ("{root}/my project", "has a space in it")],
    ids=["nothing can be written", "scripts cannot start"],
)
def test_where_plugins_cannot_be_they_unpack_into_a_private_temporary_directory(
    root: Path, built: PluginBuild, cache: Path, monkeypatch: pytest.MonkeyPatch, home: str, why: str
) -> None:
    monkeypatch.setenv("DLT_SINGER_HOME", home.format(root=root))
    monkeypatch.setattr(tempfile, "tempdir", str(root))
    said = Progress()

    found = executable(built, cache, None, on_progress=said.append)

    assert run(found).startswith("hello")
    private = root / f"dlt-singer-{os.getuid()}"
    assert Path(found.env["PEX_ROOT"]).parent == private
    assert private.stat().st_mode & 0o077 == 0
    assert [line for line in said if why in line]
    again = Progress()
    assert (executable(built, cache, None, on_progress=again.append), again) == (found, [])


@pytest.mark.registry
def test_a_tap_that_forgot_to_require_pkg_resources_gets_it(root: Path, cache: Path) -> None:
    make_tap(root / "taps" / "tap-y", imports="import pkg_resources", script="tap-y")

    found = get(PluginBuild("tap-y", "./taps/tap-y", root), cache)

    assert run(found).startswith("hello")
    assert [line for line in json.loads(found.lock.read_text())["resolved"] if line.startswith("setuptools==")]
