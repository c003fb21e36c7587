"""What is written of a run: how it started, a checkpoint at each close of its files, the manifest at its end.

JSON with a version number; each is written once and never changed. Values of the tap's (states, bookmarks) keep
their text. A record of a newer version than ours is refused, one with fields we do not know is not.
"""

from __future__ import annotations

from typing import TypeVar, cast

import msgspec

from dlt_singer.errors import DamagedReservoirError

FORMAT = 1
NULL = msgspec.Raw(b"null")
"""No STATE."""
WRITE = "write"
"""What stands for a pipeline where there is none."""


class StoredFile(msgspec.Struct, frozen=True):
    """One file of a stream: a SCHEMA line, then RECORD and ACTIVATE_VERSION lines; or a part of an object.

    Attributes:
        path: The object, below the tap's folder.
        stream: The stream.
        schema_id: alto's id of its JSON schema.
        first: Number of its first message among the stream's messages of the run, SCHEMAs not counted.
        messages: How many messages it holds.
        records: How many of them are RECORDs.
        bytes: Its size, compressed.
        raw_bytes: Its size before.
        sha256: The hash of what is stored.
        offset: Where it begins in the object: not at 0 once small files were put together.
        used: How many of its messages belong to the run, from the first; None means all.
    """

    path: str
    stream: str
    schema_id: str
    first: int
    messages: int
    records: int
    bytes: int
    raw_bytes: int
    sha256: str
    offset: int = 0
    used: int | None = None

    @property
    def counted(self) -> int:
        """How many of its messages belong to the run."""
        return self.messages if self.used is None else self.used


class StreamStart(msgspec.Struct, frozen=True):
    """A stream as a run begins.

    Attributes:
        name: As the tap's messages call it.
        parent: The run that the pipeline had last committed of this stream; None if it had none.
        lineage: The run this stream's lineage began with.
        replication_method: As the catalog says.
        replication_key: As the catalog says.
        key_properties: As the catalog says.
        deselected: Properties that are removed if the tap sends them all the same.
        selection_hash: What was selected of it.
        remembered: Hashes with counts of the rows the tap repeats, for a stream without keys; None if too many.
        greatest: The replication value those rows have.
        bookmark: Its part of the state.
        restarts: Numbers of the messages taken over at which the tap had been started anew.
    """

    name: str
    parent: str | None
    lineage: str
    replication_method: str | None = None
    replication_key: str | None = None
    key_properties: tuple[str, ...] = ()
    deselected: tuple[str, ...] = ()
    selection_hash: str = ""
    remembered: dict[str, int] | None = {}
    greatest: object = None
    bookmark: object = None
    restarts: tuple[int, ...] = ()


class Checkpoint(msgspec.Struct, frozen=True):
    """Files that were closed together.

    Attributes:
        run: The run.
        number: From 1; 0 for what a run has taken over from one that died.
        files: The files closed now.
        state: The newest STATE so far; null if there was none.
        covers: How many messages of each stream came before that STATE.
        at: When, in UTC.
        versions: The table versions of each stream so far.
        ended: Whether the tap had ended, and well.
        format: The version of this record.
    """

    run: str
    number: int
    files: tuple[StoredFile, ...]
    state: msgspec.Raw
    covers: dict[str, int]
    at: str
    versions: dict[str, tuple[int, ...]] = {}
    ended: bool = False
    format: int = FORMAT


