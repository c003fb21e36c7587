"""Load projects, tasks and people from Asana.

Needs a client_id, client_secret and refresh_token; .dlt/example.secrets.toml shows where they go.
"""

from __future__ import annotations

import sys

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import SingerError, run, singer

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
    except SingerError as error:
        sys.exit(str(error))
    except PipelineStepFailed as failure:
        # dlt wraps the reason; if it is the tap's, its own words are enough.
        reason = failure.exception.__cause__
        sys.exit(str(reason if isinstance(reason, SingerError) else failure))
