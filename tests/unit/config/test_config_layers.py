import json
from collections.abc import Callable

import pytest

from dlt_singer._types import JSON
from dlt_singer.config import Overlays, Project
from dlt_singer.errors import (
    ConfigError,
    UnknownKeyError,
)

LoadYaml = Callable[..., Project]

TAP = "default: {taps: {tap-x: {pip_url: tap-x, config: {n: 1, apiKey: old, keep: true}, select: [a.*]}}}"


# --- environments


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("one", "two", "three", "four"), "one"),
        ((None, "two", "three", "four"), "two"),
        ((None, None, "three", "four"), "three"),
        ((None, None, None, "four"), "four"),
        ((None, None, None, None), "default"),
    ],
    ids=["argument", "shell", "dotenv", "overlay", "nothing"],
)
def test_the_strongest_name_of_an_environment_wins(
    load: LoadYaml, names: tuple[str | None, ...], chosen: str
) -> None:
    asked, shell, dotenv, overlay = names
    sections = "default: {}\none: {}\ntwo: {}\nthree: {}\nfour: {}"
    environ = {"ALTO_ENV": shell} if shell else {}
    files = {"_env": f"ALTO_ENV={dotenv}"} if dotenv else {}
    overlays = Overlays(files={"env": overlay}) if overlay else None

    project = load(sections, asked, overlays, environ, **files)

    assert project.env == chosen


def test_an_environment_without_a_section_is_refused_with_a_suggestion(load: LoadYaml) -> None:
    with pytest.raises(
        ConfigError, match=r"No environment 'prodd'.*Did you mean 'prod'\? There are: default, prod"
    ):
        load("default: {}\nprod: {}", "prodd")


@pytest.mark.parametrize("env", ["dev", "development", "default"])
def test_altos_own_default_environments_need_no_section(load: LoadYaml, env: str) -> None:
    assert load("default: {project_name: a}", env).project_name == "a"


def test_a_section_in_a_personal_file_is_enough(load: LoadYaml) -> None:
    project = load("default: {project_name: a}", "mine", alto_local_yaml="mine: {project_name: b}")

    assert project.project_name == "b"


def test_settings_outside_an_environment_are_pointed_out(load: LoadYaml) -> None:
    with pytest.raises(ConfigError, match=r"'taps' stands at the top level .* Put it under `default:`"):
        load("taps: {}")


# --- layers


def test_each_layer_lies_over_the_ones_before(load: LoadYaml) -> None:
    keys = ("file", "env", "local", "secret", "overlay", "alto", "dlt", "python")

    def config(*own: str, by: str) -> dict[str, object]:
        return dict.fromkeys(own, by)

    def section(*own: str, by: str) -> str:
        return json.dumps({"taps": {"tap-x": {"pip_url": "tap-x", "config": config(*own, by=by)}}})

    project = load(
        f"default: {section(*keys, by='file')}\nprod: {section(*keys[1:], by='env')}",
        "prod",
        Overlays(
            files={"tap_x": {"config": dict.fromkeys(keys[4:], "overlay")}},
            environ={"TAP_X": {"CONFIG": {key.upper(): "dlt" for key in keys[6:]}}},
            arguments={"tap_x": {"config": {"python": "python"}}},
        ),
        {f"ALTO_TAPS__TAP_X__CONFIG__{key.upper()}": "alto" for key in keys[5:]},
        alto_local_yaml=f"default: {section(*keys[2:], by='local')}",
        alto_secrets_yaml=f"default: {section(*keys[3:], by='secret')}",
    )

    assert project.tap("tap-x").resolved_config() == {key: key for key in keys}


def test_lists_append_between_altos_files_and_are_replaced_by_every_overlay(load: LoadYaml) -> None:
    text = TAP + "\nprod: {taps: {tap-x: {select: ['!a.b']}}}"

    appended = load(text, "prod")
    by_alto = load(text, "prod", environ={"ALTO_TAPS__TAP_X__SELECT": '["c.*"]'})
    by_python = load(text, "prod", Overlays(arguments={"tap_x": {"select": ["d.*"]}}))

    assert appended.tap("tap-x").select == ("a.*", "!a.b")
    assert by_alto.tap("tap-x").select == ("c.*",)
    assert by_python.tap("tap-x").select == ("d.*",)


def test_a_higher_layer_may_trade_the_requirements_for_a_command(load: LoadYaml) -> None:
    tap = load(TAP, alto_local_yaml="default: {taps: {tap-x: {command: [./tap.sh]}}}").tap("tap-x")

    assert (tap.pip_url, tap.command) == (None, ("./tap.sh",))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("4.5", 4.5),
        ("true", True),
        ("False", False),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ("'42'", "42"),
        ("@str 42", "42"),
        ("@int 42", 42),
        ("@float 1", 1.0),
        ("@bool yes", True),
        ("@none", None),
        ("@none whatever", None),
        ('@json {"a": [1]}', {"a": [1]}),
        ("plain text", "plain text"),
        ("2024-01-01", "2024-01-01"),
        ("nan", "nan"),
        ("1\nother = 2", "1\nother = 2"),
        ("", ""),
    ],
)
def test_an_alto_variable_is_read_like_a_toml_value(load: LoadYaml, text: str, value: object) -> None:
    tap = load(TAP, environ={"ALTO_TAPS__TAP_X__CONFIG__NEW": text}).tap("tap-x")

    assert tap.config["new"] == value
    assert type(tap.config["new"]) is type(value)


