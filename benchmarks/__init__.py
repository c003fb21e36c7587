"""Benchmarks: every workload and every peer side by side, each measurement a process of its own.

`python -m benchmarks` measures and prints; with `--write` it fills docs/benchmarks.md, its plot and the README.
`workloads` says what is measured and what must be reached, `peers` who is measured. docs/benchmarks.md tells how.
"""
