"""Assets have their tables' names before dlt has made any: the two conventions must be one."""

from __future__ import annotations

import string

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st

from dlt_singer.dagster.naming import snake_case

NAMES = st.text(alphabet=string.ascii_letters + string.digits + "_-.+*@| äÉ/", min_size=1).filter(str.strip)


@given(NAMES)
def test_a_name_is_the_one_dlt_would_give(name: str) -> None:
    assert snake_case(name) == NamingConvention().normalize_identifier(name)


@pytest.mark.parametrize(
    ("stream", "table"),
    [
        ("region", "region"),
        ("public-users", "public_users"),
        ("IssueEvents", "issue_events"),
        ("HTTPRequests", "http_requests"),
        ("2024 report_", "_2024_reportx"),
    ],
)
def test_streams_make_tables(stream: str, table: str) -> None:
    assert snake_case(stream) == table
