"""Pipelines that load where another one does, under a name, with bookmarks and a working directory of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.impl.duckdb.configuration import DUCK_DB_NAME_PAT, DuckDbClientConfiguration

_NO_FILES = (":memory:", ":external:")


def sibling(pipeline: dlt.Pipeline, name: str, **pipeline_kwargs: Any) -> dlt.Pipeline:  # noqa: ANN401 - dlt's own
    """Return a pipeline of another name that loads into the destination and dataset of a pipeline.

    Args:
        pipeline: The pipeline; nothing of it is opened.
        name: The name.
        **pipeline_kwargs: Further arguments of `dlt.pipeline`; without a `pipelines_dir` it is the pipeline's.
    """
    file = duckdb_file(pipeline)
    # dlt would name the file like the other pipeline.
    shared = file is not None and is_named_after(pipeline, file)
    made: dlt.Pipeline = dlt.pipeline(
        name,
        destination=dlt.destinations.duckdb(str(file)) if shared else pipeline.destination,
        dataset_name=pipeline.dataset_name,
        **{"pipelines_dir": pipeline.pipelines_dir, **pipeline_kwargs},
    )
    return made


def duckdb_file(pipeline: dlt.Pipeline) -> Path | None:
    """Return the DuckDB file a pipeline loads into, None if it loads elsewhere.

    Args:
        pipeline: The pipeline; nothing of it is opened.
    """
    configuration = pipeline.destination_client().config
    # MotherDuck's is another class: it takes many writers.
    if not isinstance(configuration, DuckDbClientConfiguration):
        return None
    database = configuration.credentials.database
    return None if not database or database in _NO_FILES else Path(database)


def is_named_after(pipeline: dlt.Pipeline, file: Path) -> bool:
    """Tell whether a DuckDB file is where it is because of the pipeline's name, and nobody's choice.

    Args:
        pipeline: The pipeline.
        file: The file.
    """
    return file.name == DUCK_DB_NAME_PAT % pipeline.pipeline_name
