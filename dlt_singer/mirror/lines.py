"""Messages as the lines of alto's files, and what those files are named by. Pure."""

from __future__ import annotations

import hashlib
import json

import msgspec

from dlt_singer.messages import Records, Schema


def digits_of(run: str) -> str:
    """Return six digits that tell a run's files from those of another at the same microsecond."""
    return f"{int(hashlib.sha256(run.encode()).hexdigest()[:8], 16) % 10**6:06d}"


def lines_of(records: Records) -> bytes:
    """Return RECORD lines: the tap's own, or made around records that came without."""
    if records.head != b"":
        return records.text
    head = b'{"type":"RECORD","stream":%s,"record":' % json.dumps(records.stream).encode()
    tail = b"}" if records.version is None else b',"version":%d}' % records.version
    return head + records.text.replace(b"\n", tail + b"\n" + head) + tail


def schema_line(schema: Schema) -> bytes:
    """Return a SCHEMA as a line."""
    members = msgspec.to_builtins(schema, builtin_types=(msgspec.Raw,))
    known = {key: value for key, value in members.items() if value is not None}
    return msgspec.json.encode({"type": "SCHEMA", **known})


def schema_id(schema: Schema) -> str:
    """Return alto's id of a JSON schema."""
    text = json.dumps(json.loads(bytes(schema.schema)), sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:15]
