from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.orchestra.arguments import VARIABLES, Arguments, parse_arguments

GIVEN = {
    "streams": ("entry,region", ("entry", "region")),
    "refresh": ("drop_resources", "drop_resources"),
    "destination": ("postgres", "postgres"),
    "dataset": ("bronze", "bronze"),
    "env": ("live", "live"),
    "backfill": ("2024", "2024"),
    "partition": ("eu", "eu"),
}
texts = st.text(min_size=1, max_size=80).filter(lambda text: any(map(str.isalnum, text)))


@pytest.mark.parametrize("name", GIVEN)
def test_each_option_is_read_from_argv(name: str) -> None:
    text, value = GIVEN[name]

    assert getattr(parse_arguments([f"--{name}", text], {}), name) == value


@pytest.mark.parametrize("name", GIVEN)
def test_each_option_is_read_from_the_variable_behind_it(name: str) -> None:
    text, value = GIVEN[name]

    assert getattr(parse_arguments([], {VARIABLES[name]: text}), name) == value


def test_an_option_wins_over_its_variable() -> None:
    assert parse_arguments(["--streams=region"], {"DLT_SINGER_STREAMS": "entry"}).streams == ("region",)


def test_an_input_that_nobody_gave_is_as_if_it_were_not_there() -> None:
    empty = dict.fromkeys(VARIABLES.values(), "")

    assert parse_arguments([f"--{name}=" for name in VARIABLES], empty) == Arguments()


def test_streams_lose_spaces_and_repetitions() -> None:
    assert parse_arguments(["--streams", " entry, region,entry,"], {}).streams == ("entry", "region")


@pytest.mark.parametrize(
    ("argv", "environ", "said"),
    [
        (["--refresh", "all"], {}, "'all' is none of drop_sources, drop_resources, drop_data"),
        ([], {"DLT_SINGER_REFRESH": "all"}, "'all' is none of"),
        (["--backfill", "--"], {}, "expected one argument"),
        (["--backfill=+"], {}, "no letter or digit"),
        (["--stream", "x", "y"], {}, "unrecognized arguments: y"),
        (["--backfill=2024", "--refresh=drop_data"], {}, "give the backfill another name"),
        (["--partition=eu", "--refresh=drop_data"], {}, "the tables that a partition shares with the others"),
    ],
    ids=[
        "an unknown refresh", "the same in its variable", "no name", "a name of signs", "a stray word",
        "a backfill that would drop the daily run's tables", "a partition that would drop the others'",
    ],
)  # fmt: skip
def test_a_mistake_ends_with_two_and_says_what_is_wrong(
    argv: list[str], environ: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(argv, environ)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@given(
    st.builds(
        Arguments,
        streams=st.lists(st.sampled_from(["a", "b", "c-d"]), unique=True).map(tuple),
        env=st.sampled_from([None, "live"]),
        dataset=st.sampled_from([None, "raw"]),
    )
)
def test_arguments_and_their_argv_say_the_same(arguments: Arguments) -> None:
    assert parse_arguments(arguments.as_argv(), {}) == arguments


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (Arguments(), "carbon"),
        (Arguments(env="live", dataset="raw", destination="postgres", refresh="drop_data"), "carbon"),
        (Arguments(streams=("entry",)), "carbon_entry"),
        (Arguments(backfill="2024"), "carbon_backfill_2024"),
        (Arguments(streams=("entry",), backfill="y2024"), "carbon_entry_backfill_y2024"),
        (Arguments(streams=("entry",), partition="eu"), "carbon_entry_partition_eu"),
    ],
    ids=[
        "the whole pipeline",
        "what changes no bookmarks",
        "a stream",
        "a backfill",
        "a stream's backfill",
        "a stream of a partition",
    ],
)
def test_bookmarks_of_their_own_go_by_a_name_of_their_own(arguments: Arguments, name: str) -> None:
    assert arguments.name_for("carbon") == name


def test_the_order_of_streams_does_not_matter() -> None:
    assert Arguments(streams=("a", "b")).name_for("x") == Arguments(streams=("b", "a")).name_for("x")


@given(st.sets(texts, min_size=1, max_size=4), st.sets(texts, min_size=1, max_size=4))
def test_other_streams_have_another_name_that_dlt_and_every_file_system_take(
    some: set[str], others: set[str]
) -> None:
    name = Arguments(streams=tuple(some)).name_for("x")

    assert (name == Arguments(streams=tuple(others)).name_for("x")) == (some == others)
    assert name.isidentifier()
    assert name.isascii()
    assert len(name) <= 64
    assert "__" not in name
