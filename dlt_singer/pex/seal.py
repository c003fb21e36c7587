"""The hash of a PEX as it was built or fetched, in a file beside it, so that no other is unpacked in its place."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20


def seal_of(pex: Path) -> Path:
    """Return where the hash of a PEX is."""
    return pex.with_name(f"{pex.name}.sha256")


def seal(made: Path, pex: Path) -> None:
    """Write down the hash of a file that is about to become `pex`.

    Args:
        made: The file, whole.
        pex: Where it will be.
    """
    unfinished = made.with_name(f"{made.name}.sha256")
    with made.open("rb") as content:
        unfinished.write_text(f"{_hash(content)}  {pex.name}\n", encoding="ascii")
    unfinished.replace(seal_of(pex))


def is_sealed(pex: Path) -> bool:
    """Return whether it is the file that was sealed."""
    try:
        sealed = seal_of(pex).read_bytes()
    except OSError:
        return False
    with pex.open("rb") as content:
        return is_hash_of(content, sealed)


def is_hash_of(content: BinaryIO, sealed: bytes) -> bool:
    """Return whether content is what was sealed.

    Args:
        content: What is read to its end.
        sealed: What was written down.
    """
    return sealed.split()[:1] == [_hash(content).encode()]


def _hash(content: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := content.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
