import csv
import math
from pathlib import Path

import pytest
import torch
import yaml
from describe import changed, described

from telegrad.mge.coupling import CoupledDropout
from telegrad.mge.restriction import restrict
from telegrad.records import Records
from telegrad.runs.build import build_network, build_schedule, training_pyramid
from telegrad.runs.component import KINDS
from telegrad.runs.config import Config
from telegrad.runs.running import run
from telegrad.schedules import Schedule, Stage
from telegrad.tasks import PaperDenoising
from telegrad.training.checkpoint import read_checkpoint
from telegrad.training.draws import seed_of
from telegrad.training.forecast import validation_steps

MODES = [strategy.name for strategy in KINDS["strategy"].names().values()]

SMALL_UNET = {"network": "unet", "channels": 16, "network.multipliers": [1, 1]}
"""With dropout, which must be drawn again as it was."""


@pytest.fixture
def recipe(tmp_path):
    return described(
        strategy="fullmultiscale",
        network="resnet",
        channels=8,
        size=32,
        levels=3,
        batch_size=2,
        work_units=60,
        learning_rate=5e-3,
        validations=4,
        images=8,
        device="cpu",
        out=str(tmp_path / "results"),
    )


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def weights(report):
    return read_checkpoint(report.files.best)["model_state_dict"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_learns_and_leaves_what_it_should(recipe, mode):
    recipe = changed(recipe, strategy=mode, levels=3, batch_size=2, work_units=400)
    report = run(recipe)
    assert report.restored.mean_mse < 0.8 * report.corrupted.mean_mse

    name, schedule = f"denoising_photographs_resnet_{mode}_run1", build_schedule(recipe)
    logs = report.files.path.parent.parent / "logs"
    train = rows(logs / f"{name}_train.csv")
    assert list(train[0]) == ["iteration", "train_loss", "time"]
    assert [int(row["iteration"]) for row in train] == list(range(1, schedule.steps + 1))
    times = [float(row["time"]) for row in train]
    assert times == sorted(times)
    valid = rows(logs / f"{name}_valid.csv")
    assert list(valid[0]) == ["iteration", "valid_loss"]
    assert int(valid[-1]["iteration"]) == schedule.steps
    assert report.progress.work_units == pytest.approx(schedule.work_units)

    best = read_checkpoint(report.files.best)
    assert set(best) == {
        "model_state_dict", "optimizer_state_dict", "level", "iteration",
        "train_loss", "valid_loss", "configuration", "crop",
    }  # fmt: skip
    assert best["valid_loss"] == pytest.approx(min(float(row["valid_loss"]) for row in valid), 1e-4)
    assert best["iteration"] == report.progress.best_iteration
    assert report.restored.loss == pytest.approx(best["valid_loss"], rel=1e-5)
    assert report.files.picture.stat().st_size > 10_000
    stored = yaml.safe_load((report.files.path / "config.yaml").read_text())
    assert Config.from_dict(stored) == recipe
    progress = rows(report.files.path / "progress.csv")
    assert float(progress[-1]["work_units"]) == pytest.approx(schedule.work_units, rel=1e-4)


def test_the_same_seed_gives_the_same_weights_also_with_workers(recipe, tmp_path):
    def of(name, **changes):
        more = {"work_units": 20, **SMALL_UNET, **changes}
        return weights(run(changed(recipe, out=str(tmp_path / name), **more)))

    first, other, read_ahead = of("a"), of("b", seed=1), of("c", num_workers=2)
    assert not all(torch.equal(first[k], other[k]) for k in first)
    assert all(torch.equal(first[k], read_ahead[k]) for k in first)


def test_seeds_of_crops_noise_and_network_are_separate_streams():
    paths = [(seed, stream, step) for seed in range(3) for stream in range(3) for step in range(3)]
    assert len({seed_of(*path) for path in paths}) == len(paths)
    assert seed_of(1, 2, 3) == seed_of(1, 2, 3)


def test_bfloat16_learns_as_well(recipe, tmp_path):
    full = run(changed(recipe, work_units=400))
    half = run(changed(recipe, work_units=400, precision="bf16-mixed", out=str(tmp_path / "bf16")))
    assert half.restored.mean_mse == pytest.approx(full.restored.mean_mse, rel=0.1)
    assert all(w.dtype == torch.float32 for w in weights(half).values())


def test_a_loss_that_is_not_finite_stops_before_the_update_and_says_where(recipe, monkeypatch):
    healthy, calls = PaperDenoising.losses, []

    def losses(self, network, draw, *more):
        values = healthy(self, network, draw, *more)
        if draw["clean"].shape[-1] == 16 and network.training:
            calls.append({k: v.clone() for k, v in network.state_dict().items()})
            if len(calls) == 3:
                return values * math.inf
        return values

    monkeypatch.setattr(PaperDenoising, "losses", losses)
    with pytest.raises(
        FloatingPointError,
        match=r"loss, on level 1, is not finite at iteration \d+, stage 1 \(seed 42, crops from \d+\)\. The update was not",
    ):
        run(recipe)
    schedule = build_schedule(recipe)
    logs = rows(next((recipe_dir(recipe) / "logs").glob("*_train.csv")))
    assert len(logs) == schedule.stages[0].steps + 2
    assert "not finite" in next(recipe_dir(recipe).glob("runs/*/events.log")).read_text()
    best = read_checkpoint(next((recipe_dir(recipe) / "models").glob("*.pt")))
    assert all(v.isfinite().all() for v in best["model_state_dict"].values())


def recipe_dir(recipe):
    return Path(recipe.output.directory)


def test_results_of_an_earlier_run_are_not_replaced_unasked(recipe):
    recipe = changed(recipe, strategy="single", levels=1, batch_size=1, work_units=8)
    run(recipe)
    before = {p: p.read_bytes() for p in recipe_dir(recipe).rglob("*") if p.is_file()}
    with pytest.raises(FileExistsError, match=r"there already .* Use another run_id"):
        run(recipe)
    assert before == {p: p.read_bytes() for p in recipe_dir(recipe).rglob("*") if p.is_file()}
    run(changed(recipe, run_id=2))
    run(changed(recipe, overwrite=True))


class PowerLossError(Exception):
    pass


@pytest.mark.parametrize("mode", ["single", "fullmultiscale", "progressive_resizing"])
def test_a_resumed_run_is_the_run_that_was_not_stopped(recipe, mode, tmp_path, monkeypatch):
    length = {"levels": 3, "batch_size": 2, "work_units": 60}
    recipe = changed(recipe, strategy=mode, **SMALL_UNET, **length)
    whole = run(recipe)
    stopped = changed(recipe, out=str(tmp_path / "stopped"))
    healthy, steps = Records.trained, []

    def fail(self, iteration, loss, seconds):
        healthy(self, iteration, loss, seconds)
        steps.append(iteration)
        if len(steps) in (7, 9):
            raise PowerLossError

    monkeypatch.setattr(Records, "trained", fail)
    for _ in range(2):
        with pytest.raises(PowerLossError):
            run(stopped, resume=bool(steps))
    again = run(stopped, resume=True)
    assert len(steps) > whole.progress.iteration  # some steps were made twice

    first, second = weights(whole), weights(again)
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert again.progress.best_loss == whole.progress.best_loss
    for table in ("logs/*_train.csv", "logs/*_valid.csv", "runs/*/progress.csv"):
        logs = [rows(next(recipe_dir(r).glob(table))) for r in (recipe, stopped)]
        for of_run in logs:
            for row in of_run:
                row.pop("time", None)
                row.pop("seconds", None)
        assert logs[0] == logs[1]


def test_resume_refuses_another_run_and_a_damaged_state(recipe, tmp_path):
    report = run(recipe)
    with pytest.raises(ValueError, match=r"another run \(optimizer.lr: 0.005 then, 0.1 now\)"):
        run(changed(recipe, learning_rate=0.1), resume=True)
    assert run(recipe, resume=True).progress == report.progress
    for state in (report.files.last, report.files.previous):
        state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(
        ValueError, match=r"last\.pt: .*previous\.pt: .* or start anew with --overwrite"
    ):
        run(recipe, resume=True)


def test_with_nothing_to_resume_a_run_begins(recipe):
    report = run(recipe, resume=True)
    assert report.progress.iteration == build_schedule(recipe).steps
    assert "no state is there to go on from: the run begins" in report.files.events.read_text()


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({"size": 64}, 4),
        ({"size": 36}, 3),
        ({"size": 33, "strategy": "single"}, 1),
        ({"size": 24, "network": "unet"}, 2),
        ({"task": "paper_superresolution", "network": "srnet", "size": 64}, 3),
        ({"batch_sizes": [8, 4]}, 2),
    ],
)
def test_there_are_as_many_levels_as_the_images_allow(options, levels):
    options = {"strategy": "multiscale", "network": "resnet"} | options
    assert build_schedule(described(**options)).grids.levels == levels


