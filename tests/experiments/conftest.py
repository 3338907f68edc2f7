import json

import pytest
import yaml

from telegrad import __version__
from telegrad.experiments.comparison import comparison_of
from telegrad.runs.compose import compose

SMALL = {
    "network.channels": 8,
    "size": 16,
    "levels": 2,
    "budget": "60wu",
    "validation.images": 4,
    "validation.times": 2,
    "device": "cpu",
}
TWO = {
    "single": {"strategy": "Single", "batch_size": 4},
    "auto": {"strategy": "telegrad.schedules.Auto"},
}


@pytest.fixture(scope="session")
def options():
    """Of runs that take a second."""
    return SMALL


@pytest.fixture(scope="session")
def small():
    """Makes a comparison of small runs, of two strategies and two seeds if nothing is said."""

    def make(**changes):
        return comparison_of(**{"strategies": TWO, "seeds": [0, 1], **SMALL, **changes})

    return make


@pytest.fixture(scope="session")
def configs_of():
    """All runs of a comparison in a directory."""

    def make(comparison, directory):
        return [
            comparison.config(directory, contestant, seed)
            for seed in comparison.seeds
            for contestant in comparison.contestants
        ]

    return make


@pytest.fixture(scope="session")
def write_run():
    """Writes the files of a finished run, as `Records` leaves them."""

    def write(root, label, seed, valid_loss, work=100.0, **options):
        options = {"task": "paper_denoising", "size": 32, "strategy": "Single"} | options
        place = root / label.replace(" ", "_") / f"seed{seed}"
        config = compose({**options, "label": label, "seed": seed, "out": str(place)})
        files = config.directory
        files.path.mkdir(parents=True)
        files.config.write_text(yaml.safe_dump(config.to_dict(), sort_keys=False))
        files.environment.write_text(json.dumps({"telegrad": __version__, "cores": 2}))
        of_model = {"loss": valid_loss, "mse": valid_loss, "psnr": 20 - valid_loss, "ssim": None}
        report = {
            "work_units": work,
            "seconds": 2.0,
            "wall_seconds": 3.0,
            "estimated_seconds": None,
            "peak_memory": 50.0,
        }
        report |= {
            "best_iteration": 7,
            "corrupted": of_model | {"psnr": 18.0},
            "restored": of_model,
        }
        files.report.write_text(json.dumps(report))
        return files

    return write
