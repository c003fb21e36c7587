"""The figures as a picture: for each workload a bar for each peer, as SVG. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from benchmarks.figures import Figure
from benchmarks.goals import OURS
from benchmarks.workloads import WORKLOADS

_WIDTH, _NAMES, _BARS = 860, 210, 480
_LINE, _GAP, _TITLE = 20, 16, 24
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#57606a} .title{font-weight:600;font-size:13px} "
    ".ours{fill:#0969da} .peer{fill:#afb8c1} .about{font-size:11px}"
)


def drawn(results: Mapping[str, Mapping[str, Figure]], about: str) -> str:
    """Return the picture; a bar's length is linear within its workload.

    Args:
        results: Figures by workload and peer; invalid ones are left out.
        about: A line below.
    """
    parts: list[str] = []
    top = 0
    for key, figures in results.items():
        valid = [figure for figure in figures.values() if figure.valid]
        if not valid:
            continue
        top += _TITLE
        parts.append(_text(0, top - 7, f"{key}  {WORKLOADS[key].title.replace('`', '')}", "title"))
        longest = max(figure.seconds for figure in valid)
        for figure in sorted(valid, key=lambda figure: figure.seconds):
            parts += _bar(figure, top, longest)
            top += _LINE
        top += _GAP
    top += _LINE
    parts.append(_text(0, top - 7, about, "about"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img">'
    return "\n".join(
        [head, f"<title>Seconds by workload and loader</title><style>{_STYLE}</style>", *parts, "</svg>", ""]
    )


def _bar(figure: Figure, top: int, longest: float) -> list[str]:
    length = max(1.0, _BARS * figure.seconds / longest)
    kind = "ours" if figure.peer == OURS else "peer"
    return [
        _text(_NAMES - 10, top + 14, figure.peer, "name", "end"),
        f'<rect class="{kind}" x="{_NAMES}" y="{top + 3}" width="{length:.1f}" height="{_LINE - 5}" rx="2"/>',
        _text(_NAMES + length + 6, top + 14, f"{figure.seconds:.2f} s", "seconds"),
    ]


def _text(left: float, baseline: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{left:.1f}" y="{baseline}" text-anchor="{anchor}">{escape(text)}</text>'
