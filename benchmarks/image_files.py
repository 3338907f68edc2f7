"""Thousands of odd image files through `restore`: kept with all they carry, or refused by name.

    python benchmarks/image_files.py

Formats, modes, depths, metadata, frames, alpha and orientations at random, a third of them damaged;
the network gives images back as they are, so that every sample of a sound file must return. What is
made and what is checked is in `tests/odd_images.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from table import as_markdown, publish

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from odd_images import restored_all

COLUMNS = ["kind", "files", "restored", "refused"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        table, faults = restored_all(Path(folder), options.files, options.seed)
    seconds = time.perf_counter() - started
    total: Counter[str] = sum(table.values(), Counter())
    rows = [[kind, *(table[kind][column] for column in COLUMNS[1:])] for kind in sorted(table)]
    rows.append(["all", *(total[column] for column in COLUMNS[1:])])
    said = "\n".join(f"- {fault}" for fault in faults[:50]) or "None."
    body = (
        f"{options.files} small images in {seconds:.0f} s. A fault is an exception, an original "
        f"that changed, a sound file that is refused or loses a sample, a frame, its profile, "
        f"resolution or camera, and a file out of range that is not refused. Damaged files may be "
        f"restored, where what is left can be decoded, or refused by name.\n\n"
        f"{as_markdown(COLUMNS, rows)}\n\nFaults: {len(faults)}\n\n{said}"
    )
    publish("image_files", "Odd image files", body, [options.seed])
    if faults:
        sys.exit(1)


if __name__ == "__main__":
    main()
