"""What a run may take over from one that died: which rows count, and the STATE the tap goes on from. Pure.

Only streams whose own part of the STATE has moved, and can be told from the rest of it, are taken; the tap reads
the others again. Where that cannot be told, nothing is taken, and the reason is said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from dlt_singer._types import JSON
from dlt_singer.runs.records import NULL, Checkpoint, Manifest, RunStart, StoredFile

ATTEMPTS = 3
"""So often a run is taken over without getting further; then something in it may be what ends it."""
WHOLE = -1
"""The number of the checkpoint that stands for a manifest."""
ANOTHER = "it continued another run"
NOT_READ = "it was not read then"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that never was committed.

    Attributes:
        start: How it began.
        checkpoints: What it had stored, in order.
        excluded: Streams that are not taken whatever their bookmarks say, and why.
    """

    start: RunStart
    checkpoints: tuple[Checkpoint, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, start: RunStart, checkpoints: Collection[Checkpoint]) -> Unfinished:
        """Return a run as far as its checkpoints follow one another."""
        numbered = {checkpoint.number: checkpoint for checkpoint in checkpoints}
        first = (start.taken,) if start.taken is not None else ()
        following: list[Checkpoint] = []
        while (checkpoint := numbered.get(len(following) + 1)) is not None:
            following.append(checkpoint)
        return cls(start, (*first, *following))

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> Unfinished:
        """Return a run that ended well, but that the pipeline has lost."""
        whole = Checkpoint(
            manifest.run,
            WHOLE,
            manifest.files,
            manifest.state,
            {name: end.messages for name, end in manifest.streams.items()},
            manifest.ended_at,
            versions={name: end.versions for name, end in manifest.streams.items()},
            ended=True,
        )
        excluded = {name: "it was limited" for name, end in manifest.streams.items() if not end.complete}
        # A first run that was committed looks the same once its stream is refreshed.
        excluded |= {
            name: "it may have been loaded, and refreshed since"
            for name in manifest.streams
            if manifest.start.streams[name].parent is None
        }
        return cls(manifest.start, (whole,), excluded)

    @property
    def newest(self) -> Checkpoint | None:
        """The last checkpoint that covers a STATE."""
        found = [checkpoint for checkpoint in self.checkpoints if checkpoint.state != NULL]
        return found[-1] if found else None

    @property
    def ended(self) -> bool:
        """Whether it ended well, and has a manifest."""
        return any(checkpoint.number == WHOLE for checkpoint in self.checkpoints)

    @property
    def got_further(self) -> bool:
        """Whether it stored anything of its own that a STATE covers."""
        newest = self.newest
        return newest is not None and newest is not self.start.taken

    def files(self, taken: Mapping[str, int]) -> tuple[StoredFile, ...]:
        """Return the files of streams up to so many messages of each."""
        found = [file for checkpoint in self.checkpoints for file in checkpoint.files]
        return tuple(
            replace(file, used=min(file.counted, taken[file.stream] - file.first))
            for file in found
            if file.stream in taken and file.first < taken[file.stream]
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """One stream's part of two states.

    Attributes:
        before: As the pipeline has committed it.
        after: As the run that died had come to.
    """

    before: JSON
    after: JSON

    @property
    def moved(self) -> bool:
        """Whether the stream has a bookmark of its own, and it moved."""
        return self.after is not None and self.after != self.before


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is taken over, or why not.

    Attributes:
        run: The run that died.
        taken: How many messages of each stream are taken.
        files: The files they are in.
        refused: Why nothing is taken; empty if something is.
        left: Streams whose rows are read again, with the reason.
        unrelated: The run was none of these streams at this place, so that nobody will miss it.
    """

    run: str
    taken: Mapping[str, int]
    files: tuple[StoredFile, ...] = ()
    refused: str = ""
    left: tuple[str, ...] = ()
    unrelated: bool = False


def resumption(
    dead: Unfinished,
    now: RunStart,
    progress: Mapping[str, Progress],
    *,
    rest_moved: bool,
) -> Resumption:
    """Return what a run takes over.

    Args:
        dead: The run that died, with a checkpoint that covers a STATE.
        now: The run that begins.
        progress: The bookmarks of the streams of `now`.
        rest_moved: Whether what belongs to no stream differs between the two states.
    """
    newest = dead.newest
    if newest is None:
        return Resumption(dead.start.run, {}, refused="it had stored nothing that a STATE covers")
    if reason := _differs(dead.start, now):
        return Resumption(dead.start.run, {}, refused=reason)
    left = {name: reason for name in now.streams if (reason := _left(name, dead, now, progress[name]))}
    if left.keys() == now.streams.keys() and {*left.values()} <= {ANOTHER, NOT_READ}:
        return Resumption(dead.start.run, {}, refused=_told(left), unrelated=True)
    taken = {name: newest.covers.get(name, 0) for name in now.streams if name not in left}
    others = set(dead.start.streams) - set(now.streams)
    if rest_moved and (left or others):
        reason = _told(left) or "it was of other streams"
        return Resumption(
            dead.start.run, {},
            refused=f"what its STATE holds besides the streams' own bookmarks has moved, too ({reason})",
        )  # fmt: skip
    if not taken:
        return Resumption(dead.start.run, {}, refused=_told(left))
    return Resumption(
        dead.start.run, taken, dead.files(taken), left=tuple(f"'{name}': {why}" for name, why in left.items())
    )


def _told(left: Mapping[str, str]) -> str:
    return "; ".join(f"'{name}': {why}" for name, why in left.items())


def _differs(dead: RunStart, now: RunStart) -> str:
    if dead.place != now.place:
        return "it loaded into another place"
    if dead.plugin_key != now.plugin_key:
        return "the tap's program or settings have changed since"
    if dead.masking != now.masking:
        changed = "rules" if dead.masking[:-1] != now.masking[:-1] else "the salt"
        return f"its rows are masked otherwise ({changed}) than they would be now"
    return ""


def _left(name: str, dead: Unfinished, now: RunStart, progress: Progress) -> str:
    """Return why a stream's rows are read again; empty if they are taken."""
    theirs, ours = dead.start.streams.get(name), now.streams[name]
    if theirs is None:
        return NOT_READ
    reasons = {
        ANOTHER: (theirs.parent, theirs.bookmark) != (ours.parent, ours.bookmark),
        dead.excluded.get(name, ""): name in dead.excluded,
        "what is selected of it has changed": theirs.selection_hash != ours.selection_hash,
        "a full table is read whole": theirs.replication_method == "FULL_TABLE",
        "its tap says that its progress is not resumable (progress_markers)": holds_markers(progress.after),
        "its bookmark had not moved": not progress.moved,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def holds_markers(value: JSON) -> bool:
    """Return whether a stream's part of a STATE says that the stream has not been read to its end."""
    match value:
        case Mapping():
            return "progress_markers" in value or any(map(holds_markers, value.values()))
        case list() | tuple():
            return any(map(holds_markers, value))
        case _:
            return False
