"""The documentation cannot drift from the code: keys, errors, decisions, and examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dlt_singer import errors
from dlt_singer.config import Plugin, find_project_file, load_project
from dlt_singer.config.grammar import STORES, Form, plugin_form, project_form

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONFIGURATION = DOCS / "configuration.md"
GRAMMAR = {
    "project": project_form,
    "tap": plugin_form("taps"),
    "target": plugin_form("targets"),
    "utility": plugin_form("utilities"),
}
NEED_A_TAP = {"pex.plugin", "process", "source.factory", "source.load"}
"""Modules whose examples start something."""
OF_ANY_FORM = {bool: True, dict: {"a": {}}, float: 1.0, int: 1, list: ["x"], object: True, str: "x"}


def _modules_with_examples() -> set[str]:
    package = ROOT / "dlt_singer"
    examples = re.compile(r"^\s*>>> (?!.*\+SKIP)", re.MULTILINE)
    found = (path for path in package.rglob("*.py") if examples.search(path.read_text(encoding="utf-8")))
    names = (".".join(path.relative_to(package).with_suffix("").parts) for path in found)
    return {name.removesuffix(".__init__") for name in names}


@pytest.mark.parametrize("owner", GRAMMAR)
def test_every_key_of_alto_yaml_is_documented_and_every_documented_key_exists(owner: str) -> None:
    assert set(_documented_keys(owner)) == set(GRAMMAR[owner].names())


@pytest.mark.parametrize("key", sorted(set(plugin_form("taps")) - {"pip_url", "command", "inherit_from"}))
def test_the_docs_say_which_keys_of_a_tap_are_refused(key: str, tmp_path: Path) -> None:
    tap = _tap_with(tmp_path, key, GRAMMAR["tap"][key])

    refused = any(key in place for place in tap.unsupported)

    assert refused == _is_said_to_be_refused("tap", key)


def test_every_error_is_documented_and_every_documented_error_exists() -> None:
    documented = re.findall(r"^### (\w+)$", (DOCS / "errors.md").read_text(), re.MULTILINE)

    assert set(documented) == {name for name, _ in _error_classes()} - {"SingerError"}


def test_the_tree_of_errors_draws_every_class_under_its_base() -> None:
    drawn = [line[4:] for line in (errors.__doc__ or "").splitlines() if re.match(r" {4}.*\w", line)]
    bases: dict[int, str] = {}
    for line in drawn:
        found = re.match(r"([│├└─ ]*)(\w+)", line)
        assert found
        depth, name = len(found[1]), found[2]
        bases[depth] = name
        if depth:
            assert getattr(errors, name).__base__.__name__ == bases[depth - 4]

    assert {name for name, _ in _error_classes()} == {re.sub(r"^[│├└─ ]*(\w+).*", r"\1", line) for line in drawn}


def test_the_example_of_a_project_is_one(tmp_path: Path) -> None:
    example = re.findall(r"```yaml\n(.*?)```", CONFIGURATION.read_text(), re.DOTALL)[0]
    (tmp_path / "alto.yaml").write_text(example)

    archive = load_project(tmp_path, "prod").tap("tap-github-archive")

    assert archive.executable == "tap-github"
    assert archive.public_config() == {
        "start_date": "2015-01-01",
        "repositories": ["octocat/hello", "octocat/spoon-knife"],
        "auth_token": "***",
    }


def test_the_layers_in_the_picture_are_those_that_are_enforced() -> None:
    contract = re.findall(r"^layers = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)[
        0
    ]
    table = re.findall(r"^\| (`.*?`) \|", (DOCS / "architecture.md").read_text(), re.MULTILINE)

    enforced = [set(layer.split(" | ")) for layer in re.findall(r'"(.*?)"', contract)]
    shown = [set(re.findall(r"`(\w+)`", cell)) for cell in table]

    assert shown[:-1] == enforced[:-2]
    assert shown[-1] == enforced[-2] | enforced[-1]


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_gives_context_choice_and_consequence_within_forty_lines(page: Path) -> None:
    text = page.read_text()
    lines = text.splitlines()

    assert len(lines) <= 40
    assert lines[0].startswith(f"# {int(page.name[:4])}. ")
    assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Choice", "Consequence"]


@pytest.mark.parametrize("module", sorted(_modules_with_examples() - NEED_A_TAP))
def test_examples_in_docstrings_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"dlt_singer.{module}"))

    assert result.attempted > 0
    assert result.failed == 0


def test_the_projects_own_file_is_found_from_the_directory_of_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "pipelines")

    assert find_project_file() == ROOT / "alto.yaml"


def _documented_keys(owner: str) -> Iterator[str]:
    """Yield the keys a section documents: first cells of its table, or the text before each colon."""
    for line in _section(owner).splitlines():
        if line.startswith("| `"):
            listed = line.split("|")[1]
        elif line.startswith("`"):
            listed = line.partition(":")[0]
        else:
            continue
        for key in re.findall(r"`([^`]+)`", listed):
            yield from (key.replace("<filesystem>", store) for store in STORES) if "<" in key else [key]


def _section(owner: str) -> str:
    found = re.search(rf"^## Keys of a {owner}$(.*?)(?=^## )", CONFIGURATION.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def _is_said_to_be_refused(owner: str, key: str) -> bool:
    row = next(line for line in _section(owner).splitlines() if line.startswith("| ") and f"`{key}`" in line[:60])
    return "ot supported yet" in row


def _tap_with(directory: Path, key: str, form: Form) -> Plugin:
    tap = {"command": ["x"], key: _example(form)}
    (directory / "alto.yaml").write_text(yaml.safe_dump({"default": {"taps": {"tap-x": tap}}}))
    return load_project(directory).tap("tap-x")


def _example(form: Form) -> object:
    candidates = [OF_ANY_FORM[form.model], {"a": 1}, {"a": "null"}, "soft", "rows", "lines", "fail"]
    return next(value for value in candidates if form.holds(value))


def _error_classes() -> list[tuple[str, type]]:
    return [(n, c) for n, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
