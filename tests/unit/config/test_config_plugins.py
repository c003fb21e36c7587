import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dlt_singer.config import Project
from dlt_singer.errors import (
    ConfigError,
    InheritanceError,
)

LoadYaml = Callable[..., Project]


# --- inheritance


def test_a_child_overrides_its_parents_deeply_and_replaces_lists(load: LoadYaml) -> None:
    project = load("""
default:
  taps:
    tap-a: {pip_url: tap-a==1, python: '3.10', _version: 2, config: {host: {name: a, port: 1}}, select: [a.*]}
    tap-b: {inherit_from: tap-a, config: {host: {port: 2}}, select: [b.*]}
    tap-c: {inherit_from: tap-b, pip_url: tap-c}
""")

    tap = project.tap("tap-c")

    assert (tap.pip_url, tap.python, tap.version, tap.executable) == ("tap-c", "3.10", "2", "tap-a")
    assert (tap.config, tap.select) == ({"host": {"name": "a", "port": 2}}, ("b.*",))


def test_a_child_may_trade_its_parents_requirements_for_a_command(load: LoadYaml) -> None:
    project = load("default: {taps: {tap-a: {pip_url: a}, tap-b: {inherit_from: tap-a, command: [b]}}}")

    assert (project.tap("tap-b").pip_url, project.tap("tap-b").command) == (None, ("b",))


@pytest.mark.parametrize(
    ("parent_of_a", "message"),
    [
        ("tap-a", "loop: tap-a → tap-a"),
        ("tap-b", "loop: tap-a → tap-b → tap-a"),
        ("tap-bb", "'tap-a' inherits from 'tap-bb'.*Did you mean 'tap-b'"),
    ],
    ids=["itself", "a loop of two", "a missing parent"],
)
def test_impossible_parents_are_refused_when_the_tap_is_asked_for(
    load: LoadYaml, parent_of_a: str, message: str
) -> None:
    project = load(
        "default:\n taps:\n  tap-b: {inherit_from: tap-a}\n  ok: {pip_url: x}\n"
        f"  tap-a: {{inherit_from: {parent_of_a}}}"
    )

    assert project.tap("ok")
    with pytest.raises(InheritanceError, match=message):
        project.tap("tap-a")


# --- what a plugin is


def test_a_plugin_has_sensible_defaults(load: LoadYaml) -> None:
    tap = load("default: {load_path: raw, taps: {tap-x: {pip_url: tap-x}}}").tap("tap-x")

    assert (tap.kind, tap.executable, tap.select, tap.streams) == ("tap", "tap-x", ("*.*",), ())
    assert (tap.capabilities, tap.load_path, tap.discover, tap.backend) == (None, "raw", True, "auto")


def test_relative_paths_start_at_the_project_root(load: LoadYaml, tmp_path: Path) -> None:
    project = load("""
default:
  data_dir: .alto/dlt
  taps:
    tap-a: {command: [bin/tap, --flag], catalog: catalogs/a.json}
    tap-b: {command: [tap-b]}
    tap-c: {pip_url: './local[extra] plain>=1 git+https://h/x.git name@https://h/y.whl --no-deps taps/other /abs'}
""")

    root = str(tmp_path)
    assert project.tap("tap-a").argv == (f"{root}/bin/tap", "--flag")
    assert project.tap("tap-a").catalog == tmp_path / "catalogs/a.json"
    assert project.tap("tap-b").argv == ("tap-b",)
    assert project.tap("tap-c").requirements == (
        f"{root}/local[extra]", "plain>=1", "git+https://h/x.git", "name@https://h/y.whl", "--no-deps",
        f"{root}/taps/other", "/abs",
    )  # fmt: skip
    assert project.data_dir == tmp_path / ".alto/dlt"


@pytest.mark.parametrize("word", ["off", "'off'", "false"])
def test_yaml_reading_off_as_false_does_no_harm(load: LoadYaml, word: str) -> None:
    assert load(f"default: {{taps: {{tap-x: {{pip_url: x, deletes: {word}}}}}}}").tap("tap-x").deletes == "off"


def test_a_tap_may_override_the_config_of_a_target(load: LoadYaml) -> None:
    project = load("""
default:
  targets: {target-y: {pip_url: target-y, config: {schema: a}}}
  taps: {tap-x: {pip_url: tap-x, target-y: {schema: b}}}
""")

    assert project.tap("tap-x").accents == {"target-y": {"schema": "b"}}
    assert project.targets["target-y"].config == {"schema": "a"}


def test_the_process_sees_the_variables_of_dotenv_project_and_plugin(load: LoadYaml) -> None:
    tap = load(
        "default: {environment: {A: 1, B: true}, taps: {tap-x: {pip_url: x, environment: {B: b, N: null}}}}",
        environ={"SHELL_WINS": "1"},
        _env="export C='c d' # why\nSHELL_WINS=0\nA=0\n",
    ).tap("tap-x")

    assert tap.resolved_environment() == {"A": "1", "B": "b", "C": "c d", "ALTO_PLUGIN": "tap-x"}


