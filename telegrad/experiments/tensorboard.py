"""Runs as logs that TensorBoard reads."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from telegrad.records import RunDirectory

SCALARS = ("train_loss", "valid_loss", "valid_psnr", "valid_ssim", "learning_rate", "level")


def write_logs(root: Path, runs: Sequence[str]) -> Path:
    """What runs validated, against their iterations and against their work units.

    Args:
        root: a directory of runs.
        runs: their paths in it.

    Returns:
        the directory for `tensorboard --logdir`.

    Raises:
        ValueError: if TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ValueError(
            f"tensorboard logs need a package that is not here ({error}); install it with: pip "
            f"install 'telegrad[tensorboard]'."
        ) from error
    for run in runs:
        logs = root / "tensorboard" / run.replace("/runs/", "/")
        for old in logs.glob("events.out.tfevents.*"):
            old.unlink()
        with (
            SummaryWriter(str(logs)) as writer,
            RunDirectory.at(root / run).progress.open(newline="", encoding="utf-8") as file,
        ):
            for row in csv.DictReader(file):
                for name in SCALARS:
                    if row.get(name):
                        value = float(row[name])
                        writer.add_scalar(name, value, int(row["iteration"]))
                        writer.add_scalar(f"{name} by work", value, int(float(row["work_units"])))
    return root / "tensorboard"
