"""`partitions` of a tap: the tap with other settings, under a name of its own."""

from __future__ import annotations

import pytest

from dlt_singer.config import Overlays
from dlt_singer.errors import ConfigError, UnknownPluginError
from tests.unit.config.conftest import LoadYaml

TAP = """
default:
  taps:
    tap-x:
      pip_url: tap-x
      config: {start: "2020", api: {host: example.org, version: 1}}
      partitions:
        eu: {account: 1, api: {version: 2}}
        2024: {start: "2024"}
        bare:
"""


def test_the_settings_of_a_partition_lie_over_those_of_the_tap(load: LoadYaml) -> None:
    eu = load(TAP).tap("tap-x@eu")

    assert eu.resolved_config() == {"start": "2020", "api": {"host": "example.org", "version": 2}, "account": 1}
    assert (eu.name, eu.tap_name, eu.partition) == ("tap-x@eu", "tap-x", "eu")
    assert eu.partitions == {}


def test_a_tap_knows_its_partitions_and_is_none_itself(load: LoadYaml) -> None:
    tap = load(TAP).tap("tap-x")

    assert list(tap.partitions) == ["eu", "2024", "bare"]
    assert (tap.tap_name, tap.partition) == ("tap-x", None)


def test_all_partitions_are_the_same_program(load: LoadYaml) -> None:
    project = load(TAP)

    parts = [project.tap(f"tap-x@{name}") for name in ("eu", "2024", "bare")]

    assert {(part.requirements, part.executable) for part in parts} == {(("tap-x",), "tap-x")}
    assert {part.resolved_environment()["ALTO_PLUGIN"] for part in parts} == {"tap-x"}


def test_a_partition_that_is_not_there_is_refused_with_a_suggestion(load: LoadYaml) -> None:
    with pytest.raises(UnknownPluginError, match=r"no partition 'bar'\. Did you mean 'bare'"):
        load(TAP).tap("tap-x@bar")


def test_a_tap_without_partitions_says_where_they_would_stand(load: LoadYaml) -> None:
    with pytest.raises(UnknownPluginError, match="none; they stand under its key `partitions`"):
        load("default: {taps: {tap-x: {pip_url: x}}}").tap("tap-x@eu")


@pytest.mark.parametrize(
    ("partitions", "said"),
    [("{'a@b': {}}", "a partition 'a@b'"), ("{'a/b': {}}", "a partition 'a/b'"), ("[eu]", "a mapping of mappings")],
    ids=["the sign between", "a path", "a list"],
)
def test_what_cannot_be_a_name_or_settings_is_refused(load: LoadYaml, partitions: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(f"default: {{taps: {{tap-x: {{pip_url: x, partitions: {partitions}}}}}}}").tap("tap-x")


def test_a_secret_of_a_partition_stays_wrapped_and_concerns_no_other(load: LoadYaml) -> None:
    partitions = "{eu: {token: '@format {env[EU]}'}, us: {token: '@format {env[US]}'}}"
    project = load(
        f"default: {{taps: {{tap-x: {{pip_url: x, partitions: {partitions}}}}}}}", environ={"EU": "hunter22"}
    )

    eu = project.tap("tap-x@eu")

    assert eu.secret_values() == {"hunter22"}
    assert "hunter22" not in f"{eu!r} {eu.config} {eu.public_settings()}"
    with pytest.raises(ConfigError, match="US"):
        project.tap("tap-x@us").resolved_config()


def test_variables_of_dlt_reach_into_a_partition(load: LoadYaml) -> None:
    over = {"tap_x": {"partitions": {"EU": {"ACCOUNT": "7"}}}}

    assert load(TAP, overlays=Overlays(environ=over)).tap("tap-x@eu").config["account"] == 7


def test_a_tap_that_is_named_like_a_partition_is_refused(load: LoadYaml) -> None:
    with pytest.raises(ConfigError, match=r"taps\.tap-x@eu has a '@' in its name"):
        _ = load("default: {taps: {tap-x@eu: {pip_url: x}}}").taps["tap-x@eu"]
