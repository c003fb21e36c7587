"""One invocation of a pipeline script: its pipeline, its run, its end.

In: `Arguments`, and the script's own function. Out: a process that ends with 0 after a load, 1 after a failure,
2 if it was asked for something that is not there, the reason last on stderr. Other errors keep their traceback.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any, NoReturn

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import DltException, MissingDependencyException
from dlt.common.pipeline import LoadInfo
from dlt.destinations.exceptions import DatabaseException
from dlt.extract.source import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_singer.errors import ConfigError, SelectionError, SingerError, UnknownStreamError, reason_of
from dlt_singer.orchestra.arguments import Arguments, parse_arguments
from dlt_singer.orchestra.outputs import explain, outputs_of, publish
from dlt_singer.orchestra.turns import locks_of
from dlt_singer.source import run
from dlt_singer.source.siblings import duckdb_file, is_named_after
from dlt_singer.source.steps import definitions_of
from dlt_singer.source.turns import take
from dlt_singer.tap import announce

FAILED = 1
MISTAKEN = 2
_PAUSES_S = (1, 2, 4)
_MISTAKES = (
    ConfigError, SelectionError, UnknownStreamError,
    ConfigurationException, MissingDependencyException, UnknownDestinationModule,
)  # fmt: skip


class Invocation:
    """What a pipeline script works with.

    Args:
        arguments: What it was told.

    Attributes:
        arguments: The same.

    Example:
        >>> def load(invocation):
        ...     pipeline = invocation.pipeline("github", dataset_name="raw")
        ...     source = singer("tap-github", streams=invocation.streams or STREAMS, env=invocation.env)
        ...     print(invocation.run(pipeline, source))
    """

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self._held = ExitStack()

    def close(self) -> None:
        """Let other invocations have their turn."""
        self._held.close()

    @property
    def streams(self) -> list[str] | None:
        """The streams that were asked for; None if none were."""
        return list(self.arguments.streams) or None

    @property
    def partition(self) -> str | None:
        """The partition of the tap that was asked for; None if none was."""
        return self.arguments.partition

    @property
    def env(self) -> str | None:
        """The environment of `alto.yaml` that was asked for; None if none was."""
        return self.arguments.env

    def pipeline(self, name: str, *, part: str = "", **pipeline_kwargs: Any) -> dlt.Pipeline:  # noqa: ANN401 - dlt's own
        """Return the pipeline of this invocation, once no other on this machine uses what it needs.

        With `--streams`, `--partition` or `--backfill` it is one of its own, with its own bookmarks and working
        directory, that loads where the pipeline without them would.

        Args:
            name: The pipeline's name when it loads all streams.
            part: What else it is a part of, and is named after, such as a share of a replay.
            **pipeline_kwargs: Arguments of `dlt.pipeline`; `--destination` and `--dataset` win over them.
        """
        told = {"destination": self.arguments.destination, "dataset_name": self.arguments.dataset}
        kwargs = {**pipeline_kwargs, **{key: value for key, value in told.items() if value}}
        own = "_".join(filter(None, [self.arguments.name_for(name), part]))
        pipeline: dlt.Pipeline = dlt.pipeline(own, **kwargs)
        file = duckdb_file(pipeline)
        if pipeline.pipeline_name != name and file is not None and is_named_after(pipeline, file):
            shared = file.with_name(file.name.replace(pipeline.pipeline_name, name))
            kwargs["destination"] = dlt.destinations.duckdb(str(shared))
            pipeline = dlt.pipeline(pipeline.pipeline_name, **kwargs)
        for lock in locks_of(pipeline):
            take(lock)
            self._held.callback(lock.release)
        return pipeline

    def run(self, pipeline: dlt.Pipeline, source: DltSource, **run_kwargs: Any) -> LoadInfo:  # noqa: ANN401 - dlt's own
        """Load a source as `dlt_singer.run` does, refreshed if so told, and publish what was loaded.

        Args:
            pipeline: What `pipeline` returned.
            source: Any dlt source.
            **run_kwargs: Arguments of `pipeline.run`; `--refresh` wins over them.

        Returns:
            What `pipeline.run` returns.

        Raises:
            SelectionError: A partition was asked for, and the source does not read that alone.
        """
        if self.partition and {each.tap.plugin.partition for each in definitions_of(source)} != {self.partition}:
            raise SelectionError(
                f"--partition={self.partition} was given, and this script loads more than that, or something else.",
                "Have it ask for the partition: singer(..., partition=invocation.partition).",
            )
        name = self.arguments.name_for(source.name)
        if name != source.name:
            # Schemas are restored by name: under a shared one a fresh worker could get the schema of other streams.
            source = source.clone(with_name=name)
        if self.arguments.refresh:
            run_kwargs["refresh"] = self.arguments.refresh
        try:
            info = run(pipeline, source, **run_kwargs)
            trace = pipeline.last_trace
        except PipelineStepFailed as failure:
            trace = pipeline.last_trace
            info = _loaded_again(pipeline, failure)
        publish(outputs_of(trace, info))
        return info


def script(load: Callable[[Invocation], None], argv: Sequence[str] | None = None) -> None:
    """Run a pipeline script and end the process as its scheduler expects.

    Args:
        load: The script's own part; its module's docstring is shown by `--help`.
        argv: The options; by default the process's own.

    Raises:
        SystemExit: With 1 if the run failed, with 2 if the options or the configuration are wrong.
    """
    _show_lines_at_once()
    own = sys.argv[1:] if argv is None else argv
    arguments = parse_arguments(own, os.environ, load.__globals__.get("__doc__"))
    with closing(Invocation(arguments)) as invocation:
        try:
            load(invocation)
        except (SingerError, DltException) as failure:
            _end(failure)


def _loaded_again(pipeline: dlt.Pipeline, failure: PipelineStepFailed) -> LoadInfo:
    """Load what was extracted after the database refused it, a few times; the tap is not asked again.

    Invocations that meet in a new dataset may all try to create it, and most databases let one of them succeed.
    """
    for pause_s in _PAUSES_S:
        refused = any(isinstance(error, DatabaseException) for error in _chain(failure))
        if failure.step != "load" or not refused or not pipeline.has_pending_data:
            break
        announce(f"{pipeline.pipeline_name}: the database refused the load; trying again in {pause_s} s")
        time.sleep(pause_s)
        try:
            return pipeline.load()
        except PipelineStepFailed as again:
            failure = again
    raise failure


def _end(failure: BaseException) -> NoReturn:
    reason = str(reason_of(failure) or failure)
    explain(reason)
    print(reason, file=sys.stderr, flush=True)  # noqa: T201 - the process's last word
    mistaken = any(isinstance(error, _MISTAKES) for error in _chain(failure))
    sys.exit(MISTAKEN if mistaken else FAILED)


def _chain(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__


def _show_lines_at_once() -> None:
    """Let a scheduler that reads a pipe see each line when it is printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
