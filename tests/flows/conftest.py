"""The stage of the stories: a project with one fake tap, a pipeline of its own, and a DuckDB file to look into."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import dlt
import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_singer.session
import dlt_singer.source.decoding
from dlt_singer.errors import SingerError
from dlt_singer.session import Limits
from dlt_singer.testing import FakeTap

DATASET = "raw"
PIPELINE = "stories"


@pytest.fixture(autouse=True)
def own_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep dlt's working directories and DuckDB files in the test's own directory."""
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("DLT_LOCAL_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tap(request: pytest.FixtureRequest, tmp_path: Path) -> FakeTap:
    """A scripted tap in the project of the test's directory, decoded as `--backend` says."""
    backend = request.config.getoption("backend")
    if backend == "arrow" and request.node.get_closest_marker("needs_rows"):
        backend = "auto"
    return FakeTap(tmp_path, options={"backend": backend} if backend else {})


@pytest.fixture
def new_pipeline(own_directories: None) -> Iterator[Callable[[], dlt.Pipeline]]:
    """Return a function that makes the pipeline anew; without its working directory, as on a fresh worker."""
    made: list[dlt.Pipeline] = []

    def make() -> dlt.Pipeline:
        made.append(dlt.pipeline(PIPELINE, destination="duckdb", dataset_name=DATASET))
        return made[-1]

    yield make
    if made and made[-1].is_active:
        made[-1].deactivate()


@pytest.fixture
def pipeline(new_pipeline: Callable[[], dlt.Pipeline]) -> dlt.Pipeline:
    """A pipeline into a DuckDB file of the test's own."""
    return new_pipeline()


@pytest.fixture
def sql(tmp_path: Path) -> Callable[[str], list[tuple[object, ...]]]:
    """Return a function that asks the DuckDB file; the loaded dataset is the default schema."""

    def ask(query: str) -> list[tuple[object, ...]]:
        with contextlib.closing(duckdb.connect(str(tmp_path / f"{PIPELINE}.duckdb"))) as connection:
            connection.execute(f"SET search_path = '{DATASET}'")
            return list(connection.execute(query).fetchall())

    return ask


@pytest.fixture
def rows(sql: Callable[[str], list[tuple[object, ...]]]) -> Callable[[str], list[tuple[object, ...]]]:
    """Return a function that reads a table: sorted tuples, without dlt's and our own technical columns."""

    def read(table: str) -> list[tuple[object, ...]]:
        found = sql(f'SELECT * EXCLUDE (_dlt_id, _dlt_load_id) FROM "{table}"')
        columns = [
            str(name) for name, *_ in sql(f'DESCRIBE SELECT * EXCLUDE (_dlt_id, _dlt_load_id) FROM "{table}"')
        ]
        kept = [at for at, name in enumerate(columns) if name != "_sdc_sequence"]
        return sorted((tuple(row[at] for at in kept) for row in found), key=_nulls_first)

    return read


class Failure:
    """What a run failed with: our error, and all that was said about it."""

    error: SingerError
    text: str


@pytest.fixture
def fails() -> Callable[[type[SingerError]], AbstractContextManager[Failure]]:
    """Return a context in which a run must fail with an error of ours as the cause."""

    @contextlib.contextmanager
    def failing(kind: type[SingerError]) -> Iterator[Failure]:
        failure = Failure()
        with pytest.raises(PipelineStepFailed) as caught:
            yield failure
        chain = list(_causes(caught.value))
        failure.text = "\n".join(map(str, chain))
        found = [error for error in chain if isinstance(error, kind)]
        assert found, failure.text
        failure.error = found[0]

    return failing


@pytest.fixture(autouse=True)
def arrow_for_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat the handful of rows of a story like the thousands that it stands for."""
    monkeypatch.setattr(dlt_singer.source.decoding, "FEW_ROWS", 0)


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make batches of two rows instead of thousands."""
    monkeypatch.setattr(dlt_singer.session, "Limits", functools.partial(Limits, batch_rows=2))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _nulls_first(row: Sequence[object]) -> list[tuple[bool, object]]:
    return [(value is not None, value) for value in row]
