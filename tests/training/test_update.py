"""Clipping, accumulation, warm-up, and optimizers that average the weights themselves."""

import copy
import math

import pytest
import torch
from lightning_fabric.plugins import MixedPrecision
from schedulefree import AdamWScheduleFree, SGDScheduleFree

from telegrad.records import NoRecords
from telegrad.schedules import LearningRate, Update, is_schedule_free
from telegrad.training.checkpoint import checksum, read_checkpoint, read_state
from telegrad.training.gradient import clip, gradient, gradient_norm
from telegrad.training.loop import take_step


def gradient_of(run):
    gradient(run.fabric, run.state, run.objective)
    return torch.cat([p.grad.flatten() for p in run.state.network.parameters()])


def test_a_step_in_parts_has_the_same_gradient(a_run):
    """Same draws, same masks of dropout."""
    whole, parts = a_run(), a_run("parts", update=Update(accumulate=3))
    torch.testing.assert_close(gradient_of(parts), gradient_of(whole))


def test_a_longer_gradient_is_shortened_and_keeps_its_direction(a_run):
    run = a_run()
    whole = gradient_of(run).clone()
    run.state.update = Update(clip=whole.norm().item() / 4)
    clip(run.state, gradient_norm(run.state))
    shortened = torch.cat([p.grad.flatten() for p in run.state.network.parameters()])
    torch.testing.assert_close(shortened, whole / 4, rtol=1e-4, atol=1e-8)
    assert gradient_norm(run.state).item() == pytest.approx(run.state.update.clip, rel=1e-4)


@pytest.mark.parametrize("update", [Update(), Update(clip=1e6)])
def test_a_shorter_one_stays_as_it_is(a_run, update):
    run = a_run(update=update)
    whole = gradient_of(run).clone()
    clip(run.state, gradient_norm(run.state))
    assert torch.equal(torch.cat([p.grad.flatten() for p in run.state.network.parameters()]), whole)


def test_with_plain_sgd_no_step_is_longer_than_rate_times_clip(a_run):
    run = a_run(update=Update(clip=1e-3), ema=None)
    sgd = torch.optim.SGD(run.state.network.parameters(), lr=1.0)
    run.state.optimizer = run.fabric.setup_optimizers(sgd)
    for _ in range(5):
        before = torch.nn.utils.parameters_to_vector(run.state.network.parameters()).detach()
        take_step(run.fabric, run.state, run.objective, NoRecords(run.files))
        after = torch.nn.utils.parameters_to_vector(run.state.network.parameters()).detach()
        rate = run.state.optimizer.param_groups[0]["lr"]
        assert (after - before).norm().item() == pytest.approx(rate * 1e-3, rel=1e-2)


def test_what_is_not_finite_is_skipped_and_not_clipped(a_run, monkeypatch):
    from telegrad.tasks import PaperDenoising

    healthy = PaperDenoising.losses
    monkeypatch.setattr(PaperDenoising, "losses", lambda *a: healthy(*a) * math.inf)
    run = a_run(update=Update(clip=1.0))
    before = copy.deepcopy(run.state.network.state_dict())
    with pytest.raises(FloatingPointError):
        take_step(run.fabric, run.state, run.objective, NoRecords(run.files))
    take_step(run.fabric, run.state, run.objective, NoRecords(run.files), skips=2)
    assert all(torch.equal(before[k], v) for k, v in run.state.network.state_dict().items())


def in_half(a_run, scale):
    """A run with losses of that scale in half precision."""
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return a_run(half=MixedPrecision("16-mixed", "cpu", scaler), scaler=scaler)


def test_the_scale_of_losses_in_half_precision_is_found(a_run):
    """Updates are left out, none counts as skipped, until the gradient is finite."""
    run = in_half(a_run, 2.0**22)
    scaler, weights = run.state.scaler, run.state.network.state_dict()
    before, steps = copy.deepcopy(weights), 0
    while scaler.get_scale() == 2.0 ** (22 - steps):
        assert all(torch.equal(before[k], v) for k, v in weights.items())
        assert math.isfinite(take_step(run.fabric, run.state, run.objective, NoRecords(run.files)))
        steps += 1
    assert 3 < steps < 14
    assert not all(torch.equal(before[k], v) for k, v in weights.items())
    assert run.state.progress.iteration == steps and run.state.progress.skipped == 0


