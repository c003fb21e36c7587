"""What a tap's folder holds for a replay: runs that ended well, and alto's own files. Read at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dlt_singer.errors import DamagedReservoirError
from dlt_singer.mirror.folder import INDEX, LOCK, RUNS, Reservoir, Survey
from dlt_singer.mirror.index import Index, is_ours, moment_of, read_index
from dlt_singer.runs import Chain, Manifest, StoredFile, Window, follow

_ENDLESS = 1 << 62


@dataclass(frozen=True, slots=True)
class AltoFiles:
    """Files of alto's that come one after the other, with no run of ours between.

    Attributes:
        files: The files, in order.
        at: When the first was written, as records hold times.
    """

    files: tuple[StoredFile, ...]
    at: str

    @property
    def last(self) -> str:
        """The name of the last one."""
        return moment_of(self.files[-1].path)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is there.

    Attributes:
        reservoir: The folder.
        survey: All objects in it.
        manifests: The runs that ended well, by id.
        index: alto's index.
        damaged: Records that cannot be read.
    """

    reservoir: Reservoir
    survey: Survey
    manifests: Mapping[str, Manifest]
    index: Index
    damaged: tuple[DamagedReservoirError, ...] = ()
    _chains: dict[tuple[str, str | None], Chain | None] = field(default_factory=dict)

    @classmethod
    def of(cls, reservoir: Reservoir, since: str = "", until: str | None = None) -> Holdings:
        """Look at a tap's folder.

        Args:
            reservoir: The folder.
            since: Runs before this one are not read; ids of runs sort by time.
            until: As it was at this time: runs that ended later are as if they had never been.

        Raises:
            StorageError: The store refuses.
        """
        survey = reservoir.survey()
        manifests = survey.manifests({run for run in survey.runs if run >= since} if since else None)
        if until is not None:
            manifests = {run: manifest for run, manifest in manifests.items() if manifest.ended_at < until}
        index = read_index(reservoir) or Index({})
        return cls(reservoir, survey, manifests, index, tuple(survey.damaged.values()))

    @property
    def streams(self) -> tuple[str, ...]:
        """All streams, those of the newest run first."""
        newest_first = sorted(self.manifests.values(), key=lambda run: run.start.started_at, reverse=True)
        ours = [stream for run in newest_first for stream in run.streams]
        return tuple(dict.fromkeys([*ours, *self.index.theirs()]))

    def names_of(self, stream: str) -> set[str]:
        """Return what messages call a stream."""
        return {run.start.streams[stream].name for run in self.manifests.values() if stream in run.start.streams}

    @property
    def foreign(self) -> list[str]:
        """Files that nobody has noted: neither a run of ours nor alto's index, nor are they left of a crash."""
        noted = {file.path for run in self.manifests.values() for file in run.files}
        noted |= {path for paths in self.index.files.values() for path in paths}
        others = (
            path for path in self.survey.sizes if path not in {INDEX, LOCK} and not path.startswith(f"{RUNS}/")
        )
        return sorted(path for path in others if path not in noted and not is_ours(path))

    def chain(self, stream: str, lineage: str | None = None) -> Chain | None:
        """Return the runs of a stream that count.

        Raises:
            LineageError: There are several lineages and none was named.
        """
        key = (stream, lineage)
        if key not in self._chains:
            self._chains[key] = follow(self.manifests.values(), stream, lineage)
        return self._chains[key]

    def alto_after(self, stream: str, name: str, window: Window, chain: Chain | None) -> list[AltoFiles]:
        """Return alto's own files of a stream, in groups between which runs of ours come.

        Args:
            stream: The stream.
            name: The last file that was loaded; empty for none.
            window: Files of another time are left out.
            chain: Our runs of the stream.
        """
        names = {stream, *self.names_of(stream)}
        paths = sorted(
            {path for theirs, paths in self.index.theirs().items() if theirs in names for path in paths},
            key=moment_of,
        )
        runs = [run.start.started_at for run in chain.runs] if chain is not None else []
        groups: dict[int, list[StoredFile]] = {}
        for path in paths:
            at = _time_of(moment_of(path))
            in_window = (window.since is None or at >= window.since) and (window.until is None or at < window.until)
            if moment_of(path) > name and in_window:
                group = groups.setdefault(sum(started <= at for started in runs), [])
                group.append(self._alto_file(stream, path))
        return [AltoFiles(tuple(files), _time_of(moment_of(files[0].path))) for files in groups.values()]

    def _alto_file(self, stream: str, path: str) -> StoredFile:
        size = self.survey.sizes.get(path, 0)
        schema_id = path.split("/")[-2] if "/" in path else ""
        return StoredFile(path, stream, schema_id, 0, _ENDLESS, _ENDLESS, size, 0, "")


def _time_of(moment: str) -> str:
    """Return alto's time as records hold times."""
    date, time, fraction = moment[:8], moment[8:14], moment[14:20].ljust(6, "0")
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}.{fraction}Z"
