"""The hash of a PEX as it was built or fetched, in a file beside it, so that no other is unpacked in its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

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
    unfinished.write_text(f"{_hash(made)}  {pex.name}\n", encoding="ascii")
    unfinished.replace(seal_of(pex))


def is_sealed(pex: Path) -> bool:
    """Return whether it is the file that was sealed."""
    try:
        sealed = seal_of(pex).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return False
    return sealed[:1] == [_hash(pex)]


def _hash(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
