"""The paper's experiments: their grid and their cost, and a small part of them, made."""

from dataclasses import fields
from pathlib import Path

import pytest

from telegrad.cli.main import main
from telegrad.experiments.reproduce import RATES, paper_table, reproduction
from telegrad.experiments.run_files import RunSummary
from telegrad.experiments.summary import Summary, summarize
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


def test_beyond_the_paper_crops_and_ours_have_the_work_of_full_multiscale_and_a_tenth():
    *papers, crops, ours, larger_crops, larger_ours = reproduction(beyond=True)
    assert len(papers) == 2
    for comparison in (crops, ours, larger_crops, larger_ours):
        for rate in comparison.rates:
            for contestant in comparison.contestants:
                run = comparison.config(Path(), contestant, 42, rate)
                work = 2_875 if contestant[-1].endswith(", a tenth") else 28_750
                assert build_schedule(run).work_units == pytest.approx(work, rel=0.01)
                assert build_learning_rate(run).highest == (rate or 2e-3)
    for comparison, side in ((crops, 32), (larger_crops, 64)):
        assert list(comparison.rates) == RATES
        for contestant in comparison.contestants:
            stage, *others = build_schedule(comparison.config(Path(), contestant, 42)).stages
            assert (stage.shape, stage.batch_sizes, others) == ((side, side), (16,), [])
    assert list(ours.options_of_strategies) == ["auto", "auto, a tenth", "race", "race, a tenth"]


def test_beyond_the_paper_each_dataset_has_crops_of_half_its_size_and_a_part_its_own_work():
    plain, *_, crops, ours, larger, _ = reproduction(scale=0.01, own_datasets=True, beyond=True)
    sides = {"denoising": 16, "deblurring": 48, "inpainting": 64, "superresolution": 64}
    for comparison in (crops, larger):
        for one in comparison.contestants:
            stage = build_schedule(comparison.config(Path(), one, 42, RATES[0])).stages[0]
            assert stage.shape == (sides[one[0].removeprefix("paper_")],) * 2
    task, network = plain.tasks[0], plain.networks[0]
    full = plain.config(Path(), (task, network, "fullmultiscale"), 42)
    auto = ours.config(Path(), (task, network, "auto"), 42)
    assert auto.build_strategy().work_units == build_schedule(full).work_units


def run(strategy, seed=0, loss=1.0, rate=None):
    """A finished run, as a report has it."""
    mode = strategy if strategy in ("single", "multiscale", "fullmultiscale") else "any"
    label = strategy if rate is None else f"{strategy}, rate {rate:g}"
    known = {"task": "denoising", "network": "resnet", "strategy": label, "mode": mode}
    known |= {"seed": seed, "valid_loss": loss, "mse": loss, "status": "finished"}
    known |= {"work_units": 480.0 if strategy == "single" else 30.0, "learning_rate": rate}
    return RunSummary(**{field.name: known.get(field.name) for field in fields(RunSummary)})


def test_what_is_tuned_is_tabled_at_its_best_rate_which_more_seeds_say_better():
    runs = [
        *(run("single", seed) for seed in (0, 1)),
        *(run("auto", 0, loss, rate) for loss, rate in ((0.3, 0.001), (0.2, 0.002), (0.4, 0.004))),
        *(run("random crops", seed, 0.5, 0.002) for seed in (0, 1)),
        run("random crops", 0, 0.1, 0.004),
        run("race", 0, 0.6),
    ]
    rows = [line.split(" | ") for line in paper_table(Summary(runs, [])).splitlines()[2:]]
    assert [(row[2], row[4], row[5]) for row in rows] == [
        ("single", "1 / 1.0", "1.00000"),
        ("random crops, rate 0.002", "1 / 16.0", "0.50000"),
        ("auto, rate 0.002", "1 / 16.0", "0.20000"),
        ("race", "1 / 16.0", "0.60000"),
    ]


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


def test_the_strategies_are_the_paper_s():
    with pytest.raises(
        ValueError, match="strategy=Auto: the strategies are the paper's; use beyon"
    ):
        reproduction(scale=0.002, tasks=["denoising"], strategy="Auto")