class RunStart(msgspec.Struct, frozen=True):
    """A run as it begins.

    Attributes:
        run: Its id; ids sort by time.
        tap: The tap.
        started_at: When, in UTC.
        streams: Its streams.
        state: The STATE the pipeline had committed; null if none.
        pipeline: The pipeline that loads it; empty if it is only written to the reservoir.
        destination: The kind of its destination.
        dataset: The dataset there.
        load_id: dlt's load package.
        plugin_key: What program and settings these are.
        catalog_hash: What was selected of all streams.
        masks: What was masked, and how, in the order of the rules.
        salt: A fingerprint of the salt, from which it cannot be guessed; empty if there was none.
        taken: What was taken over from a run that died.
        resumes: That run.
        attempts: How many runs before this one took the same over and got no further.
        format: The version of this record.
    """

    run: str
    tap: str
    started_at: str
    streams: dict[str, StreamStart]
    state: msgspec.Raw = NULL
    pipeline: str = ""
    destination: str = ""
    dataset: str = ""
    load_id: str = ""
    plugin_key: str = ""
    catalog_hash: str = ""
    masks: dict[str, str] = {}
    salt: str = ""
    taken: Checkpoint | None = None
    resumes: str | None = None
    attempts: int = 0
    format: int = FORMAT

    @property
    def place(self) -> tuple[str, str, str]:
        """Where its rows went."""
        return (self.pipeline, self.destination, self.dataset)

    @property
    def masking(self) -> tuple[object, ...]:
        """What runs that mask alike have in common; the order of the rules counts."""
        return (*self.masks.items(), self.salt)

    @property
    def writer(self) -> str:
        """Who wrote it, as a replay may be told: its pipeline, or `write` if there was none."""
        return self.pipeline or WRITE


class StreamEnd(msgspec.Struct, frozen=True):
    """A stream as a run ends; one that sent no SCHEMA has none.

    Attributes:
        schema_id: Of its last SCHEMA.
        messages: How many messages it sent, SCHEMAs not counted.
        records: How many of its RECORDs were handed over, from the first; all of them unless it was limited.
        complete: Whether it was read to its end.
        restarts: Numbers of the messages at which the tap was started anew after it had died.
        versions: Its table versions, in order.
        schemas: SCHEMA lines that nothing came after.
        key_properties: As its SCHEMA says.
        bookmark: Its part of the state.
        remembered: Hashes with counts of the rows the tap will repeat, where no pipeline remembers them.
        greatest: The replication value those rows have.
    """

    schema_id: str
    messages: int
    records: int
    complete: bool = True
    restarts: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()
    schemas: tuple[str, ...] = ()
    key_properties: tuple[str, ...] = ()
    bookmark: object = None
    remembered: dict[str, int] | None = {}
    greatest: object = None


class Manifest(msgspec.Struct, frozen=True):
    """A run that ended well, whole: whoever has it needs no other record.

    Attributes:
        start: How it began.
        ended_at: When it ended, in UTC.
        streams: Its streams.
        files: All its files.
        state: The STATE it ended with; null if it sent none.
        generation: Later ones say where the same files are now.
        format: The version of this record.
    """

    start: RunStart
    ended_at: str
    streams: dict[str, StreamEnd]
    files: tuple[StoredFile, ...]
    state: msgspec.Raw = NULL
    generation: int = 1
    format: int = FORMAT

    @property
    def run(self) -> str:
        """Its id."""
        return self.start.run

    def files_of(self, stream: str) -> list[StoredFile]:
        """Return a stream's files, in order."""
        return sorted((file for file in self.files if file.stream == stream), key=lambda file: file.first)


RecordT = TypeVar("RecordT", RunStart, Checkpoint, Manifest)


def encode(record: RunStart | Checkpoint | Manifest) -> bytes:
    """Return a record as it is stored."""
    return msgspec.json.encode(record)


class _Versioned(msgspec.Struct, frozen=True):
    format: int


# Made once, here: msgspec crashes if two threads ask for a decoder of the same new type at the same time.
_version = msgspec.json.Decoder(_Versioned)
_DECODERS: dict[type, msgspec.json.Decoder[object]] = {
    kind: msgspec.json.Decoder(kind) for kind in (RunStart, Checkpoint, Manifest)
}


def decode(text: bytes, kind: type[RecordT], path: str) -> RecordT:
    """Read a record.

    Args:
        text: What is stored.
        kind: What it should be.
        path: Where, for the error.

    Raises:
        DamagedReservoirError: It is none, or of a newer version.
    """
    try:
        version = _version.decode(text).format
    except msgspec.DecodeError:
        version = 0
    if version > FORMAT:
        raise DamagedReservoirError(
            f"{path} was written by a newer version (format {version}; this one reads up to {FORMAT}).",
            "Update dlt-singer.",
            path=path,
        )
    try:
        return cast("RecordT", _DECODERS[kind].decode(text))
    except msgspec.DecodeError as err:
        raise DamagedReservoirError(
            f"{path} is no record of a run: {err}.",
            "Restore it, or delete its folder to forget the run.",
            path=path,
        ) from None
