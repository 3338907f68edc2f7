"""CSV tables that only grow, row by row as things happen."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from telegrad.atomic import write_whole


class Table:
    """A CSV file that only ever grows; a row reaches the system as soon as it is appended.

    Args:
        path: of the file; its directory must exist.
        columns: their names; the first is `iteration`.
        keep: go on with the rows that are there, up to this iteration; None begins anew. A row
            that was not written to its end is dropped.
    """

    def __init__(self, path: Path, columns: Sequence[str], keep: int | None = None) -> None:
        self.path = path
        self.columns = columns
        kept = [] if keep is None or not path.exists() else _rows_until(path, keep)
        write_whole(path, "".join([",".join(columns) + "\n", *kept]))
        self._file = path.open("a", newline="", encoding="utf-8", buffering=1)
        self._writer = csv.writer(self._file, lineterminator="\n")

    def append(self, row: Sequence[Any]) -> None:
        """Adds a row.

        Raises:
            OSError: if it can't be written.
        """
        try:
            self._writer.writerow(row)
        except OSError as error:
            raise OSError(
                f"log {self.path}: can't be written ({error}); rows until now are kept."
            ) from error

    def append_named(self, row: Mapping[str, Any]) -> None:
        """Adds those of the named values that are this table's columns."""
        values = (row[column] for column in self.columns)
        self.append([f"{v:.6g}" if isinstance(v, float) else v for v in values])

    def close(self) -> None:
        self._file.close()


def last_row(path: Path) -> dict[str, str] | None:
    """The last whole row of a table, by column; None if there is none, or no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    header, *rows = text[: text.rfind("\n") + 1].splitlines() or [""]
    return dict(zip(header.split(","), rows[-1].split(","), strict=True)) if rows else None


def _rows_until(path: Path, iteration: int) -> list[str]:
    """The whole rows up to that iteration."""
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]
    numbered = ((row.split(",")[0], row) for row in rows if row.endswith("\n"))
    return [row for number, row in numbered if number.isdecimal() and int(number) <= iteration]