@pytest.mark.parametrize("fused", [False, True])
def test_in_half_precision_gradients_are_clipped_without_the_losses_scale(a_run, fused):
    run = in_half(a_run, 2.0**10)
    for group in run.state.optimizer.param_groups:
        group["fused"] = fused
    run.state.optimizer.optimizer._step_supports_amp_scaling = fused  # as if made so
    gradient(run.fabric, run.state, run.objective)
    norm = gradient_norm(run.state)
    run.state.update = Update(clip=norm.item() / 2**12)
    clip(run.state, norm)
    assert gradient_norm(run.state).item() == pytest.approx(run.state.update.clip, rel=1e-4)
    run.state.optimizer.step()
    assert run.state.scaler.get_scale() == 2.0**10


def test_no_scale_makes_a_loss_finite(a_run, monkeypatch):
    from telegrad.tasks import PaperDenoising

    healthy = PaperDenoising.losses
    monkeypatch.setattr(PaperDenoising, "losses", lambda *a: healthy(*a) * math.inf)
    run = in_half(a_run, 2.0**10)
    with pytest.raises(FloatingPointError):
        take_step(run.fabric, run.state, run.objective, NoRecords(run.files))


def test_a_gradient_that_no_scale_makes_finite_stops_the_run(a_run):
    run = in_half(a_run, 2.0**10)
    next(run.state.network.parameters()).register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(FloatingPointError, match="gradient is not finite"):
        for _ in range(20):
            take_step(run.fabric, run.state, run.objective, NoRecords(run.files))
    assert 8 < run.state.progress.iteration < 13


def test_a_run_that_goes_on_has_the_scale_that_was_found(a_run):
    run, other = in_half(a_run, 2.0**13), in_half(a_run, 2.0**20)
    other.state.load_state_dict(copy.deepcopy(run.state.state_dict()))
    assert other.state.scaler.get_scale() == 2.0**13


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"clip": 0}, "clip=0: needs a number above 0"),
        ({"clip": math.nan}, "clip=nan"),
        ({"clip": "1"}, "clip='1': needs a number"),
        ({"accumulate": 0}, "accumulate=0: needs 1 or more"),
        ({"accumulate": 1.5}, "accumulate=1.5: needs a whole number"),
    ],
)
def test_impossible_updates_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Update(**options)


# --- optimizers that average the weights themselves -----------------------------------------------


def test_they_are_known_by_their_two_modes():
    for kind in (AdamWScheduleFree, SGDScheduleFree):
        assert is_schedule_free(kind)
    for kind in (torch.optim.Adam, torch.optim.SGD):
        assert not is_schedule_free(kind)


@pytest.fixture
def averaging(a_run):
    def made(name="run1", **more):
        run = a_run(name, ema=None, **more)
        weights = run.state.network.parameters()
        run.state.optimizer = run.fabric.setup_optimizers(AdamWScheduleFree(weights, lr=1e-2))
        run.state.learning_rate = LearningRate(1e-2, decay=0.0)
        return run

    return made


def test_the_best_model_has_the_averaged_weights(averaging):
    run = averaging().go()
    assert is_schedule_free(run.state.optimizer)
    state = run.state.state_dict()
    assert state["optimizer"]["param_groups"][0]["train_mode"]
    best = read_checkpoint(run.files.best)
    assert not best["optimizer_state_dict"]["param_groups"][0]["train_mode"]
    trained = copy.deepcopy(run.state.network.state_dict())
    run.state.eval()
    used = run.state.network.state_dict()
    assert not all(torch.equal(trained[name], used[name]) for name in used)
    if best["iteration"] == run.state.progress.iteration:
        for name, weight in best["model_state_dict"].items():
            torch.testing.assert_close(used[name], weight)


@pytest.mark.parametrize("after", [5, 8, 13])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(averaging, after, stopped_after):
    whole = averaging().go()
    stopped_after(after, averaging("stopped").go)
    again = averaging("stopped", keep=True)
    again.state.load_state_dict(read_state(again.files.last, again.files.previous))
    again.go()
    first, second = (read_checkpoint(run.files.best) for run in (whole, again))
    assert checksum(first) == checksum(second)


def test_timing_leaves_it_as_it_was(averaging):
    from telegrad.training.timing import seconds_per_step

    whole, timed = averaging().go(), averaging("timed")
    before = checksum(timed.state.state_dict())
    seconds_per_step(timed.fabric, timed.state, timed.objective, rounds=2)
    assert checksum(timed.state.state_dict()) == before
    timed.go()
    first, second = (read_checkpoint(run.files.best) for run in (whole, timed))
    assert checksum(first) == checksum(second)
