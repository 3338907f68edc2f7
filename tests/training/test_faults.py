"""What happens to runs: kills, torn files, full disks, signals, memory, numbers that are none."""

import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from describe import changed
from kills import difference, kill_and_resume, recipe, rows, some
from PIL import Image
from safetensors.torch import load_file

from telegrad.cli.main import main
from telegrad.records import Records
from telegrad.runs.build import build_schedule
from telegrad.runs.running import run
from telegrad.tasks import PaperDenoising
from telegrad.training import checkpoint, loop
from telegrad.training.checkpoint import read_checkpoint, read_state

# --- kill -9 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fullmultiscale", "auto", "race"])
def test_a_run_killed_at_random_instants_ends_as_if_it_had_not_been(mode, tmp_path):
    """`benchmarks/soak.py` does it hundreds of times, with every strategy."""
    whole = recipe(tmp_path / "whole", strategy=mode, ema=0.9)
    assert set(kill_and_resume(whole, tmp_path / "killed", some(mode), 1)) == {(0.0, 0)}


@pytest.mark.parametrize("mode", ["fullmultiscale", "auto", "race"])
def test_a_run_killed_between_its_first_model_and_the_state_after_it(mode, tmp_path, monkeypatch):
    whole = recipe(tmp_path / "whole", strategy=mode, ema=0.9, save_every=300.0)
    run(whole)
    stopped = changed(whole, out=str(tmp_path / "stopped"))
    save_best = checkpoint.save_best

    def killed(*arguments, **options):
        save_best(*arguments, **options)
        raise SystemError("stands for a kill")

    with monkeypatch.context() as context:
        context.setattr(loop, "save_best", killed)
        with pytest.raises(SystemError):
            run(stopped)
    assert stopped.directory.best.exists()
    run(stopped, resume=True)
    assert difference(whole, stopped) == (0.0, 0)


# --- checkpoints ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(recipe(tmp_path_factory.mktemp("finished"), ema=0.9))


def test_best_weights_are_also_there_as_safetensors(finished):
    plain = load_file(finished.files.weights)
    best = read_checkpoint(finished.files.best)["model_state_dict"]
    assert set(plain) == set(best)
    assert all(torch.equal(plain[k], best[k]) for k in best)


@pytest.mark.parametrize("what", ["train log", "state", "best"])
def test_a_full_disk_loses_nothing_and_the_run_resumes(what, tmp_path, monkeypatch):
    whole = recipe(tmp_path / "whole", strategy="single")
    run(whole)
    stopped = changed(whole, out=str(tmp_path / "stopped"))
    trained, save, calls = Records.trained, checkpoint.write_whole, []

    def is_full(at):
        calls.append(1)
        return len(calls) == at

    def trained_until_full(self, *row):
        if is_full(20):
            raise OSError(28, "No space left on device")
        trained(self, *row)

    def full(file):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    def saved_until_full(path, content):
        is_it = path.name.endswith({"state": "last.pt.new", "best": "_best.pt"}[what])
        save(path, full if is_it and is_full(3) else content)

    with monkeypatch.context() as context:
        if what == "train log":
            context.setattr(Records, "trained", trained_until_full)
        else:
            context.setattr(checkpoint, "write_whole", saved_until_full)
        with pytest.raises(OSError, match="No space left"):
            run(stopped)
    run(stopped, resume=True)
    assert difference(whole, stopped) == (0.0, 0)


