"""Load time series of the U.S. Bureau of Labor Statistics.

alto.yaml says which of the series in series.json are loaded (`select`), and for which years.
"""

from __future__ import annotations

from dlt_singer import singer
from dlt_singer.orchestra import Invocation, script


def load(invocation: Invocation) -> None:
    """Load every selected series, then show how much there is of each."""
    pipeline = invocation.pipeline("bls", dataset_name="raw")
    source = singer("tap-bls", invocation.streams, env=invocation.env, partition=invocation.partition)
    print(invocation.run(pipeline, source))
    for table, rows in pipeline.dataset().row_counts().fetchall():
        print(f"    {table:<24}{rows:>9,} rows")


if __name__ == "__main__":
    script(load)
