"""What a tap says, from the bytes of its stdout to `Iterator[Message]`. No I/O.

RECORDs are many, so they are not decoded here: consecutive ones of a stream are one message, `Records`, that
keeps the tap's own lines. All other messages come one by one.
"""

from typing import TypeAlias

import msgspec

from dlt_singer.messages.cut import Cutter
from dlt_singer.messages.envelope import (
    ActivateVersion,
    Batch,
    BatchEncoding,
    Line,
    Record,
    Schema,
    State,
    members_of,
    parse_line,
)
from dlt_singer.messages.records import Records

__all__ = [
    "ActivateVersion",
    "Batch",
    "BatchEncoding",
    "Cutter",
    "Idle",
    "Line",
    "Message",
    "Record",
    "Records",
    "Restart",
    "Schema",
    "State",
    "members_of",
    "parse_line",
]


class Idle(msgspec.Struct, frozen=True):
    """The tap had nothing to say for a moment; whoever reads may do something else."""


class Restart(msgspec.Struct, frozen=True):
    """From here on a stream is read anew from a bookmark: rows at the bookmark come again.

    Attributes:
        stream: The stream.
        remembered: Hashes with counts of those rows, as a run that was committed left them; None if there were
            too many.
        greatest: The replication value they have.
        committed: Whether the two say anything; otherwise they are what has been handed over in this run.
        renewed: The rows of the table do not count any more: it begins anew.
    """

    stream: str
    remembered: dict[str, int] | None = None
    greatest: object = None
    committed: bool = False
    renewed: bool = False


Message: TypeAlias = Records | Schema | State | ActivateVersion | Batch | Idle | Restart