def test_a_directory_that_became_read_only(tmp_path, monkeypatch):
    save, calls = checkpoint.write_whole, []

    def denied(file):
        raise PermissionError(13, "Permission denied")

    def denied_in_the_end(path, content):
        calls.append(1)
        save(path, denied if len(calls) > 1 else content)

    monkeypatch.setattr(checkpoint, "write_whole", denied_in_the_end)
    with pytest.raises(OSError, match=r"can't be written .*Permission denied"):
        run(recipe(tmp_path))
    assert rows(recipe(tmp_path), "train")


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(number, code, tmp_path):
    options = recipe(tmp_path / "stopped")
    arguments = (
        f"--strategy fullmultiscale --network unet --network.channels 16 --size 16 --levels 2 "
        f"--batch_sizes [4,2] --work_units 4000 --validation.times 2 --validation.images 4 --device cpu "
        f"--out {options.output.directory}"
    ).split()
    with subprocess.Popen(
        [sys.executable, "-m", "telegrad", "train", "paper_denoising", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        log = Path(options.output.directory, "logs", f"{options.name}_train.csv")
        while program.poll() is None and not (log.exists() and log.read_text().count("\n") > 10):
            time.sleep(0.05)
        program.send_signal(number)
        _, said = program.communicate(timeout=60)
    assert program.returncode == code, said
    run_directory = Path(options.output.directory, "runs", options.name)
    done = read_state(options.directory.last, options.directory.previous)["progress"]["iteration"]
    assert f"stopped after iteration {done}" in said
    assert f"Go on with: telegrad train --resume {run_directory}" in said
    assert [int(r["iteration"]) for r in rows(options, "train")] == list(range(1, done + 1))


def test_a_run_goes_on_from_its_directory(tmp_path, monkeypatch, capsys):
    whole = recipe(tmp_path / "whole")
    run(whole)
    stopped = changed(whole, out=str(tmp_path / "stopped"))
    trained, calls = Records.trained, []

    def interrupted(self, *row):
        trained(self, *row)
        calls.append(1)
        if len(calls) == 30:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Records, "trained", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(stopped)
    directory = tmp_path / "stopped" / "runs" / stopped.name
    assert main(["train", "--resume", str(directory)]) == 0
    assert "resumed after iteration 30" in (directory / "events.log").read_text()
    assert difference(whole, stopped) == (0.0, 0)
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "is not the directory of a run" in capsys.readouterr().err


# --- a deliberate change --------------------------------------------------------------------------


def test_more_work_is_possible_and_recorded_and_less_is_refused(tmp_path):
    first = recipe(tmp_path, strategy="single")
    done = run(first).progress.iteration
    longer = changed(first, work_units=90.0)
    report = run(longer, resume=True)
    reached = report.progress.iteration
    assert reached == build_schedule(longer).steps > done
    assert [int(r["iteration"]) for r in rows(first, "train")] == list(range(1, reached + 1))
    events = (report.files.path / "events.log").read_text()
    assert "strategy.work_units: 60.0 then, 90.0 now" in events
    with pytest.raises(ValueError, match=rf"has {reached} steps, 90 work units; {done} steps"):
        run(first, resume=True)


def test_another_budget_of_time_is_refused_and_more_work_is_not(tmp_path):
    first = recipe(tmp_path, strategy="single", work_units=None, budget="2s", validations=1)
    steps = run(first).progress.iteration
    with pytest.raises(
        ValueError, match=r"strategy.budget: 2s then, 10s now\); a budget of time is counted"
    ):
        run(changed(first, budget="10s"), resume=True)
    assert run(first, resume=True).progress.iteration == steps  # the same one is met
    more = run(changed(first, budget=f"{4 * steps + 20}wu"), resume=True)
    assert more.progress.work_units == pytest.approx(4 * steps + 20, abs=2)


def test_more_work_goes_to_the_last_stage(tmp_path):
    first = recipe(tmp_path)
    before = build_schedule(first)
    report = run(first)
    assert report.progress.work_units == before.work_units
    for more in (75.0, 90.0):
        report = run(changed(first, work_units=more), resume=True)
        assert report.progress.work_units == more
    stages = [row["stage"] for row in rows(first, "progress")]
    assert stages == sorted(stages)
    assert report.progress.iteration == before.steps + 30 / before.step_cost(before.stages[-1])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"strategy.batch_sizes": [2, 2]},
        {"task.t_max": 0.5},
        {"data.size": 32},
        {"validation.ema": 0.9},
    ],
    ids=str,
)
def test_what_makes_another_run_is_refused_with_the_difference(change, tmp_path):
    first = recipe(tmp_path, work_units=10.0, validations=1)
    run(first)
    (name,) = change
    with pytest.raises(ValueError, match=f"was another run .{name}: .* then, .* now"):
        run(changed(first, **change), resume=True)


# --- numbers, memory, clocks, images --------------------------------------------------------------


def losses_that_fail(monkeypatch, when, values):
    """Replaces the losses of the passes `when`, counted from 1, by `values(losses)`."""
    healthy, calls = PaperDenoising.losses, []

    def losses(self, *arguments):
        calls.append(1)
        result = healthy(self, *arguments)
        return values(result) if len(calls) in when else result

    monkeypatch.setattr(PaperDenoising, "losses", losses)


