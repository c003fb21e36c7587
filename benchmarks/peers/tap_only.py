"""The tap alone, writing to nowhere: what no loader can beat."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from benchmarks.job import Job


def prepare(job: Job) -> Callable[[], object]:
    """Return a run of the tap."""

    def work() -> None:
        env = {**os.environ, **dict(job.tap_env)}
        subprocess.run(job.tap, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    return work
