"""A tap without any capability: prints the file it is given first and ignores every other argument."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

with Path(sys.argv[1]).open("rb") as file:
    shutil.copyfileobj(file, sys.stdout.buffer)
