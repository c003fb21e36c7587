"""Run several pipelines, or one over several streams, each in a process of its own; end with 1 if any failed.

python pipelines/run_multiple_pipelines.py carbon_intensity bls                        many taps
python pipelines/run_multiple_pipelines.py carbon_intensity --streams region,entry     a process for each stream
python pipelines/run_multiple_pipelines.py carbon_intensity --refresh drop_resources   anew, from the start

All options but --parallel mean what they mean to each of the pipelines. A pipeline without --streams loads all of
its streams in one process.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from dlt_singer.orchestra import Arguments, Job, add_options, arguments_of, publish, run_jobs, summary

HERE = Path(__file__).parent
SCRIPTS = {script.stem.removesuffix("_pipeline"): script for script in sorted(HERE.glob("*_pipeline.py"))}


def main() -> int:
    """Run what was asked for, show what became of it, and return the exit code."""
    names, arguments, parallel = parse()
    jobs = [job for name in names for job in jobs_of(name, arguments)]
    outcomes = run_jobs(jobs, parallel, lambda line: print(line, flush=True))
    print(f"\n{summary(outcomes)}", flush=True)
    failed = [each.job.name for each in outcomes if each.exit_code]
    results = {each.job.name: each.outputs.get("load_id", "") for each in outcomes if not each.exit_code}
    rows = sum(count for each in outcomes if isinstance(count := each.outputs.get("rows"), int))
    publish({"load_ids": results, "rows": rows, "failed": failed})
    return 1 if failed else 0


def parse() -> tuple[list[str], Arguments, int]:
    """Return the pipelines, what each is told, and how many may run at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DLT_SINGER_PIPELINES", "").replace(",", " ").split()
    known = ", ".join(SCRIPTS)
    parser.add_argument("pipelines", nargs="*", default=default, help=f"{known} [DLT_SINGER_PIPELINES]")
    parser.add_argument(
        "--parallel",
        type=int,
        default=os.environ.get("DLT_SINGER_PARALLEL") or "2",
        help="how many processes at once; 2 by default [DLT_SINGER_PARALLEL]",
    )
    add_options(parser, os.environ)
    given = parser.parse_args()
    unknown = [name for name in given.pipelines if name not in SCRIPTS]
    if unknown or not given.pipelines:
        parser.error(f"no pipeline {unknown[0]!r}; there are: {known}" if unknown else f"name some of: {known}")
    if given.parallel < 1:
        parser.error("--parallel must be at least 1")
    return list(dict.fromkeys(given.pipelines)), arguments_of(parser, given), given.parallel


def jobs_of(name: str, arguments: Arguments) -> list[Job]:
    """Return a pipeline's jobs: one, or one for each stream that was asked for."""
    if not arguments.streams:
        return [job(name, name, arguments)]
    return [job(name, f"{name}:{stream}", replace(arguments, streams=(stream,))) for stream in arguments.streams]


def job(name: str, label: str, arguments: Arguments) -> Job:
    """Return the job that runs a pipeline's script."""
    return Job(label, (sys.executable, str(SCRIPTS[name]), *arguments.as_argv()))


if __name__ == "__main__":
    sys.exit(main())
