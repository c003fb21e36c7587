import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.config.casting import cast_literal
from dlt_singer.config.dotenv import parse_dotenv
from dlt_singer.config.layers import Settings, merge

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
TREES = st.recursive(
    st.dictionaries(st.sampled_from("abcd"), st.integers() | st.lists(st.integers(), max_size=2), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("  export A = x y  ", {"A": "x y"}),
        ("A=x # why", {"A": "x"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=", {"A": ""}),
        ("A='x # y'  # why", {"A": "x # y"}),
        ('A="x\\ny \\"z\\" \\\\"', {"A": 'x\ny "z" \\'}),
        ('A="x\ny"\nB=2', {"A": "x\ny", "B": "2"}),
        ("# A=1\nnonsense\n=2", {}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=it's", {"A": "it's"}),
        ("A=\nB=2", {"A": "", "B": "2"}),
    ],
)
def test_a_dotenv_line_is_read_as_a_shell_would(line: str, expected: dict[str, str]) -> None:
    assert parse_dotenv(line) == expected


@given(st.dictionaries(NAMES, st.text().filter(lambda text: "'" not in text)))
def test_single_quotes_keep_any_text(variables: dict[str, str]) -> None:
    text = "\n".join(f"{name}='{value}'" for name, value in variables.items())

    assert parse_dotenv(text) == variables


@given(st.text().filter(lambda text: not text.strip().startswith("@")))
def test_any_text_has_a_value_that_a_taps_config_can_hold(text: str) -> None:
    json.dumps(cast_literal(text, "VARIABLE"), allow_nan=False)


@given(TREES, TREES, TREES)
def test_what_lies_on_top_wins_and_all_else_stays(low: Settings, middle: Settings, high: Settings) -> None:
    merged = merge(merge(low, middle), high)

    assert merged.keys() == low.keys() | middle.keys() | high.keys()
    assert merge(merged, high) == merged


@given(TREES, TREES)
def test_merging_leaves_its_layers_as_they_were(low: Settings, high: Settings) -> None:
    before = json.dumps([low, high])

    merge(low, high, append=True)

    assert json.dumps([low, high]) == before
