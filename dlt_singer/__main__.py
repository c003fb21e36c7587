"""`python -m dlt_singer`: the command line."""

from __future__ import annotations

import sys

from dlt_singer.cli import main

if __name__ == "__main__":
    sys.exit(main())
