import copy
import json
import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.config import Overlays, Project, Secret, load_project, looks_secret, mask, reveal, wrap
from dlt_singer.config.secret import MASK, secret_strings
from dlt_singer.errors import ConfigError

HIDDEN = "hunter2-hush"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def project(root: Path, text: str, environ: dict[str, str] | None = None, **files: str) -> Project:
    (root / "alto.yaml").write_text(text)
    for name, content in files.items():
        (root / name.replace("_", ".")).write_text(content)
    return load_project(root, environ=environ or {})


def config_of(root: Path, config: str, environ: dict[str, str] | None = None) -> dict[str, object]:
    loaded = project(
        root,
        f"default: {{load_path: raw, taps: {{tap-x: {{pip_url: x, streams: [a, b], config: {config}}}}}}}",
        environ,
    )
    return dict(loaded.tap("tap-x").resolved_config())


# --- the wrapper


@pytest.mark.parametrize("show", [repr, str, format, "{0!r:>20}".format, lambda s: f"{s:>9}", lambda s: f"{[s]}"])
def test_a_secret_is_never_printed(show: object) -> None:
    assert callable(show)

    assert HIDDEN not in show(Secret(HIDDEN))


def test_a_secret_is_neither_pickled_nor_serialised() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(HIDDEN))
    with pytest.raises(TypeError):
        json.dumps({"a": Secret(HIDDEN)})


def test_a_copy_of_a_secret_stays_masked() -> None:
    secret = Secret(HIDDEN)

    assert repr(copy.deepcopy({"a": [secret]})) == "{'a': [***]}"
    assert copy.copy(secret).reveal() == HIDDEN


def test_secrets_are_compared_by_value_with_secrets_only() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@given(DOCUMENTS)
def test_wrapping_and_revealing_gives_the_document_back(document: object) -> None:
    assert reveal(wrap(document)) == document  # type: ignore[arg-type]  # JSON by construction


@given(st.dictionaries(st.text(), st.text(min_size=4), min_size=1))
def test_a_masked_document_holds_nothing_of_a_secret(document: dict[str, str]) -> None:
    masked = mask(wrap(document))

    assert masked == dict.fromkeys(document, MASK)
    assert set(document.values()) <= set(secret_strings(wrap(document)))


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("password", True),
        ("api_key", True),
        ("apiKey", True),
        ("APIKey", True),
        ("client-secret", True),
        ("SNOWFLAKE_TOKEN", True),
        ("credentials", True),
        ("replication_key", False),
        ("key_properties", False),
        ("token_url", False),
        ("private_key_path", False),
        ("monkey", False),
        ("start_date", False),
    ],
)
def test_a_keys_name_tells_whether_its_value_is_a_secret(key: str, secret: bool) -> None:  # noqa: FBT001  # parametrized
    assert looks_secret(key) is secret


# --- interpolation


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("@format {env[X]}", "x y"),
        ("@format a-{env[X]}-b-{env[N]}", "a-x y-b-7"),
        ("@int @format {env[N]}", 7),
        ("@format {this.load_path}_x", "raw_x"),
        ("@format {this.taps.tap_x.pip_url}", "x"),
        ("@format {this.taps[tap-x].config.plain}", "p"),
        ("@format {{env[X]}}", "{env[X]}"),
        ("@format {env[N]:>3}", "  7"),
        ("@int 5", 5),
        ("@format {this.taps.tap_x.streams[1]}", "b"),
        ("@format {this.taps.tap_x.streams.0}", "a"),
        ("@channel", "@channel"),
        ("@formatted {env[X]}", "@formatted {env[X]}"),
        ("no {env[X]}", "no {env[X]}"),
    ],
)
def test_a_setting_may_refer_to_the_environment_and_to_other_settings(
    tmp_path: Path, written: str, value: object
) -> None:
    config = config_of(tmp_path, json.dumps({"a": written, "plain": "p"}), {"X": "x y", "N": "7"})

    assert config["a"] == value


def test_a_missing_variable_hurts_only_when_it_is_needed_and_is_named_with_its_place(tmp_path: Path) -> None:
    tap = project(
        tmp_path, 'default: {taps: {tap-x: {pip_url: x, config: {a: {b: ["@format {env[NOPE]}"]}}}}}'
    ).tap("tap-x")

    assert tap.public_config() == {"a": {"b": [MASK]}}
    with pytest.raises(ConfigError, match=r"taps\.tap-x\.config\.a\.b\[0\] needs the environment variable NOPE"):
        tap.resolved_config()