def test_variables_are_written_as_a_shell_would_have_them(load: LoadYaml) -> None:
    tap = load("default: {taps: {tap-x: {pip_url: x, environment: {A: true, B: false, C: 1.5, D: s}}}}").tap(
        "tap-x"
    )

    assert tap.resolved_environment() == {
        "A": "true",
        "B": "false",
        "C": "1.5",
        "D": "s",
        "ALTO_PLUGIN": "tap-x",
    }


def test_a_variable_that_turns_out_to_be_a_list_is_refused(load: LoadYaml) -> None:
    text = "default: {taps: {tap-x: {pip_url: x, environment: {A: '@json @format {env[LIST]}'}}}}"
    tap = load(text, environ={"LIST": "[1]"}).tap("tap-x")

    with pytest.raises(ConfigError, match="A variable of `environment` is a list or a mapping"):
        tap.resolved_environment()


def test_a_plugin_without_a_command_has_no_command_line(load: LoadYaml) -> None:
    assert load("default: {taps: {tap-x: {pip_url: x}}}").tap("tap-x").argv == ()


def test_one_name_may_stand_where_a_list_of_names_may(load: LoadYaml) -> None:
    tap = load("default: {taps: {tap-x: {pip_url: x, streams: users, select: 'users.*'}}}").tap("tap-x")

    assert (tap.streams, tap.select) == (("users",), ("users.*",))


def test_the_plugins_of_a_kind_are_a_mapping_that_lacks_what_is_not_there(load: LoadYaml) -> None:
    targets = load("default: {targets: {target-y: {pip_url: y}}}").targets

    assert ("target-y" in targets, "target-z" in targets, targets.get("target-z")) == (True, False, None)
    with pytest.raises(KeyError, match="target-z"):
        targets["target-z"]


def test_a_broken_plugin_harms_nobody_until_it_is_asked_for(load: LoadYaml) -> None:
    project = load("default: {taps: {good: {pip_url: x}, bad: {pip_url: '@format {this.nothing}'}}}")

    assert list(project.taps) == ["good", "bad"]
    assert project.tap("good").pip_url == "x"
    with pytest.raises(ConfigError, match=r"taps\.bad\.pip_url refers to '\{this\.nothing\}'"):
        project.tap("bad")


# --- the store


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ("project_name: p", "{root}/.alto"),
        ("project_name: p, filesystem: file", "{home}/.alto/p"),
        ("project_name: p, filesystem: s3, bucket: b", "s3://b/alto/p"),
        ("project_name: p, filesystem: GCS, bucket: b, bucket_path: /x/y/", "gcs://b/x/y/p"),
        ("project_name: p, filesystem: azdl, bucket: b", "abfs://b/alto/p"),
        ("filesystem: s3, bucket: b, storage_url: 'memory://here'", "memory://here"),
        ("storage_url: ./store", "{root}/store"),
        ("storage_url: ~/store", "{home}/store"),
    ],
)
def test_the_store_follows_altos_keys_unless_a_url_is_given(
    load: LoadYaml, tmp_path: Path, settings: str, url: str
) -> None:
    project = load(f"default: {{{settings}}}")

    assert project.storage_url == url.format(root=tmp_path, home=Path.home())


@pytest.mark.parametrize("missing", ["bucket", "project_name"])
def test_a_remote_store_needs_a_bucket_and_a_name(load: LoadYaml, missing: str) -> None:
    keys = {"bucket": "b", "project_name": "p", "filesystem": "s3"}
    del keys[missing]

    with pytest.raises(ConfigError, match=f"there is no {missing}"):
        _ = load(f"default: {json.dumps(keys)}").storage_url


def test_a_reference_that_leads_nowhere_harms_only_its_own_key(load: LoadYaml, tmp_path: Path) -> None:
    project = load("default: {load_path: '@format {this.nothing}', project_name: p}")

    assert (project.project_name, project.storage_url) == ("p", f"{tmp_path}/.alto")
    with pytest.raises(ConfigError, match="load_path refers to"):
        _ = project.load_path


def test_every_spelling_of_store_options_is_read_and_the_most_specific_wins(load: LoadYaml) -> None:
    project = load(
        """
default:
  filesystem: gs
  filesystem_kwargs: {a: 1, b: 1, c: 1, d: 1}
  filesystem_settings: {b: 2, c: 2, d: 2}
  gcs_settings: {c: 3, d: 3}
  GS_SETTINGS: {d: 4, token: "@format {env[T]}"}
""",
        environ={"T": "hush-hush"},
    )

    assert project.resolved_storage_options() == {"a": 1, "b": 2, "c": 3, "d": 4, "token": "hush-hush"}
    assert "hush-hush" not in repr(project.storage_options)
