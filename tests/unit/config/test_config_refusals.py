from collections.abc import Callable
from pathlib import Path

import pytest

from dlt_singer.config import Overlays, Project
from dlt_singer.errors import (
    ConfigError,
    NotSupportedError,
    UnknownKeyError,
    UnknownPluginError,
)

LoadYaml = Callable[..., Project]

TAP = "default: {taps: {tap-x: {pip_url: tap-x, config: {n: 1, apiKey: old, keep: true}, select: [a.*]}}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "default: {taps: {tap-x: {pip_url: x, selct: []}}}",
            r"'selct' at default\.taps\.tap-x\.selct in alto\.yaml\. Did you mean 'select'\?.*_version",
        ),
        ("default: {projct_name: a}", r"'projct_name' at default\.projct_name .*'project_name'"),
        ("default: {targets: {target-y: {select: []}}}", r"default\.targets\.target-y\.select"),
        ("default: {taps: {tap-x: {target-y: {}}}}", r"default\.taps\.tap-x\.target-y"),
        ("default: {taps: {tap-x: {token: a}}}", r"What the tap itself asks for stands under its `config`\."),
    ],
    ids=["plugin key", "project key", "key of another kind", "unknown target", "setting of the tap"],
)
def test_an_unknown_key_is_refused_with_its_path_and_a_suggestion(load: LoadYaml, text: str, message: str) -> None:
    with pytest.raises(UnknownKeyError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default: {taps: {tap-x: {config: [a]}}}", r"taps\.tap-x\.config .*type list; expected a mapping"),
        ("default: {taps: {tap-x: {python: 3.10}}}", r"taps\.tap-x\.python .*type float.*quotes"),
        ("default: {taps: {tap-x: {version_column: 'no'}}}", r"version_column .*expected true or false"),
        ("default: {taps: {tap-x: {deletes: softly}}}", r"deletes .*one of hard, soft, off"),
        ("default: {taps: {tap-x: {max_table_nesting: -1}}}", r"max_table_nesting .*zero or more"),
        ("default: {filesystem: ftp}", r"filesystem .*one of file, s3"),
        ("default: {taps: [tap-x]}", r"default\.taps .*mapping"),
        ("default: [1]", r"'default' .*type list"),
        ("[1]", r"top level .*type list"),
        ("default: {taps: {tap-x: {config: {on: 1}}}}", r"key at 'default\.taps\.tap-x\.config' .* True.*quotes"),
        ("null: 1", r"key at 'the top' of alto\.yaml reads as None"),
    ],
)
def test_a_value_of_another_form_is_refused_with_its_path(load: LoadYaml, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(text)


@pytest.mark.parametrize("layer", ["files", "environ", "arguments"])
def test_overlays_obey_the_same_grammar(load: LoadYaml, layer: str) -> None:
    with pytest.raises(UnknownKeyError, match=r"taps\.tap-x\.selct in"):
        load(TAP, overlays=Overlays(**{layer: {"tap_x": {"selct": "a"}}}))
    with pytest.raises(UnknownKeyError, match=r"'tap_xx' in .*Did you mean 'tap_x'"):
        load(TAP, overlays=Overlays(**{layer: {"tap_xx": {"select": "a"}}}))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{}", "neither a pip_url nor a command"),
        ("null", "neither a pip_url nor a command"),
        ("{pip_url: x, command: [x]}", "both a pip_url and a command"),
    ],
    ids=["neither", "nothing at all", "both"],
)
def test_a_tap_needs_exactly_one_program_once_it_is_asked_for(load: LoadYaml, spec: str, message: str) -> None:
    project = load(f"default: {{taps: {{tap-x: {spec}}}}}")

    with pytest.raises(ConfigError, match=message):
        project.tap("tap-x")


def test_an_unknown_tap_is_refused_with_a_suggestion_and_all_names(load: LoadYaml) -> None:
    project = load("default: {taps: {tap-github: {}, tap-csv: {}}}")

    with pytest.raises(UnknownPluginError) as caught:
        project.tap("tap-githb")

    assert str(caught.value) == (
        "No plugin 'tap-githb' in alto.yaml. Did you mean 'tap-github'? Known taps: tap-github, tap-csv."
    )


def test_a_key_without_its_capability_is_refused_by_name_just_before_a_run(load: LoadYaml) -> None:
    tap = load("default: {taps: {tap-x: {pip_url: x, stream_maps: [m.py]}}}").tap("tap-x")

    with pytest.raises(NotSupportedError, match=r"stream_maps.*tap 'tap-x'"):
        tap.require_supported()


@pytest.mark.parametrize(
    "key",
    [
        "reservoir: true",
        "reservoir: 's3://b'",
        "resume: false",
        "checkpoint_s: 5",
        "parallel: 2",
        "idle_timeout_s: 5",
        "timeout_s: 5",
        "max_line_bytes: 5",
        "backend: arrow",
        "on_error: fail",
        "on_error: keep_completed",
        "backend: rows",
        "select: ['a.*']",
        "mask: null",
    ],
)
def test_a_key_that_asks_for_nothing_new_is_fine(load: LoadYaml, key: str) -> None:
    project = load(f"default: {{extensions: [rill], taps: {{tap-x: {{pip_url: x, {key}}}}}}}")

    project.tap("tap-x").require_supported()


def test_a_capability_that_is_nearly_one_of_ours_is_refused(load: LoadYaml) -> None:
    project = load("default: {taps: {tap-x: {command: [tap-x], capabilities: [catlog]}}}")

    with pytest.raises(ConfigError, match="`capabilities` has 'catlog'") as caught:
        project.tap("tap-x")

    assert "'catalog'" in caught.value.remedy


@pytest.mark.parametrize(
    "name",
    ["../../evil", "..", ".hidden", "a/b", "a\\\\b", "a\\x00b"],
    ids=["above", "the folder above", "hidden", "a path", "a path of Windows", "a NUL"],
)
def test_a_name_that_would_lead_out_of_its_folder_is_refused(load: LoadYaml, name: str) -> None:
    quoted = f'"{name}"'

    with pytest.raises(ConfigError, match="cannot be called"):
        list(load(f"default: {{taps: {{{quoted}: {{command: [x]}}}}}}").taps.values())
    with pytest.raises(ConfigError, match="cannot be called"):
        load(f"default: {{}}\n{quoted}: {{}}", env=name.encode().decode("unicode_escape"))


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.mkdir [owned]", "!!python/name:os.system", "!env HOME"],
    ids=["a call", "a function", "a tag of nobody"],
)
def test_a_tag_of_yaml_runs_nothing_and_is_refused(
    load: LoadYaml, tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=r"alto\.yaml cannot be read: line 1"):
        load(f"default: {{load_path: {tag}}}")
    assert not (tmp_path / "owned").exists()
