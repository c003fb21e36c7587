"""The assets of docs/scale.md that replay a reservoir in shares, as they stand there."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dlt_singer.source.writing import write
from dlt_singer.testing import FakeTap, Table
from tests.dagster.conftest import ROOT, Dagster

pytestmark = pytest.mark.registry

MATERIALIZE = """
steps = [*(([replayed], share) for share in SHARES.get_partition_keys()), ([joined], None)]
result = [materialize(assets, partition=share)["success"] for assets, share in steps]
"""


def test_partitions_of_an_asset_load_the_shares_and_the_next_asset_joins_them(
    dagster: Dagster, tmp_path: Path
) -> None:
    tap = FakeTap(tmp_path, "tap-ads")
    for number in range(2):
        tap.emits(Table("clicks", [{"id": number}], {"id": "integer"}, [], "id"))
        write("tap-ads", project_dir=tmp_path)
    page = (ROOT / "docs" / "scale.md").read_text()
    [snippet] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    now = datetime.now(timezone.utc).isoformat()
    bucket = tmp_path / "bucket"

    done = dagster(
        snippet.replace("2026-01-31", now) + MATERIALIZE, DESTINATION__FILESYSTEM__BUCKET_URL=bucket.as_uri()
    )

    files = bucket.glob("raw/clicks/*.parquet")
    assert done == [True] * 5
    assert sorted(pq.read_table(file)["id"].to_pylist() for file in files) == [[0], [1]]
