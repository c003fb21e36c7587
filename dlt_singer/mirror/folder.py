"""A tap's folder in the reservoir: where things are, and what is there.

In: a store, an environment, a tap. Out: records of runs, sizes of files. Every object is written once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from dlt_singer.errors import DamagedReservoirError
from dlt_singer.runs import Checkpoint, Manifest, RunStart, StoredFile, Unfinished, decode, encode
from dlt_singer.runs.records import RecordT
from dlt_singer.storage import Store

RUNS = "_runs"
INDEX = "_reservoir.json"
LOCK = "_reservoir.lock"
SUFFIX = ".singer.gz"
_PARALLEL_READS = 8
_CHECKPOINT = re.compile(r"\d+")
_FINAL = re.compile(r"final(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Reservoir:
    """A tap's folder.

    Attributes:
        store: The store it is in.
        env: The environment.
        tap: The tap.
    """

    store: Store
    env: str
    tap: str

    @property
    def root(self) -> str:
        """The key of the folder."""
        return f"reservoir/{self.env}/{self.tap}"

    @property
    def url(self) -> str:
        """Where it is, for messages."""
        return f"{self.store.url}/{self.root}"

    def key(self, path: str) -> str:
        """Return the key of a path below the folder."""
        return f"{self.root}/{path}"

    def put(self, record: RunStart | Checkpoint | Manifest) -> None:
        """Write a record of a run."""
        self.store.write(self.key(f"{RUNS}/{record.run}/{_name(record)}.json"), encode(record))

    def create(self, manifest: Manifest) -> bool:
        """Write a manifest unless there is one of its generation; return whether it was written."""
        return self.store.create(self.key(f"{RUNS}/{manifest.run}/{_name(manifest)}.json"), encode(manifest))

    def missing(self, files: Sequence[StoredFile]) -> str:
        """Return the path of a file that is not there, or not whole; empty if all are."""
        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            sizes = pool.map(lambda file: self.store.size(self.key(file.path)), files)
            pairs = zip(files, sizes, strict=True)
            return next((file.path for file, size in pairs if (size or 0) < file.offset + file.bytes), "")

    def survey(self, *, records_only: bool = False) -> Survey:
        """Look at everything there is.

        Args:
            records_only: Leave out the files of rows, which are many.

        Raises:
            StorageError: The store refuses.
        """
        entries = self.store.entries(self.key(f"{RUNS}/" if records_only else ""))
        found = {entry.key[len(self.root) + 1 :]: entry for entry in entries}
        sizes = {path: entry.size for path, entry in found.items()}
        return Survey(self, sizes, {path: entry.modified_at for path, entry in found.items()})


@dataclass(slots=True)
class Survey:
    """What was in a tap's folder at one moment.

    Attributes:
        reservoir: The folder.
        sizes: Every object below it, with its size.
        written_at: When each was written; None if the store does not say.
        damaged: What is wrong with records that were asked for and could not be read, by path.
    """

    reservoir: Reservoir
    sizes: Mapping[str, int]
    written_at: Mapping[str, datetime | None]
    damaged: dict[str, DamagedReservoirError] = field(default_factory=dict)

    @property
    def files(self) -> set[str]:
        """All files of rows."""
        return {path for path in self.sizes if path.endswith(SUFFIX) and not path.startswith(f"{RUNS}/")}

    @property
    def runs(self) -> dict[str, set[str]]:
        """The records of each run, by name."""
        found: dict[str, set[str]] = {}
        for path in self.sizes:
            top, _, rest = path.partition("/")
            run, _, name = rest.partition("/")
            if top == RUNS and name.endswith(".json"):
                found.setdefault(run, set()).add(name.removesuffix(".json"))
        return found

    def manifests(self, runs: Iterable[str] | None = None) -> dict[str, Manifest]:
        """Return the newest manifest of each run that ended well; what cannot be read goes to `damaged`.

        Args:
            runs: Only these; by default all.
        """
        wanted = {
            run: f"{RUNS}/{run}/{final}.json"
            for run, names in self.runs.items()
            if (runs is None or run in runs)
            and (final := max((name for name in names if _FINAL.fullmatch(name)), key=_generation, default=None))
        }
        found = self._read(wanted.values(), Manifest)
        return {run: found[path] for run, path in wanted.items() if path in found}

    def unfinished(self, runs: Iterable[str] | None = None) -> list[Unfinished]:
        """Return runs without a manifest, oldest first.

        Args:
            runs: Only these; by default all.
        """
        names = {
            run: names
            for run, names in sorted(self.runs.items())
            if "start" in names and not any(map(_FINAL.fullmatch, names)) and (runs is None or run in runs)
        }
        starts = self._read([f"{RUNS}/{run}/start.json" for run in names], RunStart)
        paths = [f"{RUNS}/{run}/{name}.json" for run in names for name in names[run] if _CHECKPOINT.fullmatch(name)]
        checkpoints = self._read(paths, Checkpoint).values()
        return [
            Unfinished.of(start, [checkpoint for checkpoint in checkpoints if checkpoint.run == start.run])
            for start in starts.values()
        ]

    def _read(self, paths: Iterable[str], kind: type[RecordT]) -> dict[str, RecordT]:
        def read(path: str) -> RecordT | DamagedReservoirError:
            text = self.reservoir.store.read(self.reservoir.key(path))
            if text is None:
                return DamagedReservoirError(f"{path} is gone.", "It was there a moment ago: run again.", path=path)
            try:
                return decode(text, kind, f"{self.reservoir.url}/{path}")
            except DamagedReservoirError as err:
                return err

        found: dict[str, RecordT] = {}
        ordered = list(paths)
        if not ordered:
            return found
        with ThreadPoolExecutor(min(_PARALLEL_READS, len(ordered))) as pool:
            for path, record in zip(ordered, pool.map(read, ordered), strict=True):
                if isinstance(record, DamagedReservoirError):
                    self.damaged[path] = record
                else:
                    found[path] = record
        return found


def folder_name(stream: str) -> str:
    """Return the name of a stream's folder: its own, where a path can hold it.

    Example:
        >>> folder_name("users"), folder_name("public/users"), folder_name("_runs")
        ('users', 'public%2Fusers', '%_runs')
    """
    name = quote(stream, safe=" !$&'()+,-.;=@^_~")
    return f"%{name}" if name in {"", ".", "..", RUNS, INDEX, LOCK} else name


def _name(record: RunStart | Checkpoint | Manifest) -> str:
    match record:
        case RunStart():
            return "start"
        case Checkpoint():
            return str(record.number)
        case Manifest():
            return "final" if record.generation == 1 else f"final.{record.generation}"


def _generation(name: str) -> int:
    match = _FINAL.fullmatch(name)
    return int(match[1] or 1) if match else 0
