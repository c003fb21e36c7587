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
    "Schema",
    "State",
    "parse_line",
]


class Idle(msgspec.Struct, frozen=True):
    """The tap had nothing to say for a moment; whoever reads may do something else."""


Message: TypeAlias = Records | Schema | State | ActivateVersion | Batch | Idle
