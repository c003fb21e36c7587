"""What a run did, as values: streams, processes, what the load made of it; as JSON, and as text for 80 columns.

In: figures. Out: `RunSummary`, its document, its block of text. Never a record's content; no effect of any kind.
"""

from __future__ import annotations

from dlt_singer.summary.document import VERSION, document
from dlt_singer.summary.metrics import Metric, Metrics
from dlt_singer.summary.model import LoadSummary, Origin, ProcessSummary, RunSummary, StreamSummary
from dlt_singer.summary.text import text
from dlt_singer.summary.words import bookmark_words

__all__ = [
    "VERSION",
    "LoadSummary",
    "Metric",
    "Metrics",
    "Origin",
    "ProcessSummary",
    "RunSummary",
    "StreamSummary",
    "bookmark_words",
    "document",
    "text",
]