def test_a_bounded_number_of_bad_updates_is_skipped_by_choice(tmp_path, monkeypatch):
    losses_that_fail(monkeypatch, {5, 9}, lambda values: values * math.nan)
    report = run(recipe(tmp_path, strategy="single", skip_updates=2))
    assert report.progress.skipped == 2
    events = (report.files.path / "events.log").read_text().splitlines()
    assert len(events) == 2
    assert "not finite at iteration 5, stage 0 (seed 42, crops from 8)" in events[0]
    weights = read_checkpoint(report.files.last)["network"]
    assert all(w.isfinite().all() for w in weights.values())


def test_one_more_than_that_stops_the_run_and_so_does_a_bad_gradient(tmp_path, monkeypatch):
    with monkeypatch.context() as context:
        losses_that_fail(context, {5, 9}, lambda values: values * math.inf)
        with pytest.raises(FloatingPointError, match="loss, on level 1, is not .* iteration 9"):
            run(recipe(tmp_path / "a", strategy="single", skip_updates=1))
    # A loss of 0 whose square root has no derivative there.
    losses_that_fail(monkeypatch, {3}, lambda values: (values - values).sqrt())
    with pytest.raises(FloatingPointError, match="gradient is not finite at iteration 3"):
        run(recipe(tmp_path / "b", strategy="single"))


def test_out_of_memory_says_where_and_what_to_lower(tmp_path, monkeypatch):
    def too_much(values):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    losses_that_fail(monkeypatch, {7}, too_much)
    with pytest.raises(MemoryError) as error:
        run(recipe(tmp_path, strategy="multiscale"))
    assert "in the pass of 2 images of 16×16; batch_sizes=[4, 2]" in str(error.value)
    assert "Lower that level's batch size, size, or the channels" in str(error.value)


def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    whole, jumping = recipe(tmp_path / "whole"), recipe(tmp_path / "jumping")
    run(whole)
    start, calls = time.time(), []

    def clock():
        calls.append(1)
        return start - 1e6 * (len(calls) % 3)

    monkeypatch.setattr(time, "time", clock)
    run(jumping)
    assert difference(whole, jumping) == (0.0, 0)
    with Path(jumping.output.directory, "logs", f"{jumping.name}_train.csv").open() as file:
        times = [float(line.split(",")[2]) for line in list(file)[1:]]
    assert times == sorted(times)
    assert 0 < times[-1] < 60


def test_an_image_that_breaks_in_mid_run_breaks_neither_the_run_nor_the_next_one(tmp_path):
    (tmp_path / "photos").mkdir()
    for k, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), np.uint8)):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{k}.png")
    photos = {"data": "Folder", "path": str(tmp_path / "photos"), "memory": 0.0}
    whole, broken = recipe(tmp_path / "w", **photos), recipe(tmp_path / "b", **photos)
    run(whole)
    victim = tmp_path / "photos" / "3.png"
    content, trained, calls = victim.read_bytes(), Records.trained, []

    def breaks(self, *row):
        trained(self, *row)
        calls.append(1)
        if len(calls) == 20:
            victim.write_bytes(content[:100])

    with pytest.MonkeyPatch.context() as context:
        context.setattr(Records, "trained", breaks)
        run(broken)
    assert len(calls) > 20
    assert difference(whole, broken) == (0.0, 0)
    with pytest.raises(OSError, match=r"3\.png: can't be read as an image"):
        run(changed(broken, overwrite=True))


# --- moving average -------------------------------------------------------------------------------


def test_the_moving_average_of_the_weights_is_what_is_kept(tmp_path):
    report = run(recipe(tmp_path, strategy="single", ema=0.5, work_units=20.0))
    state = read_checkpoint(report.files.last)
    best = read_checkpoint(report.files.best)
    averaged = {k.removeprefix("module."): v for k, v in state["average"].items()}
    assert not all(torch.equal(averaged[k], state["network"][k]) for k in state["network"])
    if best["iteration"] == report.progress.iteration:
        weights = best["model_state_dict"]
        assert all(torch.equal(averaged[k], weights[k]) for k in weights)
