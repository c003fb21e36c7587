"""The page of the Python API, from signatures and docstrings: `python scripts/api_reference.py > docs/api.md`."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

PAGES = {
    "dlt_singer": (
        "singer",
        "run",
        "last_summaries",
        "reservoir",
        "reservoir_shares",
        "join_shares",
        "singer_resource",
        "discover",
        "reason_of",
    ),
    "dlt_singer.testing": ("FakeTap", "Table"),
    "dlt_singer.orchestra": ("script", "Invocation", "publish"),
}
"""Modules, and what of them is for users; Dagster's functions are described on their own page."""
_WIDTH = 88
_STARS = {
    inspect.Parameter.VAR_POSITIONAL.name: "*",
    inspect.Parameter.VAR_KEYWORD.name: "**",
}
_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Attributes|Example):$")
_INTRODUCTION = """\
# Python

What is meant for use; all of it is typed. Errors are on [their own page](errors.md), Dagster's functions on
[another](dagster.md).

This page is made from signatures and docstrings by `python scripts/api_reference.py > docs/api.md`.
"""


def reference() -> str:
    """Return the whole page."""
    lines = [_INTRODUCTION]
    for module, names in PAGES.items():
        found = importlib.import_module(module)
        lines += [f"## {module}", ""]
        for name in names:
            lines += _described(name, getattr(found, name))
    return "\n".join(lines).rstrip() + "\n"


def _described(name: str, thing: Callable[..., object]) -> Iterator[str]:
    yield from (f"### {name}", "", "```python", _signature(name, thing), "```", "")
    yield from _docstring(inspect.getdoc(thing) or "")
    if inspect.isclass(thing):
        for method, function in inspect.getmembers(thing, inspect.isfunction):
            if not method.startswith("_") and function.__module__ == thing.__module__:
                yield from (f"#### {name}.{method}", "", "```python", _signature(method, function), "```", "")
                yield from _docstring(inspect.getdoc(function) or "")


def _signature(name: str, function: Callable[..., object]) -> str:
    try:
        signature = inspect.signature(function)
    except ValueError:
        return name
    parameters = [_parameter(each) for each in signature.parameters.values() if each.name != "self"]
    kinds = [each.kind for each in signature.parameters.values() if each.name != "self"]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parameters.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    returned = signature.return_annotation
    arrow = "" if inspect.isclass(function) or returned is inspect.Signature.empty else f" -> {returned}"
    whole = f"{name}({', '.join(parameters)}){arrow}"
    if len(whole) <= _WIDTH:
        return whole
    return f"{name}(\n" + "".join(f"    {each},\n" for each in parameters) + f"){arrow}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = _STARS.get(parameter.kind.name, "")
    annotated = "" if parameter.annotation is inspect.Parameter.empty else f": {parameter.annotation}"
    if parameter.default is inspect.Parameter.empty:
        return f"{stars}{parameter.name}{annotated}"
    shown = "..." if "object at" in repr(parameter.default) else repr(parameter.default)
    return f"{parameter.name}{annotated} = {shown}"


def _docstring(text: str) -> Iterator[str]:
    """Yield a Google docstring as Markdown: paragraphs, lists of arguments, examples as code."""
    section, items = "", list[str]()
    for line in [*text.splitlines(), "End:"]:
        if _SECTION.match(line) or line == "End:":
            yield from _section(section, items)
            section, items = line.rstrip(":"), []
        else:
            items.append(line)


def _section(title: str, lines: list[str]) -> Iterator[str]:
    body = inspect.cleandoc("\n".join(lines)) if title else "\n".join(lines).strip()
    if not body:
        return
    if not title:
        yield from (_code_below(body), "")
    elif title == "Example":
        yield from ("```pycon", re.sub(r"  # doctest: \+\w+", "", body), "```", "")
    elif title in {"Args", "Raises", "Attributes"}:
        joined = re.sub(r"\n\s+", " ", body)
        yield f"{'Arguments' if title == 'Args' else title}:"
        yield ""
        yield from (re.sub(r"^(\*{0,2}\w+): ", r"- `\1`: ", line) for line in joined.splitlines() if line)
        yield ""
    else:
        yield from (f"{title}: {' '.join(body.split())}", "")


def _code_below(text: str) -> str:
    """Fence blocks that are indented."""
    return re.sub(
        r"\n\n((?: {4}[^\n]*\n?|\n(?= {4}))+)", lambda f: f"\n\n```python\n{inspect.cleandoc(f[1])}\n```\n", text
    )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.stdout.write(reference())
