"""Load what Orchestra knows of its own work: pipeline runs, task runs and operations.

Needs the API key of a workspace in SOURCES__ORCHESTRA_METADATA__API_KEY, or as `api_key` under
[sources.orchestra_metadata] of .dlt/secrets.toml.

python pipelines/orchestra_metadata_pipeline.py                          the last seven days, then what is new
python pipelines/orchestra_metadata_pipeline.py --streams task_runs      one table, with a memory of its own
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dlt
from dlt.extract import DltResource
from dlt.sources.helpers.requests import Request, Response
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator
from dlt.sources.rest_api import rest_api_resources
from dlt.sources.rest_api.typing import RESTAPIConfig

from dlt_singer.orchestra import Invocation, script

TABLES = ["pipeline_runs", "task_runs", "operations"]
LONGEST_WINDOW = timedelta(days=7)
PAGE_SIZE = 100


class CountedPages(PageNumberPaginator):
    """Asks for pages until all the rows have come that the API counts; an empty page alone does not end them.

    Raises:
        ValueError: An answer has no rows or no count, or the pages end before all rows have come.
    """

    def __init__(self) -> None:
        super().__init__(base_page=1, total_path=None)
        self._ids: set[object] = set()

    def init_request(self, request: Request) -> None:
        """Begin with the first page of a window."""
        self._ids = set()
        super().init_request(request)

    def update_state(self, response: Response, data: list[dict[str, object]] | None = None) -> None:
        """Count the rows of a page, and see whether another one is due."""
        answer = response.json()
        total = answer.get("total") if isinstance(answer, dict) else None
        if not isinstance(total, int) or not isinstance(answer.get("results"), list):
            error = f"{response.url} answered without `results` and their `total`, so nothing is loaded."
            raise ValueError(error)  # noqa: TRY004 - it is the answer's value, not one of ours
        before = len(self._ids)
        self._ids |= {row["id"] for row in data or []}
        came = len(self._ids)
        if came == before and came < total <= (self.current_value - 1) * PAGE_SIZE:
            raise ValueError(f"{response.url} and those before have {came} of {total} rows, so nothing is loaded.")
        self.current_value += 1
        self._has_next_page = came < total


@dlt.source(name="orchestra_metadata", section="orchestra_metadata")
def orchestra_metadata(
    api_key: str = dlt.secrets.value,
    base_url: str = "https://app.getorchestra.io/api/engine/public/",
    start_date: str = "",
    overlap_days: float = 1,
) -> list[DltResource]:
    """Return the tables of Orchestra's metadata API, read from where the last load ended.

    Args:
        api_key: The key of the workspace.
        base_url: Where the API is.
        start_date: Where the first load starts; seven days ago by default.
        overlap_days: How long before the end of the last load to start: what ran then has changed since.
    """

    @dlt.resource(selected=False)
    def windows() -> Iterator[list[dict[str, str]]]:
        """Yield the times to ask for: the API answers for seven days at most."""
        memory, now = dlt.current.resource_state(), datetime.now(timezone.utc)
        first = datetime.fromisoformat(start_date.replace("Z", "+00:00")) if start_date else now - LONGEST_WINDOW
        if "until" in memory:
            first = datetime.fromisoformat(memory["until"]) - timedelta(days=overlap_days)
        start = first if first.tzinfo else first.replace(tzinfo=timezone.utc)
        while start < now:
            end = min(start + LONGEST_WINDOW, now)
            yield [{"time_from": start.isoformat(), "time_to": end.isoformat()}]
            start = end
        memory["until"] = now.isoformat()

    window = {"time_from": "{resources.windows.time_from}", "time_to": "{resources.windows.time_to}"}
    config: RESTAPIConfig = {
        "client": {"base_url": base_url, "auth": {"type": "bearer", "token": api_key}},
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [  # type: ignore[typeddict-item]  # a factory of a resource will do
            {
                "name": table,
                "endpoint": {
                    "path": table,
                    "params": {**window, "page_size": PAGE_SIZE},
                    "paginator": CountedPages(),
                    "data_selector": "results",
                },
            }
            for table in TABLES
        ]
        + [windows],
    }
    return rest_api_resources(config)


def load(invocation: Invocation) -> None:
    """Load what is new."""
    source = orchestra_metadata().with_resources(*(invocation.streams or TABLES))
    pipeline = invocation.pipeline("orchestra_metadata", dataset_name="orchestra")
    print(invocation.run(pipeline, source))


if __name__ == "__main__":
    script(load)
