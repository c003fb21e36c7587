"""The first run in a terminal, as a picture: `python scripts/record_first_run.py docs/pictures/first-run.svg`.

Commands are really run, in an empty directory, with nothing kept from before but downloaded packages. What they say
is shown at the pace at which it came, with long waits cut short; who wants no motion sees all of it at once.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "dlt-singer init --yes",
    "dlt-singer run tap-carbon-intensity",
    "dlt-singer run tap-carbon-intensity",
)
SHOWN_AT = "/home/ada/shop"
_COLUMNS = 104
_LONGEST_WAIT_S = 1.5
_TYPING_S = 0.8
_LINE, _CHARACTER, _LEFT, _TOP = 19, 8.43, 20, 58


@dataclass(frozen=True)
class Line:
    """A line of the terminal, and how many seconds after the one before it came."""

    text: str
    wait_s: float
    is_command: bool = False


def record() -> Iterator[Line]:
    """Run the commands and yield what a terminal would show."""
    with tempfile.TemporaryDirectory() as place:
        project = Path(place, "shop")
        project.mkdir()
        for command in COMMANDS:
            yield Line(command, _TYPING_S, is_command=True)
            yield from _run(command, project)
            yield Line("", 0.0)


def _run(command: str, project: Path) -> Iterator[Line]:
    words = [sys.executable, "-m", "dlt_singer", *shlex.split(command)[1:]]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    before = time.monotonic()
    with subprocess.Popen(
        words,
        cwd=project,
        env={**os.environ, "PYTHONPATH": paths, "COLUMNS": str(_COLUMNS), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        for line in running.stdout or ():
            now = time.monotonic()
            yield Line(line.rstrip().replace(str(project), SHOWN_AT), now - before)
            before = now
    if running.returncode:
        raise SystemExit(f"{command}: exit code {running.returncode}")


def picture(lines: list[Line]) -> str:
    """Return the SVG of a recording."""
    wrapped = [part for line in lines for part in _wrapped(line)]
    width = round(_COLUMNS * _CHARACTER + 2 * _LEFT)
    height = _TOP + _LINE * len(wrapped)
    at, rows = 0.0, []
    for number, line in enumerate(wrapped):
        at += min(line.wait_s, _LONGEST_WAIT_S)
        kind = "command" if line.is_command else "warning" if line.text.startswith("Warning:") else "said"
        prompt = '<tspan class="prompt">$ </tspan>' if line.is_command else ""
        rows.append(
            f'<text x="{_LEFT}" y="{_TOP + _LINE * number}" class="{kind}" style="animation-duration:{at:.1f}s">'
            f"{prompt}{escape(line.text)}</text>"
        )
    dots = "".join(
        f'<circle cx="{24 + 20 * number}" cy="22" r="6" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return _SVG.format(width=width, height=height, dots=dots, rows="\n".join(row for row in rows if ">" in row))


def _wrapped(line: Line) -> Iterator[Line]:
    """Yield a line in parts that are not too wide; spaces that only align are one."""
    text = line.text if len(line.text) <= _COLUMNS else " ".join(line.text.split())
    first, *rest = textwrap.wrap(text, _COLUMNS, subsequent_indent="  ", drop_whitespace=True) or [""]
    yield Line(first, line.wait_s, line.is_command)
    yield from (Line(part, 0.0) for part in rest)


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="A first run">
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre;
  fill: #d7dce4; animation: wait 0s step-end; }}
.command {{ fill: #ffffff; font-weight: 600; }}
.prompt {{ fill: #5bd68a; }}
.warning {{ fill: #e5c07b; }}
@keyframes wait {{ from {{ opacity: 0; }} to {{ opacity: 1; }} }}
@media (prefers-reduced-motion: reduce) {{ text {{ animation: none; }} }}
</style>
<rect width="{width}" height="{height}" rx="10" fill="#1b1f27" stroke="#3a404c"/>
{dots}
{rows}
</svg>
"""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(list(record())), encoding="utf-8")
