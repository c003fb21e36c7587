"""Load what the reservoir holds of a tap, without starting the tap.

DLT_SINGER_TAP names the tap; it was mirrored (`reservoir: true` in alto.yaml) when it ran. DLT_SINGER_SINCE and
DLT_SINGER_UNTIL narrow the runs to those that ended in between.

DLT_SINGER_TAP=tap-asana python pipelines/replay_pipeline.py --destination filesystem --dataset lake

A large reservoir is loaded in shares, side by side: DLT_SINGER_SHARE=2/4 is the second of four, all with the same
DLT_SINGER_UNTIL. When all are loaded, DLT_SINGER_JOIN=4 lets later replays go on behind them.
"""

from __future__ import annotations

import os
from typing import Any

from dlt_singer import join_shares, reservoir, reservoir_shares
from dlt_singer.orchestra import Invocation, script
from dlt_singer.runs import place_in

TAP = os.environ.get("DLT_SINGER_TAP") or "tap-carbon-intensity"
# Tables of its own: in those of the daily run, old rows would come after new ones.
DATASET = "replayed"


def load(invocation: Invocation) -> None:
    """Load what this pipeline has not loaded yet, or a share of it."""
    what: dict[str, Any] = {
        "streams": invocation.streams,
        "partition": invocation.partition,
        "since": os.environ.get("DLT_SINGER_SINCE") or None,
        "until": os.environ.get("DLT_SINGER_UNTIL") or None,
        "env": invocation.env,
    }
    if os.environ.get("DLT_SINGER_SHARE"):
        load_share(invocation, what, os.environ["DLT_SINGER_SHARE"])
    elif os.environ.get("DLT_SINGER_JOIN"):
        join(invocation, what, int(os.environ["DLT_SINGER_JOIN"]))
    else:
        source = reservoir(TAP, **what)
        pipeline = invocation.pipeline(f"replay_{source.name}", dataset_name=DATASET)
        print(invocation.run(pipeline, source))


def load_share(invocation: Invocation, what: dict[str, Any], named: str) -> None:
    """Load one share, in a pipeline of its own."""
    place, number = place_in(named)
    share = reservoir_shares(TAP, number, **what)[place - 1]
    pipeline = invocation.pipeline(f"replay_{share.whole}", part=share.name, dataset_name=DATASET)
    print(invocation.run(pipeline, share.source))


def join(invocation: Invocation, what: dict[str, Any], number: int) -> None:
    """Let the pipeline without shares go on behind all of them."""
    shares = reservoir_shares(TAP, number, **what)
    whole = shares[0].whole
    pipeline = invocation.pipeline(f"replay_{whole}", dataset_name=DATASET)
    print(join_shares(pipeline, shares, invocation.arguments.name_for(whole)))


if __name__ == "__main__":
    script(load)
