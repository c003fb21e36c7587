"""A tap that costs next to nothing: sends the messages of a file, its records over and over with other ids.

    generator_tap.py FILE TIMES FIRST

`FIRST` is what the ids in the file begin with: as many digits as all rows of one time have in common.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(file: str, times: str, first: str, *_: str) -> None:
    """Write to stdout; the options that every tap is called with change nothing."""
    lines = Path(file).read_bytes().splitlines(keepends=True)
    records = b"".join(line for line in lines if line.startswith(b'{"type": "RECORD"'))
    write = sys.stdout.buffer.write
    write(lines[0])
    for time in range(int(times)):
        write(_with_ids(records, first, time))
    write(lines[-1])


def _with_ids(records: bytes, first: str, time: int) -> bytes:
    return records.replace(b'"id": ' + first.encode(), b'"id": %d' % (int(first) + time))


if __name__ == "__main__":
    main(*sys.argv[1:])
