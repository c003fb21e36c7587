"""The command: measures workloads, prints the tables, and fills the documentation on request."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.measuring import ROOT, Plan, measure
from benchmarks.peers import PEERS
from benchmarks.workloads import WORKLOADS

_BUSY = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Return 0 if all figures are valid."""
    parser = _parser()
    options = parser.parse_args(arguments)
    keys = options.workloads or list(WORKLOADS)
    if unknown := set(keys) - set(WORKLOADS):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    if os.getloadavg()[0] > _BUSY:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): times will say little.", file=sys.stderr)
    plan = Plan(
        cache=options.cache.resolve(),
        rounds=options.rounds,
        share=options.rows,
        backend=options.backend,
        peers=tuple(options.peers) if options.peers else None,
        profile=options.profile,
    )
    results = {}
    for key in keys:
        results[key] = measure(WORKLOADS[key], plan)
        print(f"\n{report.page_of(WORKLOADS[key], results[key])}\n", flush=True)
    print(report.goals_table(results), flush=True)
    report.keep(results, plan)
    if options.write:
        report.write(results, plan, ROOT)
    problems = [f"{key}, {peer}: {f.problem}" for key, of in results.items() for peer, f in of.items() if f.problem]
    for problem in problems:
        print(f"INVALID {problem}", file=sys.stderr)
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each peer (5)")
    parser.add_argument("--rows", type=float, default=1.0, metavar="SHARE", help="part of the rows (1)")
    parser.add_argument("--backend", default="auto", choices=["auto", "arrow", "rows"], help="ours (auto)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, metavar="PEER", help=f"of {', '.join(PEERS)} (all)")
    parser.add_argument("--profile", action="store_true", help="write where our time goes")
    parser.add_argument("--write", action="store_true", help="put the figures into docs and README")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".benchmarks", help="data and environments (.benchmarks)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
