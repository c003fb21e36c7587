"""Load time series of the U.S. Bureau of Labor Statistics.

alto.yaml says which of the series in series.json are loaded (`select`), and for which years.
"""

from __future__ import annotations

import sys

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer import SingerError, reason_of, run, singer


def main() -> None:
    """Load every selected series, then show how much there is of each."""
    pipeline = dlt.pipeline("bls", dataset_name="raw")
    print(run(pipeline, singer("tap-bls")))
    for table, rows in pipeline.dataset().row_counts().fetchall():
        print(f"    {table:<24}{rows:>9,} rows")


if __name__ == "__main__":
    try:
        main()
    except (SingerError, PipelineStepFailed) as failure:
        sys.exit(str(reason_of(failure) or failure))
