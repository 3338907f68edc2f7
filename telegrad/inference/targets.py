"""Where restored images go: a name for each, and never over what is there already."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path


def inputs_of(files: Sequence[Path], source: Path, out: Path) -> list[Path]:
    """The files of a folder that are to be restored: not those in an `out` that lies within it."""
    if out.resolve() == source.resolve() or not out.resolve().is_relative_to(source.resolve()):
        return list(files)
    inner = out.resolve()
    return [file for file in files if not _folder_of(file).is_relative_to(inner)]


def targets_of(
    files: Sequence[Path],
    root: Path,
    out: Path,
    suffix_of: Callable[[Path], str],
    overwrite: bool = False,
) -> list[Path]:
    """A target in `out` for each file: its path below `root`, with the suffix of what it becomes.

    Names that are one on some system (a.jpg and a.png; A.png and a.png where case does not count)
    get the whole old name before the new suffix, in the order of `files`.

    Raises:
        ValueError: if a target is one of the files, by any name.
        FileExistsError: if there is a target already and `overwrite` is false.
        OSError: if `out` can't be a folder, or a name is too long.
    """
    sources = {_identity(file) for file in files} - {None}
    paths = [file.relative_to(root) for file in files]
    taken = {_spoken(parent) for path in paths for parent in path.parents}
    targets = []
    for file, path in zip(files, paths, strict=True):
        suffix = suffix_of(file)
        names = [path.with_suffix(suffix), path.with_name(path.name + suffix)]
        names += [path.with_name(f"{path.name}-{k}{suffix}") for k in range(2, len(files) + 3)]
        first, *others = names
        if _spoken(first) in taken:
            free = (n for n in others if _spoken(n) not in taken)
            first = next(n for n in free if _identity(out / n) not in sources)
        taken.add(_spoken(first))
        targets.append(out / first)
    there = []
    for file, target in zip(files, targets, strict=True):
        _check_length(target, _existing(target.parent))
        identity = _identity(target)
        if identity in sources:
            raise ValueError(
                f"restore: {file} would be written to {target}, which is one of the images to "
                f"restore; choose another --out. Originals are never overwritten."
            )
        if target.is_dir():
            raise FileExistsError(f"restore: {target} is a folder; choose another --out.")
        if identity is not None or target.is_symlink():
            there.append(target)
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise FileExistsError(
            f"restore: {there[0]}{more} would be overwritten; choose another --out, or "
            f"--overwrite to replace what is there."
        )
    return targets


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there. Raises OSError if it can't be written."""
    for path in (folder, *folder.parents):
        if path.is_dir():
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(f"restore: {path} can't be written; choose another --out.")
            return path
        if os.path.lexists(path):
            raise NotADirectoryError(f"restore: {path} is not a folder; choose another --out.")
    raise FileNotFoundError(f"restore: no folder above {folder}; choose another --out.")


def _check_length(target: Path, folder: Path) -> None:
    """Raises OSError if the name is too long, also the one that it is written under at first."""
    try:
        (folder / f"{target.name}.part").lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise OSError(f"restore: {target} can't be written ({error.strerror}).") from error


def _identity(file: Path) -> tuple[int, int] | None:
    """What a file is by any of its names; None if there is none."""
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def _folder_of(file: Path) -> Path:
    return file.parent.resolve()


def _spoken(path: Path) -> str:
    """A name as systems compare it that know no case and compose accents."""
    return unicodedata.normalize("NFC", path.as_posix()).casefold()
