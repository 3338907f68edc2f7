"""What is in a file, in short."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(file: Path) -> str:
    """Its SHA-256, in hexadecimal; read in parts, so that it may be large.

    Raises:
        OSError: if it can't be read.
    """
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while part := content.read(2**20):
            digest.update(part)
    return digest.hexdigest()
