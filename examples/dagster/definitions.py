"""The streams of the taps of `alto.yaml` as assets, and a report that is made of two of them.

dagster dev -f definitions.py
"""

from __future__ import annotations

import dagster as dg

from dlt_singer.dagster import singer_definitions

PIPELINE = "tap_carbon_intensity"
SHARES = """
    SELECT index AS carbon, fuel, avg(perc) AS percent
    FROM entry JOIN generationmix USING (regionid, "from")
    WHERE regionid = 18
    GROUP BY ALL ORDER BY ALL
"""


@dg.asset(
    deps=[dg.AssetKey(["raw", "entry"]), dg.AssetKey(["raw", "generationmix"])],
    group_name="reports",
    kinds={"duckdb"},
    automation_condition=dg.AutomationCondition.eager(),
)
def fuels_by_carbon() -> dg.MaterializeResult:
    """What Great Britain's electricity comes from when it is clean, and when it is not."""
    import dlt

    pipeline = dlt.pipeline(PIPELINE, destination="duckdb", dataset_name="raw")
    shares = pipeline.dataset()(SHARES).fetchall()
    lines = [f"| {carbon} | {fuel} | {percent:.1f} |" for carbon, fuel, percent in shares]
    table = "\n".join(["| carbon | fuel | % |", "| --- | --- | --- |", *lines])
    return dg.MaterializeResult(metadata={"fuels": dg.MetadataValue.md(table)})


definitions = dg.Definitions.merge(
    singer_definitions(destination="duckdb", count_rows=True),
    dg.Definitions(assets=[fuels_by_carbon]),
)
