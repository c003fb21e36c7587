"""The pipeline that every peer with dlt uses, and what it tells of a run."""

from __future__ import annotations

from pathlib import Path

import dlt

from benchmarks.job import DATASET, PIPELINE, Job


def pipeline_of(job: Job) -> dlt.Pipeline:
    """Return the pipeline of a job: into the job's database, working in the job's directory."""
    return dlt.pipeline(
        PIPELINE,
        destination=dlt.destinations.duckdb(str(job.database)),
        dataset_name=DATASET,
        pipelines_dir=str(Path(job.directory) / "pipelines"),
    )


def extracted_rows(pipeline: dlt.Pipeline) -> tuple[int, int]:
    """Return how many rows the last extract got as Arrow, and how many in all, of tables that are data.

    An item of Arrow is written as a parquet file while it is extracted, rows are written as JSON.
    """
    arrow = rows = 0
    trace = pipeline.last_trace
    info = trace.last_extract_info if trace is not None else None
    for metrics in info.metrics.values() if info is not None else ():
        for step in metrics:
            for name, written in step["job_metrics"].items():
                if name.startswith("_dlt"):
                    continue
                rows += written.items_count
                arrow += written.items_count if name.endswith(".parquet") else 0
    return arrow, rows
