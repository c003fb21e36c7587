"""Load the carbon intensity of Great Britain's electricity, by region and half-hour, and the fuels behind it.

python pipelines/carbon_intensity_pipeline.py                            a simulated week that ships with the tap
python pipelines/carbon_intensity_pipeline.py --env live                 the real last seven days, then what is new
python pipelines/carbon_intensity_pipeline.py --streams region           one table, with bookmarks of its own
python pipelines/carbon_intensity_pipeline.py --destination postgres     into any destination dlt has
"""

from __future__ import annotations

import dlt

from dlt_singer import singer
from dlt_singer.orchestra import Invocation, script

STREAMS = ["region", "entry", "generationmix"]
# Region 18 is all of Great Britain.
SHARES = "SELECT fuel, avg(perc) FROM generationmix WHERE regionid = 18 GROUP BY fuel ORDER BY 2 DESC"


def load(invocation: Invocation) -> None:
    """Load what is new, then show what is there."""
    # The simulated week and the real thing must not meet in one table: each environment has its own pipeline.
    env = invocation.env or "default"
    name = "carbon_intensity" if env == "default" else f"carbon_intensity_{env}"
    streams = invocation.streams or STREAMS
    source = singer("tap-carbon-intensity", streams, env=invocation.env, partition=invocation.partition)
    # The destination is `destination_type` of .dlt/config.toml, if nobody said another one.
    pipeline = invocation.pipeline(name, dataset_name="raw")
    print(invocation.run(pipeline, source))
    show_tables(pipeline)
    if {"entry", "generationmix"} <= set(source.resources):
        show_fuels(pipeline)


def show_tables(pipeline: dlt.Pipeline) -> None:
    """Print every table with its rows, how many of them this run brought, and its columns."""
    normalized = pipeline.last_trace and pipeline.last_trace.last_normalize_info
    brought = normalized.row_counts if normalized else {}
    for table, rows in pipeline.dataset().row_counts().fetchall():
        print(f"\n{table}: {rows:,} rows, {brought.get(table, 0):,} of them from this run")
        for name, column in pipeline.default_schema.get_table_columns(table).items():
            if not name.startswith("_"):
                key = "key" if column.get("primary_key") else ""
                print(f"    {name:<12}{column['data_type']:<12}{key}".rstrip())


def show_fuels(pipeline: dlt.Pipeline) -> None:
    """Print what Great Britain's electricity came from."""
    dataset = pipeline.dataset()
    times = dataset["entry"].select("from")
    print(f"\nGreat Britain, {times.min().fetchscalar():%d %B %Y} to {times.max().fetchscalar():%d %B %Y}")
    for fuel, percent in dataset(SHARES).fetchall():
        print(f"    {fuel:<12}{percent:5.1f} %  {'#' * round(percent)}".rstrip())


if __name__ == "__main__":
    script(load)
