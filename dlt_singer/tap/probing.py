"""A tap run for what it prints, not to load it: for a report on it, or until its first record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dlt_singer.catalog import Catalog
from dlt_singer.process import GuardedProcess
from dlt_singer.tap import Tap
from dlt_singer.tap.about import about, cast_config
from dlt_singer.tap.conformance import Conformance, Finding, catalog_findings
from dlt_singer.tap.launch import Arguments, running
from dlt_singer.tap.log import StderrLog

_WAIT_S = 1.0


def examine(tap: Tap, catalog: Catalog | None, limit: int | None) -> list[Finding]:
    """Run a tap and hold what it prints against the Singer specification; nothing is loaded.

    Args:
        tap: The tap.
        catalog: What it shall sync, as selected; None for a tap that takes no catalog.
        limit: End it after so many records; None lets it come to its end.

    Returns:
        A finding for each rule.

    Raises:
        PluginError: Its executable is not to be had.
    """
    seen = Conformance(catalog)
    findings = list(catalog_findings(catalog)) if catalog is not None else []
    with _syncing(tap, catalog) as (process, _):
        ended = True
        for line in _lines(process):
            seen.take(line)
            if limit is not None and seen.records >= limit:
                ended = False
                break
        code = process.wait() if ended else None
    return [*findings, *seen.findings(code)]


def first_record(tap: Tap, catalog: Catalog | None) -> tuple[bool, str]:
    """Run a tap until its first RECORD.

    Args:
        tap: The tap.
        catalog: What it shall sync.

    Returns:
        Whether one came, and what the tap said last if none did.
    """
    seen = Conformance(catalog)
    with _syncing(tap, catalog) as (process, log):
        # It may complain when it is ended.
        log.mute()
        for line in _lines(process):
            seen.take(line)
            if seen.records:
                return True, ""
        code = process.wait()
        return False, f"It ended with exit code {code}. {log.last_words()}"


def own_test(tap: Tap, timeout_s: float) -> tuple[bool, str]:
    """Run a tap's own `--test`.

    Args:
        tap: The tap.
        timeout_s: How long it may take.

    Returns:
        Whether it passed, and what it said last if not.
    """
    config = cast_config(tap.plugin.resolved_config(), about(tap.plugin, tap.project).settings)
    with running(tap.plugin, tap.project, Arguments(["--test"], {"--config": config})) as (process, log):
        ended = process.communicate(timeout_s)
        if ended is None:
            return False, f"It took longer than {timeout_s:g} s. {log.last_words()}"
        return ended[1] == 0, "" if ended[1] == 0 else f"It ended with exit code {ended[1]}. {log.last_words()}"


def starts(tap: Tap, timeout_s: float) -> tuple[bool, str]:
    """Ask a tap for its help: whether its program can be started and imported at all.

    Args:
        tap: The tap.
        timeout_s: How long it may take.

    Returns:
        Whether it can, and the line that says most if not.
    """
    with running(tap.plugin, tap.project, Arguments(["--help"])) as (process, log):
        log.mute()
        ended = process.communicate(timeout_s)
        return (True, "") if ended is not None and ended[1] == 0 else (False, log.headline())


@contextmanager
def _syncing(tap: Tap, catalog: Catalog | None) -> Iterator[tuple[GuardedProcess, StderrLog]]:
    files = about(tap.plugin, tap.project).documents(tap.plugin.resolved_config(), catalog)
    with running(tap.plugin, tap.project, Arguments(files=files)) as started:
        yield started


def _lines(process: GuardedProcess) -> Iterator[bytes]:
    rest = b""
    while (chunk := process.read(_WAIT_S)) != b"":
        *whole, rest = (rest + (chunk or b"")).split(b"\n")
        yield from whole
    if rest:
        yield rest
