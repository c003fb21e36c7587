"""Load what the reservoir holds of a tap, without starting the tap.

DLT_SINGER_TAP names the tap; it was mirrored (`reservoir: true` in alto.yaml) when it ran. DLT_SINGER_SINCE and
DLT_SINGER_UNTIL narrow the runs to those that ended in between.

DLT_SINGER_TAP=tap-asana python pipelines/replay_pipeline.py --destination filesystem --dataset lake
"""

from __future__ import annotations

import os

from dlt_singer import reservoir
from dlt_singer.orchestra import Invocation, script


def load(invocation: Invocation) -> None:
    """Load what this pipeline has not loaded yet."""
    tap = os.environ.get("DLT_SINGER_TAP") or "tap-carbon-intensity"
    source = reservoir(
        tap,
        streams=invocation.streams,
        partition=invocation.partition,
        since=os.environ.get("DLT_SINGER_SINCE") or None,
        until=os.environ.get("DLT_SINGER_UNTIL") or None,
        env=invocation.env,
    )
    # Tables of its own: in those of the daily run, old rows would come after new ones.
    pipeline = invocation.pipeline(f"replay_{source.name}", dataset_name="replayed")
    print(invocation.run(pipeline, source))


if __name__ == "__main__":
    script(load)
