"""Load projects, tasks and people from Asana.

Needs a client_id, client_secret and refresh_token; .dlt/example.secrets.toml shows where they go.
"""

from __future__ import annotations

from dlt_singer import singer
from dlt_singer.orchestra import Invocation, script

STREAMS = ["workspaces", "teams", "users", "projects", "sections", "tags", "tasks", "stories"]


def load(invocation: Invocation) -> None:
    """Load what is new, then show how much there is."""
    source = singer("tap-asana", invocation.streams or STREAMS, env=invocation.env, partition=invocation.partition)
    pipeline = invocation.pipeline("asana", dataset_name="raw")
    print(invocation.run(pipeline, source))
    for table, rows in pipeline.dataset().row_counts().fetchall():
        print(f"    {table:<24}{rows:>9,} rows")


if __name__ == "__main__":
    script(load)
