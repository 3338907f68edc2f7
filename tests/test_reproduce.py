"""The paper's experiments: their grid and their cost, and a small part of them, made."""

from pathlib import Path

import pytest

from telegrad.cli.main import main
from telegrad.experiments.reproduce import paper_table, reproduction
from telegrad.experiments.summary import summarize


def recipes(comparisons):
    return [c.recipe(Path(), conf, 42) for c in comparisons for conf in c.configurations]


def test_the_grid_is_the_papers_and_costs_what_it_says():
    runs = recipes(reproduction(img_size=128))
    assert {(r.task, r.network) for r in runs} == {
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
        schedule = run.build_schedule()
        assert schedule.work_units == work[run.mode]
        assert run.build_learning_rate().highest == (
            1e-3 if run.task == "superresolution" else 5e-4
        )
        assert run.build_learning_rate().decay is None
        assert schedule.grids.levels == 4
    full = next(run.build_schedule() for run in runs if run.mode == "fullmultiscale")
    assert full.lengths == (2000, 1000, 500, 250)
    assert [stage.batch_sizes for stage in full.stages] == [
        (128,), (128, 64), (128, 64, 32), (128, 64, 32, 16),
    ]  # fmt: skip


def test_a_part_keeps_the_proportions_and_own_datasets_are_the_scripts():
    runs = recipes(reproduction(scale=0.01, own_datasets=True, seeds=[42]))
    assert {run.build_schedule().work_units for run in runs if run.mode == "multiscale"} == {740}
    assert {run.task: run.dataset for run in runs} == {
        "denoising": "cifar10",
        "deblurring": "stl10",
        "inpainting": "celeba",
        "superresolution": "urban100",
    }


def test_a_small_part_is_made_and_tabled(tmp_path, capsys):
    options = "--channels 8 --img_size 32 --levels 4 --val_images 4 --validations 1 --device cpu"
    command = f"reproduce --scale 0.002 --tasks [denoising] --networks [resnet] {options}"
    assert main([*command.split(), "--results_dir", str(tmp_path)]) == 0
    table, made = (tmp_path / "reproduction.md").read_text().split("\n\n")
    assert paper_table(summarize(tmp_path)) == table
    assert "- processor: " in made
    assert table in capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    assert [row[:5] for row in rows] == [
        ["denoising", "resnet", "single", "960", "1 / 1.0"],
        ["denoising", "resnet", "multiscale", "148", "1 / 6.5"],
        ["denoising", "resnet", "fullmultiscale", "76", "1 / 12.6"],
    ]
    assert (tmp_path / "report.html").exists()
    for row in rows:
        assert 0 < float(row[5]) < 1
        assert "–" not in row


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--scale 0", "scale=0.0; needs a number in (0, 1]"),
        ("--scale 0.0001", "leaves 0 steps for four stages; needs 0.002 or more"),
        ("--tasks [sharpening]", "task=sharpening: needs one of"),
        ("--networks [vgg]", "network='vgg': needs one of"),
        ("--budget 5wu", "budget"),
    ],
)
def test_wrong_options_are_refused(options, says, tmp_path, capsys):
    try:
        assert main(["reproduce", *options.split(), "--results_dir", str(tmp_path)]) == 2
    except SystemExit as stop:
        assert stop.code == 2
    assert says in capsys.readouterr().err