def test_dropout_is_an_option_of_the_unet():
    unet = build_network(described(network="unet", channels=16, dropout=0.0))
    assert {m.p for m in unet.modules() if isinstance(m, CoupledDropout)} == {0.0}
    with pytest.raises(ValueError, match=r"no option --network\.dropout"):
        described(network="resnet", dropout=0.0)


def test_a_results_directory_that_cannot_be_written_is_an_error_before_training(recipe, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="can't be written .* choose another with --out"):
        run(changed(recipe, out=str(tmp_path / "file" / "results")))


# --- evaluation -----------------------------------------------------------------------------------


def test_validations_are_spread_evenly_over_the_work_and_end_each_stage():
    from telegrad.mge.grids import GridHierarchy

    schedule = Schedule(GridHierarchy((32, 32), 3), (Stage(160, 0, (4,)), Stage(30, 2, (4,))))
    assert schedule.work_units == 160
    after = sorted(validation_steps(schedule, 4))
    assert after == [159, 169, 179, 189]
    assert validation_steps(schedule, 1) == {159, 189}


@pytest.mark.parametrize("rule", ["averaging", "injection"])
def test_images_on_disk_are_coarsened_by_the_rule_of_the_task(recipe, rule):
    """Else draws that begin on a coarse level differ from those restricted to it: a biased sum."""
    config = changed(recipe, restriction=rule)
    task = config.build_task()
    pyramid = training_pyramid(config, config.build_data().source().train[:1])
    fine, middle = (
        torch.from_numpy(pyramid.images[0]["clean"][k]).permute(2, 0, 1)[None] for k in (2, 1)
    )
    expected = restrict({"clean": fine.float()}, task.rules["clean"])["clean"]
    assert (expected - middle).abs().max() <= 0.5


def test_a_compiled_network_is_compiled_once_for_each_shape_and_trains_alike(
    recipe, tmp_path, monkeypatch
):
    shapes = []

    def remember(graph, inputs):
        shapes.extend(tuple(x.shape) for x in inputs if x.ndim == 4 and x.shape[1] == 3)
        return graph.forward

    compile_in_place = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module,
        "compile",
        lambda self, **how: compile_in_place(self, backend=remember, **how),
    )
    compiled = run(changed(recipe, compile=True, out=str(tmp_path / "compiled")))
    plain = run(recipe)
    assert compiled.restored.loss == pytest.approx(plain.restored.loss, rel=1e-4)
    for level, number in passes(recipe):
        side = recipe.build_data().crop >> level
        assert shapes.count((number, 3, side, side)) == 1


def passes(recipe):
    """(levels below the finest, batch size) of every pass of the run."""
    schedule = build_schedule(recipe)
    return {
        (schedule.grids.levels - 1 - level, n)
        for stage in schedule.stages
        for level, n in enumerate(stage.batch_sizes, stage.coarsest)
    }
