"""What `telegrad diagnose` says of one network at three points of its training.

    python benchmarks/diagnosis.py

A last table tries allocations on draws that they were not chosen on. Each network is of a run of
its own on the finest level, with a learning rate that falls to zero within its work units.
"""

from __future__ import annotations

import tempfile
from statistics import mean

import torch
from table import as_markdown, publish

from telegrad.diagnostics import LevelStatistics
from telegrad.inference import load_model
from telegrad.inference.diagnose import all_levels, diagnose
from telegrad.mge.weights import FORMS, Form
from telegrad.runs import Config, run
from telegrad.runs.compose import compose

SETS = 4
"""Sets of draws, for the last table."""

COMMON = (
    "paper_denoising --network ResNet --network.channels 32 --batch_size 4 --learning_rate 3e-3 "
    "--t_max 0.5"
)


def config_of(work_units: float, results: str) -> Config:
    return compose(
        {
            "task": "paper_denoising",
            "network": "ResNet",
            "network.channels": 32,
            "batch_size": 4,
            "learning_rate": 3e-3,
            "t_max": 0.5,
            "work_units": work_units,
            "validation.times": 2,
            "validation.images": 32,
            "out": results,
            "overwrite": True,
            "device": "cpu",
        }
    )


def main() -> None:
    body, rows = [], []
    with tempfile.TemporaryDirectory() as results:
        for work_units in (200, 600, 2000):
            model = load_model(run(config_of(work_units, results)).files.best)
            probe = all_levels(model.config)
            sets = [diagnose(probe, model.network, seed=seed) for seed in range(SETS)]
            statistics = sets[0]
            said = f"`telegrad train {COMMON} --work_units {work_units}`, then `telegrad diagnose`"
            body.append(f"{said} of its best model:\n\n```\n{statistics}\n```\n")
            for form in FORMS:
                rows.append([work_units, form, *on_other_draws(sets, form)])
    columns = ["work units", "form", "on the same draws", "on others", "in the interval"]
    body.append(
        f"Gain of the best allocation for each of {SETS} sets of 48 draws: as predicted on those "
        f"draws, and with the covariances of the other sets (means); and how many of the {SETS} "
        f"intervals hold the latter.\n\n{as_markdown(columns, rows)}"
    )
    title = "A diagnosis at three points of a training"
    publish("diagnosis", title, "\n".join(body), [42, *range(SETS)])


def on_other_draws(sets: list[LevelStatistics], form: Form) -> list[str]:
    """Mean gain on the draws that an allocation was chosen on, and on all others."""
    same, other, held = [], [], 0
    for chosen in sets:
        best = chosen.allocation(form)
        gain = chosen.gain(best)
        others = [s.covariance for s in sets if s is not chosen]
        rest = torch.tensor(others, dtype=torch.float64).mean(0)
        same.append(gain.value)
        other.append(float(best.gain(rest, chosen.work_units)))
        held += gain.low <= other[-1] <= gain.high
    return [f"{mean(same):.2f}", f"{mean(other):.2f}", f"{held} of {len(sets)}"]


if __name__ == "__main__":
    main()