def test_a_variable_that_is_set_after_loading_is_seen(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    (tmp_path / "alto.yaml").write_text(
        'default: {taps: {tap-x: {pip_url: x, config: {a: "@format {env[LATE]}"}}}}'
    )
    tap = load_project(tmp_path, environ=environ).tap("tap-x")

    environ["LATE"] = "here"

    assert tap.resolved_config() == {"a": "here"}


def test_a_secret_of_another_file_may_refer_to_the_environment(tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").write_text("default: {taps: {tap-x: {pip_url: x}}}")
    config = {"token": Secret("@format {env[T]}"), "port": Secret("@int 5"), "name": Secret("@me")}
    overlays = Overlays(files={"tap_x": {"config": config}})

    tap = load_project(tmp_path, environ={"T": HIDDEN}, overlays=overlays).tap("tap-x")

    assert tap.resolved_config() == {"token": HIDDEN, "port": 5, "name": "@me"}
    assert tap.public_config() == dict.fromkeys(config, MASK)


def test_the_shell_wins_over_the_dotenv_file(tmp_path: Path) -> None:
    text = 'default: {taps: {tap-x: {pip_url: x, config: {a: "@format {env[A]}{env[B]}"}}}}'

    tap = project(tmp_path, text, {"A": "shell"}, _env="A=file\nB=file").tap("tap-x")

    assert tap.resolved_config() == {"a": "shellfile"}


def test_the_load_path_of_a_tap_is_its_own_if_it_has_one(tmp_path: Path) -> None:
    text = """
default:
  load_path: raw
  taps:
    tap-x: {pip_url: x, config: {a: "@format {this.load_path}"}}
    tap-y: {inherit_from: tap-x, load_path: "@format {this.load_path}_y"}
"""

    loaded = project(tmp_path, text)

    assert loaded.tap("tap-x").resolved_config() == {"a": "raw"}
    assert loaded.tap("tap-y").load_path == "raw_y"
    assert loaded.tap("tap-y").resolved_config() == {"a": "raw_y"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("@format {this.taps.tap_x.config.a}", "refers to itself"),
        ("@format {this.nope}", "there is no 'nope'"),
        ("@format {this.taps.tap_x.streams[2]}", "there is no '2'"),
        ("@format {HOME}", r"refers to '\{HOME\}'"),
        ("@format {oops", "no valid @format"),
        ("@int hush-hush", "is not a whole number"),
        ("@jinja {{ 1 }}", "@jinja, which is not supported"),
    ],
    ids=["loop", "no such key", "no such item", "bare name", "open brace", "bad cast", "jinja"],
)
def test_an_impossible_reference_is_refused_with_its_place(tmp_path: Path, written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"config\.a.*{message}") as caught:
        config_of(tmp_path, json.dumps({"a": written}))

    assert "hush-hush" not in str(caught.value)


# --- nothing leaks


LEAKY = f"""
default:
  project_name: "@format {{env[NAME]}}"
  storage_url: s3://bucket
  s3_settings: {{secret: "@format {{env[S]}}"}}
  taps:
    tap-x:
      pip_url: git+https://user:{HIDDEN}-0@host/x.git
      environment: {{TOKEN: "@format {{env[S]}}"}}
      config:
        password: {HIDDEN}-1
        nested: {{api_key: {HIDDEN}-2}}
        url: 'db://u:{HIDDEN}-3@h/d'
        ref: "@format {{env[S]}}"
"""


def test_nothing_that_is_printed_shows_a_secret(tmp_path: Path) -> None:
    loaded = project(
        tmp_path,
        LEAKY,
        {"S": f"{HIDDEN}-4", "NAME": "n"},
        alto_secrets_yaml=f"default: {{taps: {{tap-x: {{config: {{plain: {HIDDEN}-5, port: 123456}}}}}}}}",
    )
    tap = loaded.tap("tap-x")

    printed = repr(
        [loaded, tap, tap.public_config(), tap.public_settings(), loaded.public_settings(), loaded.storage_options]
    )

    assert HIDDEN not in printed
    assert "123456" not in printed
    assert tap.resolved_config()["plain"] == f"{HIDDEN}-5"


def test_every_secret_of_a_tap_is_known_for_redaction(tmp_path: Path) -> None:
    tap = project(
        tmp_path,
        LEAKY,
        {"S": f"{HIDDEN}-4", "NAME": "n"},
        alto_secrets_yaml=f"default: {{taps: {{tap-x: {{config: {{a: {HIDDEN}-5, port: 123456, pin: abc}}}}}}}}",
    ).tap("tap-x")

    found = tap.secret_values()

    assert found == {f"{HIDDEN}-{number}" for number in range(6)} | {"123456"}


def test_a_secret_of_several_lines_is_redacted_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nabcdefgh\n-----END KEY-----"

    assert "abcdefgh" in set(secret_strings({"credentials": json.dumps({"private_key": key})}))


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        (f"default: {{taps: {{tap-x: {{config: {HIDDEN}}}}}}}", r"config in alto\.secrets\.yaml.*type str"),
        (
            f"default: {{taps: {{tap-x: {{select: {{a: {HIDDEN}}}}}}}}}",
            r"select in alto\.secrets\.yaml.*type mapping",
        ),
        (f"default: {{taps: {{tap-x: {{secret: {HIDDEN}}}}}}}", r"Unknown key 'secret'"),
        (f"default: {HIDDEN}", r"'default' in alto\.secrets\.yaml"),
    ],
)
def test_no_error_shows_a_secret(tmp_path: Path, secrets: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        project(tmp_path, "default: {taps: {tap-x: {pip_url: x}}}", alto_secrets_yaml=secrets)

    assert HIDDEN not in "".join(traceback.format_exception(caught.value))


def test_what_overrides_a_secret_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "alto.yaml").write_text("default: {taps: {tap-x: {pip_url: x}}}")
    (tmp_path / "alto.secrets.yaml").write_text("default: {taps: {tap-x: {config: {a: old, n: 1}}}}")

    tap = load_project(
        tmp_path,
        environ={"ALTO_TAPS__TAP_X__CONFIG__A": "new!"},
        overlays=Overlays(environ={"tap_x": {"config": {"n": "2"}}}),
    ).tap("tap-x")

    assert tap.public_config() == {"a": MASK, "n": MASK}
    assert tap.resolved_config() == {"a": "new!", "n": 2}


def test_settings_that_are_no_config_may_stand_among_the_secrets(tmp_path: Path) -> None:
    tap = project(
        tmp_path,
        "default: {taps: {tap-x: {select: [a.*]}}}",
        alto_secrets_yaml="default: {taps: {tap-x: {pip_url: private-tap, select: [b.*], python: '3.11'}}}",
    ).tap("tap-x")

    assert (tap.pip_url, tap.select, tap.python) == ("private-tap", ("a.*", "b.*"), "3.11")
