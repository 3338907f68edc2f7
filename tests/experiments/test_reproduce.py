"""The paper's experiments: their grid and their cost, and a small part of them, made."""

from pathlib import Path

import pytest

from telegrad.cli.main import main
from telegrad.experiments.reproduce import paper_table, reproduction
from telegrad.experiments.summary import summarize
from telegrad.runs.build import build_learning_rate, build_schedule


def configs(comparisons):
    return [c.config(Path(), one, 42) for c in comparisons for one in c.contestants]


def strategy_of(config):
    return config.build_strategy().name


def test_the_grid_is_the_papers_and_costs_what_it_says():
    runs = configs(reproduction(size=128))
    assert {(r.build_task().name, r.network.short_name.lower()) for r in runs} == {
        *(
            (task, net)
            for task in ("denoising", "deblurring", "inpainting")
            for net in ("unet", "resnet")
        ),
        ("superresolution", "srnet"),
        ("superresolution", "resnet"),
    }
    work = {"single": 480_000, "multiscale": 74_000, "fullmultiscale": 28_750}
    assert len(runs) == 8 * 3
    for run in runs:
        schedule = build_schedule(run)
        assert schedule.work_units == work[strategy_of(run)]
        rate = 1e-3 if run.build_task().name == "superresolution" else 5e-4
        assert build_learning_rate(run).highest == rate
        assert build_learning_rate(run).decay is None
        assert schedule.grids.levels == 4
        assert run.optimizer.class_path == "torch.optim.Adam"
        assert getattr(run.build_strategy(), "form", "independent") == "independent"
    full = next(build_schedule(run) for run in runs if strategy_of(run) == "fullmultiscale")
    assert full.lengths == (2000, 1000, 500, 250)
    assert [stage.batch_sizes for stage in full.stages] == [
        (128,), (128, 64), (128, 64, 32), (128, 64, 32, 16),
    ]  # fmt: skip


def test_a_part_keeps_the_proportions_and_own_datasets_are_the_scripts():
    runs = configs(reproduction(scale=0.01, own_datasets=True, seeds=[42]))
    works = {build_schedule(run).work_units for run in runs if strategy_of(run) == "multiscale"}
    assert works == {740}
    assert {run.build_task().name: run.build_data().name for run in runs} == {
        "denoising": "cifar10",
        "deblurring": "stl10",
        "inpainting": "celeba",
        "superresolution": "urban100",
    }


def test_a_small_part_is_made_and_tabled(tmp_path, capsys):
    options = "--network.channels 8 --size 32 --levels 4 --validation.images 4 --device cpu"
    options += " --validation.times 1"
    command = f"reproduce --scale 0.002 --tasks [denoising] --networks [resnet] {options}"
    assert main([*command.split(), "--out", str(tmp_path)]) == 0
    table, made = (tmp_path / "reproduction.md").read_text().split("\n\n")
    assert paper_table(summarize(tmp_path)) == table
    assert "- processor: " in made
    assert table in capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    assert [row[:5] for row in rows] == [
        ["paper_denoising", "resnet", "single", "960", "1 / 1.0"],
        ["paper_denoising", "resnet", "multiscale", "148", "1 / 6.5"],
        ["paper_denoising", "resnet", "fullmultiscale", "76", "1 / 12.6"],
    ]
    assert (tmp_path / "report.html").exists()
    for row in rows:
        assert 0 < float(row[5]) < 1
        assert "–" not in row


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--scale 0", "scale=0.0: needs a number above 0 and at most 1"),
        ("--scale 0.0001", "leaves 0 steps for four stages; needs 0.002 or more"),
        ("--tasks [sharpening]", "task=sharpening: needs one of"),
        ("--networks [vgg]", "of paper_denoising with vgg: network=vgg: no such name"),
        ("--budget 5wu", "budget: the numbers of steps are the paper's; use scale"),
        ("--strategy.steps 5", "strategy.steps: the numbers of steps are the paper's"),
    ],
)
def test_wrong_options_are_refused(options, says, tmp_path, capsys):
    try:
        assert main(["reproduce", *options.split(), "--out", str(tmp_path)]) == 2
    except SystemExit as stop:
        assert stop.code == 2
    assert says in capsys.readouterr().err
