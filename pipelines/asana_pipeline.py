"""Load projects, tasks and people from Asana.

Needs a client_id, client_secret and refresh_token; .dlt/example.secrets.toml shows where they go.
"""

from __future__ import annotations

import sys

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import SingerError, reason_of, run, singer

STREAMS = ["workspaces", "teams", "users", "projects", "sections", "tags", "tasks", "stories"]


def main() -> None:
    """Load what is new, then show how much there is."""
    pipeline = dlt.pipeline("asana", dataset_name="raw")
    print(run(pipeline, singer("tap-asana", streams=STREAMS)))
    for table, rows in pipeline.dataset().row_counts().fetchall():
        print(f"    {table:<24}{rows:>9,} rows")


if __name__ == "__main__":
    try:
        main()
    except (SingerError, PipelineStepFailed) as failure:
        sys.exit(str(reason_of(failure) or failure))