def test_variables_match_keys_in_any_case_and_with_hyphens(load: LoadYaml) -> None:
    tap = load(
        TAP,
        overlays=Overlays(environ={"TAP_X": {"CONFIG": {"KEEP": "false"}}}),
        environ={"ALTO_TAPS__TAP_X__CONFIG__APIKEY": "new"},
    ).tap("tap-x")

    assert tap.config == {"n": 1, "apiKey": "new", "keep": False}


def test_a_variable_matches_the_spelling_of_an_inherited_key(load: LoadYaml) -> None:
    text = "default: {taps: {tap-x: {pip_url: x, config: {apiKey: a, n: 1}}, tap-y: {inherit_from: tap-x}}}"

    project = load(text, overlays=Overlays(environ={"TAP_Y": {"CONFIG": {"APIKEY": "b", "N": "2"}}}))

    assert project.tap("tap-y").config == {"apiKey": "b", "n": 2}
    assert project.tap("tap-x").config == {"apiKey": "a", "n": 1}


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("N", "7", {"n": 7}),
        ("N", "1.5", {"n": 1.5}),
        ("KEEP", "0", {"keep": False}),
        ("APIKEY", "7", {"apiKey": "7"}),
        ("NEW", "7", {"new": "7"}),
    ],
    ids=["number", "number with a fraction", "flag", "text", "unknown"],
)
def test_a_dlt_variable_takes_the_type_of_what_it_overrides(
    load: LoadYaml, key: str, text: str, expected: dict[str, object]
) -> None:
    tap = load(TAP, overlays=Overlays(environ={"TAP_X": {"CONFIG": {key: text}}})).tap("tap-x")

    assert expected.items() <= tap.config.items()


@pytest.mark.parametrize("below", ["true", "'s3://a/b'"])
@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("false", False), ("s3://c/d", "s3://c/d")], ids=["on", "off", "a store"]
)
def test_a_variable_may_turn_a_reservoir_on_or_off_or_name_its_store(
    load: LoadYaml, below: str, text: str, value: object
) -> None:
    overlays = Overlays(environ={"tap_x": {"reservoir": text}})

    project = load(f"default: {{taps: {{tap-x: {{pip_url: x, reservoir: {below}}}}}}}", overlays=overlays)

    assert project.tap("tap-x").reservoir == value


@pytest.mark.parametrize("text", ["b.*,!b.c", '["b.*", "!b.c"]'], ids=["commas", "json"])
def test_a_dlt_variable_for_a_list_is_json_or_has_commas(load: LoadYaml, text: str) -> None:
    tap = load(TAP, overlays=Overlays(environ={"TAP_X": {"SELECT": text}})).tap("tap-x")

    assert tap.select == ("b.*", "!b.c")


def test_a_dlt_variable_may_hold_the_whole_config_as_json(load: LoadYaml) -> None:
    tap = load(TAP, overlays=Overlays(environ={"TAP_X": {"CONFIG": '{"n": 2}'}})).tap("tap-x")

    assert tap.config == {"n": 2, "apiKey": "old", "keep": True}


@pytest.mark.parametrize(
    ("variable", "place", "expected"),
    [
        ({"CONFIG": {"N": "hunter2"}}, "config.n", "a whole number"),
        ({"CONFIG": {"N": "inf"}}, "config.n", "a whole number"),
        ({"CONFIG": {"KEEP": "hunter2"}}, "config.keep", "true or false"),
        ({"CONFIG": '["hunter2"]'}, "config", "a JSON object"),
        ({"CONFIG": "hunter2"}, "config", "a JSON object"),
    ],
    ids=["no number", "a number without end", "no flag", "another form", "no JSON"],
)
def test_a_variable_that_does_not_fit_is_named_but_not_quoted(
    load: LoadYaml, variable: dict[str, JSON], place: str, expected: str
) -> None:
    overlays = Overlays(environ={"TAP_X": variable})

    with pytest.raises(
        ConfigError, match=rf"taps\.tap-x\.{place} in SOURCES__SINGER__.* is not {expected}"
    ) as caught:
        load(TAP, overlays=overlays)

    assert "hunter2" not in str(caught.value)


def test_foreign_variables_with_altos_prefix_are_left_alone_but_typos_are_not(load: LoadYaml) -> None:
    assert load(TAP, environ={"ALTO_PLUGIN": "x", "ALTO_RICH_UI": "1", "ALTO_CUMULUS": "2", "ALTO_": "3"}).taps

    with pytest.raises(UnknownKeyError, match=r"'storage_uri' in variable ALTO_STORAGE_URI.*'storage_url'"):
        load(TAP, environ={"ALTO_STORAGE_URI": "s3://x"})


def test_no_environment_variable_is_written(load: LoadYaml, monkeypatch: pytest.MonkeyPatch) -> None:
    environ: dict[str, str] = {}

    load(TAP, environ=environ, _env="A=1")

    assert environ == {}
