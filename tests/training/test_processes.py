"""Several processes: the gradient is that of all draws together, and a run is still one run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from describe import changed
from kills import difference, recipe, rows
from lightning_fabric import Fabric
from processes import in_two_processes

from telegrad import records
from telegrad.data.stream import CropStream
from telegrad.mge.batches import join, map_fields
from telegrad.mge.estimator import multiscale_backward
from telegrad.mge.shells import Shells
from telegrad.runs import build
from telegrad.runs.build import (
    build_fabric,
    build_learning_rate,
    build_network,
    build_objective,
    build_schedule,
    training_pyramid,
)
from telegrad.runs.running import run
from telegrad.training.checkpoint import read_checkpoint
from telegrad.training.gradient import draw_shells, gradient
from telegrad.training.interruptions import Interrupted
from telegrad.training.state import Progress, TrainingState

# --- one step -------------------------------------------------------------------------------------


def one_gradient(rank, recipe, directory):
    """The gradient of a run's first step, with this process's draws; in double precision."""
    network = build_network(recipe).double()
    torch.set_default_dtype(torch.float64)
    build.Fabric = lambda **options: Fabric(**(options | {"precision": "64-true"}))
    fabric = build_fabric(recipe)
    adam = torch.optim.Adam(network.parameters())
    model, optimizer = fabric.setup(network, adam)
    stream = CropStream(training_pyramid(recipe, recipe.build_data().source().train), recipe.seed)
    objective, schedule = build_objective(recipe), build_schedule(recipe)
    rate = build_learning_rate(recipe)
    state = TrainingState(model, optimizer, rate, schedule, stream, Progress())
    shells = draw_shells(fabric, state, objective.task)
    stream.position = 0
    estimate = gradient(fabric, state, objective)
    found = {
        "shells": list(shells.parts),
        "gradient": [p.grad for p in network.parameters()],
        "loss": estimate.loss,
        "work_units": estimate.work_units,
    }
    torch.save(found, Path(directory, f"{rank}.pt"))


@pytest.mark.parametrize("form", ["nested", "independent"])
def test_the_gradient_is_that_of_one_process_with_the_same_draws(form, tmp_path):
    whole = recipe(
        tmp_path,
        network="resnet",
        channels=8,
        strategy="multiscale",
        form=form,
        size=32,
        levels=3,
        batch_sizes=[8, 4, 2],
    )
    in_two_processes(one_gradient, whole, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert not torch.equal(first["shells"][-1]["clean"], second["shells"][-1]["clean"])

    pairs = zip(first["shells"], second["shells"], strict=True)
    shells = Shells([map_fields(lambda _, x: x.double(), join(a, b)) for a, b in pairs])
    network, objective = build_network(whole), build_objective(whole)
    schedule = build_schedule(whole)
    network.double()
    estimate = multiscale_backward(
        lambda draw: objective.losses(network, draw),
        shells,
        schedule.grids,
        (8, 4, 2),
        form=form,
        restriction=objective.task.rules,
    )
    expected = [p.grad for p in network.parameters()]
    alone = torch.cat([g.flatten() for g in expected])
    for of_process in (first, second):
        together = torch.cat([g.flatten() for g in of_process["gradient"]])
        assert (together - alone).norm() <= 1e-6 * alone.norm()
        torch.testing.assert_close(of_process["loss"], estimate.loss, check_dtype=False)
        assert of_process["work_units"] == estimate.work_units


# --- a run ----------------------------------------------------------------------------------------


def a_run(rank, recipe, directory, stop_after, resume=False):
    """Runs; the second process alone is asked to stop after that iteration."""
    if stop_after and rank == 1:
        trained = records.NoRecords.trained

        def stopping(self, iteration, loss, seconds):
            trained(self, iteration, loss, seconds)
            if iteration == stop_after:
                os.kill(os.getpid(), signal.SIGTERM)

        records.NoRecords.trained = stopping
    try:
        run(recipe, resume=resume)
        last = "the end"
    except Interrupted as stop:
        last = f"{stop.signal} after {stop.iteration}"
    Path(directory, f"{rank}.txt").write_text(last)


def said(directory):
    return [Path(directory, f"{rank}.txt").read_text() for rank in (0, 1)]


def test_all_stop_after_the_same_step_and_go_on_to_the_same_weights(tmp_path):
    whole = recipe(tmp_path / "whole", ema=0.9)
    in_two_processes(a_run, whole, tmp_path, None)
    assert said(tmp_path) == ["the end", "the end"]

    stopped = changed(whole, out=str(tmp_path / "stopped"), save_every=1000.0)
    in_two_processes(a_run, stopped, tmp_path, 7)
    assert said(tmp_path) == [f"{signal.SIGTERM:d} after 7"] * 2
    assert [int(row["iteration"]) for row in rows(stopped, "train")] == list(range(1, 8))

    in_two_processes(a_run, stopped, tmp_path, None, True)
    assert difference(whole, stopped) == (0.0, 0)


def test_a_run_of_two_processes_goes_on_in_one_with_more_work(tmp_path):
    two = recipe(tmp_path, work_units=40.0)
    in_two_processes(a_run, two, tmp_path, None)
    report = run(changed(two, work_units=60.0), resume=True)
    assert report.progress.work_units == pytest.approx(60, abs=4)
    events = (report.files.path / "events.log").read_text()
    assert "strategy.work_units: 40.0 then, 60.0 now" in events
    assert events.rstrip().endswith("1 process")
    iterations = [int(row["iteration"]) for row in rows(two, "train")]
    assert iterations == list(range(1, report.progress.iteration + 1))


def test_the_command_line_starts_processes_and_speaks_once(tmp_path):
    options = (
        "train paper_denoising --strategy fullmultiscale --network resnet --network.channels 8 --size 16 "
        "--levels 2 --batch_sizes [4,2] --work_units 20 --validation.times 2 --validation.images 4 "
        "--device cpu --processes 2"
    )
    command = [sys.executable, "-m", "telegrad", *options.split()]
    finished = subprocess.run(
        [*command, "--out", str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("Trained denoising_photographs_resnet_fullmultiscale_run1") == 1
    best = tmp_path / "models/denoising_photographs_resnet_fullmultiscale_run1_best.pt"
    assert all(not name.startswith("module.") for name in read_checkpoint(best)["model_state_dict"])


def test_batch_sizes_must_be_divisible_among_processes(tmp_path):
    with pytest.raises(
        ValueError, match=r"batch sizes \[4, 2\] .* among 4 processes; use multiples"
    ):
        run(recipe(tmp_path, processes=4))
    with pytest.raises(ValueError, match="device=cuda:1 is one; processes=2 need as many"):
        run(recipe(tmp_path, processes=2, device="cuda:1"))
