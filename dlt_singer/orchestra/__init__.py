"""Pipeline scripts that any scheduler can start: arguments in, load info out, an exit code that tells the truth.

In: argv and environment variables, as Orchestra and cron deliver them. Out: exit code 0 (loaded), 1 (failed) or
2 (asked for something that is not there), the reason last on stderr, and Orchestra's outputs where it listens.
"""

from __future__ import annotations

from dlt_singer.orchestra.arguments import Arguments, add_options, arguments_of, parse_arguments
from dlt_singer.orchestra.fanout import Job, Outcome, run_jobs, summary
from dlt_singer.orchestra.invocation import Invocation, script
from dlt_singer.orchestra.outputs import publish

__all__ = [
    "Arguments", "Invocation", "Job", "Outcome",
    "add_options", "arguments_of", "parse_arguments", "publish", "run_jobs", "script", "summary",
]  # fmt: skip
