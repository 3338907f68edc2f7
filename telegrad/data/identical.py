"""Files that hold the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from telegrad.files import sha256_of


def identical_files(first: Sequence[Path], second: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pairs of files, one of each, that hold the same bytes."""
    sizes = {file.stat().st_size for file in second}
    of_digest = {sha256_of(file): file for file in first if file.stat().st_size in sizes}
    sizes = {file.stat().st_size for file in of_digest.values()}
    digests = ((sha256_of(file), file) for file in second if file.stat().st_size in sizes)
    return [(of_digest[digest], file) for digest, file in digests if digest in of_digest]
