"""Benchmarks of the paper's tasks still pose them as the paper does, whatever the defaults are."""

import argparse
import importlib
from pathlib import Path

import pytest
from torch import nn

from telegrad.tasks import PaperDeblurring, PaperDenoising, PaperInpainting, PaperSuperResolution

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def options(**more):
    common = {"data_dir": "DIR", "img_size": 64, "work_units": 400, "seed": 0, "network": "ResNet"}
    common |= {"channels": 16, "t_max": 0.1, "learning_rate": 1e-3}
    return argparse.Namespace(**common | more)


def diagnosis(module):
    return module.config_of(200, "OUT")


def tiles(module):
    return module.config_of("unet", options(), "OUT")


def against_authors(module):
    settings = {"mode": "single", "data_dir": "DIR", "seconds": 30.0, "seed": 0}
    return module.config_of(settings, nn.Conv2d(3, 3, 3, padding=1), "OUT")


def first_light(module):
    return module.config_of((next(iter(module.STRATEGIES)), 0, options()), "OUT")


def dropout(module):
    return module.config_of(("none", "single", 0, options()), "OUT")


def tasks(module, task="denoising"):
    return module.config_of(task, "single", 0, options(urban100_dir="URBAN", keep="OUT"))


def work_to_quality(module, task="denoising", t_max=0.1, strategy="auto", work_units=400):
    of_run = options(task=task, t_max=t_max, validations=4, val_images=8)
    settings = module.STRATEGIES.get(strategy, {"typo": 1})
    return module.config_of(module.Job(settings, work_units, 1e-3, 0, of_run), "OUT")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.mark.parametrize(
    "config_of",
    [diagnosis, tiles, against_authors, first_light, dropout, tasks, work_to_quality],
)
def test_a_benchmark_of_the_papers_denoising_trains_it(config_of, script):
    config = config_of(script(config_of.__name__))
    assert isinstance(config.build_task(), PaperDenoising)


@pytest.mark.parametrize("config_of", [tasks, work_to_quality])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deblurring", PaperDeblurring),
        ("inpainting", PaperInpainting),
        ("superresolution", PaperSuperResolution),
    ],
)
def test_a_benchmark_of_a_task_of_the_paper_trains_that(config_of, name, kind, script):
    more = {"t_max": None} if config_of is work_to_quality else {}
    config = config_of(script(config_of.__name__), name, **more)
    assert isinstance(config.build_task(), kind)


def test_work_that_buys_no_step_is_no_run_and_a_wrong_option_is_an_error(script):
    module = script("work_to_quality")
    paper = "cascadic, paper's stages and batches"
    assert work_to_quality(module, strategy=paper) is not None
    assert work_to_quality(module, strategy=paper, work_units=1) is None
    with pytest.raises(ValueError, match="typo"):
        work_to_quality(module, task="denoising", strategy="typo")
