"""Many jobs at once: their lines, their limit, their outcomes, and their end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dlt_singer.orchestra import Job, run_jobs, summary
from dlt_singer.testing import CRASH, STDERR, FakeTap, Table

if TYPE_CHECKING:
    from tests.orchestra.worker import Worker

RUN_MULTIPLE = Path(__file__).parents[2] / "pipelines" / "run_multiple_pipelines.py"


def python(name: str, code: str) -> Job:
    return Job(name, (sys.executable, "-u", "-I", "-S", "-c", code))


def test_outcomes_come_in_the_order_of_the_jobs_with_why_they_failed(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [python("a", "import sys; print('one'); sys.exit('it is closed')"), python("b", "print('two')")]

    outcomes = run_jobs(jobs, parallel=2)

    assert [(each.job.name, each.exit_code, each.reason) for each in outcomes] == [
        ("a", 1, "it is closed"), ("b", 0, ""),
    ]  # fmt: skip
    assert {"[a] one", "[a] it is closed", "[b] two"} == set(capsys.readouterr().out.splitlines())


def test_no_more_than_the_limit_run_at_once(tmp_path: Path) -> None:
    # Each counts who is there while it is.
    code = f"""
import os, pathlib
here = pathlib.Path({str(tmp_path)!r}); own = here / str(os.getpid()); own.touch()
for _ in range(200): print(len(list(here.iterdir())))
own.unlink()
"""
    lines: list[str] = []

    run_jobs([python(str(number), code) for number in range(5)], parallel=2, say=lines.append)

    assert max(int(line.split()[-1]) for line in lines) <= 2
    assert len(lines) == 1000


def test_outputs_of_jobs_are_collected_and_not_published_by_each() -> None:
    code = """
import os
assert "ORCHESTRA_API_KEY" not in os.environ
open(os.environ["DLT_SINGER_OUTPUTS"], "w").write('{"rows": 1234}')
"""
    os.environ["ORCHESTRA_API_KEY"] = "x"
    try:
        outcomes = run_jobs([python("a", code)], parallel=1)
    finally:
        del os.environ["ORCHESTRA_API_KEY"]

    assert outcomes[0].outputs == {"rows": 1234}
    assert "a     loaded" in summary(outcomes)
    assert "1,234" in summary(outcomes)


def test_sigterm_ends_the_jobs_that_run_and_starts_no_other(tmp_path: Path) -> None:
    code = f"""
import sys
from dlt_singer.orchestra import Job, run_jobs
wait = (sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()")
note = (sys.executable, "-c", "open({str(tmp_path / "started")!r}, 'w')")
run_jobs([Job("wait", wait), Job("note", note)], 1, lambda line: print(line, flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == "[wait] here\n"

        it.send_signal(signal.SIGTERM)
        _, err = it.communicate(timeout=60)

    assert it.returncode != 0
    assert "ended by SIGTERM" in err
    assert not (tmp_path / "started").exists()


@pytest.fixture
def two_taps(tap: FakeTap, worker: Worker) -> FakeTap:
    """Another tap, with a script of its own, beside the first; and the script that runs both."""
    scripts = worker.root / "pipelines"
    script = (scripts / "fake_pipeline.py").read_text()
    (scripts / "other_pipeline.py").write_text(script.replace("tap-fake", "tap-other").replace('"fake"', '"other"'))
    shutil.copy(RUN_MULTIPLE, scripts)
    users = Table("users", [{"id": 1}, {"id": 2}], {"id": "integer"}, ("id",), "id")
    tap.emits(users, Table("groups", [{"id": 1}], {"id": "integer"}, ("id",), "id"))
    return FakeTap(worker.root, "tap-other").emits(STDERR("it is closed"), CRASH(4), extra_streams=[users])


def test_one_that_fails_fails_the_whole_and_the_others_are_loaded(two_taps: FakeTap, worker: Worker) -> None:
    done = worker.python("pipelines/run_multiple_pipelines.py", "fake", "other", "--parallel=1")

    *_, fake, other = done.stdout.splitlines()
    assert done.returncode == 1
    assert fake.split()[:2] + fake.split()[3:] == ["fake", "loaded", "3"]
    assert other.startswith("other   failed (1)")
    assert "tap-other ended with exit code 4: it is closed" in other
    assert worker.ask("SELECT id FROM raw.users ORDER BY id") == [(1,), (2,)]


def test_each_stream_gets_a_process_and_all_of_them_the_options(
    two_taps: FakeTap, tap: FakeTap, worker: Worker, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs.json"

    done = worker.python(
        "pipelines/run_multiple_pipelines.py", "fake", "--dataset=bronze",
        DLT_SINGER_STREAMS="users,groups", DLT_SINGER_OUTPUTS=str(outputs),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    started = [[stream["tap_stream_id"] for stream in sync["catalog"]["streams"]] for sync in tap.syncs]
    assert sorted(started) == [["groups"], ["users"]]
    assert worker.ask("SELECT id FROM bronze.groups") == [(1,)]
    assert '"rows": 3' in outputs.read_text()
    assert '"failed": []' in outputs.read_text()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["fakes"], "no pipeline 'fakes'; there are: fake"),
        ([], "name some of"),
        (["fake", "--parallel=0"], "least 1"),
    ],
    ids=["an unknown pipeline", "none", "no process"],
)
def test_what_is_not_there_ends_it_with_two_before_anything_starts(
    tap: FakeTap, worker: Worker, argv: list[str], said: str
) -> None:
    shutil.copy(RUN_MULTIPLE, worker.root / "pipelines")

    done = worker.load(*argv, script="pipelines/run_multiple_pipelines.py")

    assert done.returncode == 2
    assert said in done.stderr
    assert tap.calls == []
