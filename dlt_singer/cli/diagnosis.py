"""What `doctor` finds: facts about the machine, the project and each tap, and what to do about those that hurt."""

from __future__ import annotations

import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from dlt_singer.cli.place import chosen_taps, open_project
from dlt_singer.errors import SingerError

if TYPE_CHECKING:
    from dlt_singer.config import Plugin, Project

_OLD = timedelta(days=30)
_START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One fact.

    Attributes:
        subject: What it is about.
        level: `fault` if a run would fail, `warning` if it may.
        text: The fact.
        remedy: What to do; empty if nothing.
    """

    subject: str
    level: Literal["ok", "warning", "fault"]
    text: str
    remedy: str = ""


def diagnose(patterns: list[str]) -> Iterator[Diagnosis]:
    """Yield everything that is to be known before a run.

    Args:
        patterns: Names or globs of taps; empty means all.
    """
    from dlt_singer.summary.words import count_words

    yield from _machine()
    try:
        project = open_project()
        names = chosen_taps(project, patterns)
    except SingerError as err:
        yield Diagnosis("project", "fault", err.reason, err.remedy)
        return
    taps = count_words(len(project.taps), "tap", "taps")
    yield Diagnosis("project", "ok", f"{project.file}, environment {project.env}, {taps}")
    if project.extensions:
        unused = ", ".join(project.extensions)
        yield Diagnosis("project", "ok", f"extensions are not run here, and no tap needs them: {unused}")
    yield from _cache(project)
    yield from _store(project)
    yield from _destination(project, names)
    for name in names:
        yield from _tap(project, name)


def _machine() -> Iterator[Diagnosis]:
    here = "machine"
    yield Diagnosis(here, "ok", f"Python {sys.version.split()[0]} at {sys.executable}")
    yield from _requirement(here, "dlt")
    if (version := _version("sqlglot")) is not None and version >= (30,):
        yield Diagnosis(
            here, "warning", "sqlglot 30 breaks `pipeline.dataset()` of dlt.", 'Run: pip install "sqlglot<30"'
        )
    for tool in ("uv", "pex"):
        found = _version(tool)
        if found is None and shutil.which(tool) is None:
            yield Diagnosis(
                here, "fault", f"{tool} is not there; taps cannot be built.", f"Run: pip install {tool}"
            )
        else:
            yield Diagnosis(here, "ok", f"{tool} {'.'.join(map(str, found or ()))}".rstrip())


def _requirement(subject: str, package: str) -> Iterator[Diagnosis]:
    """Compare an installed version with what our own metadata asks for."""
    from packaging.requirements import Requirement

    asked = [Requirement(text) for text in metadata.requires("dlt-singer") or ()]
    wanted = next(each.specifier for each in asked if each.name == package and each.marker is None)
    try:
        installed = metadata.version(package)
    except metadata.PackageNotFoundError:
        yield Diagnosis(subject, "fault", f"{package} is not there.", f'Run: pip install "{package}{wanted}"')
        return
    if wanted.contains(installed, prereleases=True):
        yield Diagnosis(subject, "ok", f"{package} {installed}")
    else:
        yield Diagnosis(
            subject, "fault", f"{package} {installed} is not {wanted}.", f'Run: pip install "{package}{wanted}"'
        )


def _cache(project: Project) -> Iterator[Diagnosis]:
    from dlt_singer.pex.boot import is_writable
    from dlt_singer.tap.executable import plugin_cache

    cache = plugin_cache(project)
    if is_writable(cache):
        yield Diagnosis("project", "ok", f"cache {cache}")
    else:
        yield Diagnosis(
            "project", "fault", f"The cache {cache} cannot be written.",
            "Make it writable for this user; plugins, logs and catalogs are kept there.",
        )  # fmt: skip


def _store(project: Project) -> Iterator[Diagnosis]:
    from dlt_singer.tap.executable import store_of

    try:
        store = store_of(project)
        key = f"state/.doctor-{uuid.uuid4().hex}"
        store.write(key, b"{}")
        written = store.read(key)
        store.delete(key)
    except SingerError as err:
        yield Diagnosis("project", "fault", f"The store cannot be used. {err.reason}", err.remedy)
        return
    if written == b"{}":
        yield Diagnosis("project", "ok", f"store {store.url}: can be written, read and deleted from")
    else:
        yield Diagnosis(
            "project", "fault", f"The store {store.url} loses what is written to it.", "Use another one."
        )


def _destination(project: Project, names: list[str]) -> Iterator[Diagnosis]:
    """Have dlt resolve the destination as a run would: its driver and its credentials; nothing is connected to."""
    from dlt_singer.cli.failure import explained
    from dlt_singer.cli.place import destination_of

    if not names:
        return
    try:
        destination = destination_of(project, names[0])
    except Exception as err:  # noqa: BLE001 - whatever dlt and its drivers raise is the finding
        text, _ = explained(err)
        reason, _, remedy = text.removeprefix("Error: ").partition("\n")
        yield Diagnosis(
            "destination", "fault", reason, " ".join(remedy.split()) or "See dlt's documentation of it."
        )
        return
    yield Diagnosis("destination", "ok", f"{destination}: driver and credentials are there")


def _tap(project: Project, name: str) -> Iterator[Diagnosis]:
    from dlt_singer.tap import Tap

    try:
        plugin = project.tap(name)
        plugin.require_supported()
    except SingerError as err:
        yield Diagnosis(name, "fault", err.reason, err.remedy)
        return
    try:
        parts = [part.plugin for part in Tap(plugin, project).partitions]
        for part in parts:
            part.secret_values()
            Tap(part, project).masks(None, salted=True)
    except SingerError as err:
        yield Diagnosis(name, "fault", err.reason, err.remedy)
        return
    for part in parts:
        yield from _settings(part, project)
    yield from _executable(plugin, project)
    for part in parts:
        yield from _catalog(part, project)


def _settings(plugin: Plugin, project: Project) -> Iterator[Diagnosis]:
    from dlt_singer.cli.show import setting_rows
    from dlt_singer.summary.words import count_words
    from dlt_singer.tap import Tap

    config = plugin.config
    about = Tap(plugin, project).kept_about()
    if about is None:
        yield Diagnosis(
            plugin.name,
            "ok",
            f"{count_words(len(config), 'setting', 'settings')}; the tap has not been asked which it takes",
        )
        return
    rows = setting_rows(about.settings, config)
    missing = [str(row["name"]) for row in rows if row["required"] and not row["set"] and row["default"] is None]
    if missing:
        where = f"under taps.{plugin.name}.config, or secrets in .dlt/secrets.toml"
        yield Diagnosis(plugin.name, "fault", f"Required and not set: {', '.join(missing)}.", f"Set it {where}.")
    else:
        yield Diagnosis(plugin.name, "ok", "all required settings are set")
    known = {str(row["name"]) for row in rows}
    if known and (unknown := [key for key in config if key not in known]):
        yield Diagnosis(
            plugin.name, "warning", f"The tap does not say it takes: {', '.join(unknown)}.",
            f"Compare with `dlt-singer about {plugin.name}`.",
        )  # fmt: skip


def _executable(plugin: Plugin, project: Project) -> Iterator[Diagnosis]:
    from dlt_singer.pex import find_built
    from dlt_singer.tap import Tap
    from dlt_singer.tap.executable import build_of, plugin_cache
    from dlt_singer.tap.probing import starts

    if not plugin.command:
        try:
            built = find_built(build_of(plugin, project), plugin_cache(project))
        except SingerError as err:
            yield Diagnosis(plugin.name, "fault", err.reason, err.remedy)
            return
        if built is None:
            yield Diagnosis(plugin.name, "ok", "not built yet; its first run builds it")
            return
    try:
        fine, said = starts(Tap(plugin, project), _START_TIMEOUT_S)
    except SingerError as err:
        fine, said = False, err.reason
    if fine:
        yield Diagnosis(plugin.name, "ok", "built, and starts" if not plugin.command else "starts")
    elif plugin.command and not re.search(r"Error\b|cannot|not found|No such", said, re.IGNORECASE):
        yield Diagnosis(
            plugin.name,
            "warning",
            f"It does not answer --help, so nobody can tell whether it starts. {said}".rstrip(),
            f"Try it: dlt-singer test {plugin.name}",
        )
    else:
        remedy = (
            f"Look with `dlt-singer invoke {plugin.name} -- --help`; if its requirements lack something, add it to "
            f"pip_url (`{plugin.pip_url} <package>`)."
            if plugin.pip_url
            else "Correct its `command`."
        )
        yield Diagnosis(plugin.name, "fault", f"It does not start: {said or 'it says nothing'}", remedy)


def _catalog(plugin: Plugin, project: Project) -> Iterator[Diagnosis]:
    from dlt_singer.tap import Tap
    from dlt_singer.tap.executable import store_of

    tap = Tap(plugin, project)
    try:
        kept = tap.kept_catalog()
        was_kept = store_of(project).exists(f"catalogs/{plugin.name}.base.json")
        selected = len(tap.select(kept.catalog).streams) if kept else 0
    except SingerError as err:
        yield Diagnosis(plugin.name, "fault", err.reason, err.remedy)
        return
    again = f"Run `dlt-singer catalog {plugin.name} --refresh`."
    if kept is None:
        if was_kept:
            text = "Its catalog has expired: its program or settings have changed since it was discovered."
            yield Diagnosis(plugin.name, "warning", text, f"The next run discovers it again, or: {again}")
        else:
            yield Diagnosis(plugin.name, "ok", "no catalog yet; its first run discovers it")
    elif kept.discovered_at is not None and datetime.now(timezone.utc) - kept.discovered_at > _OLD:
        yield Diagnosis(plugin.name, "warning", f"Its catalog is {kept.age}; streams may have come since.", again)
    else:
        yield Diagnosis(
            plugin.name, "ok", f"catalog {kept.age}, {selected} of {len(kept.catalog.streams)} streams selected"
        )


def _version(package: str) -> tuple[int, ...] | None:
    try:
        text = metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
