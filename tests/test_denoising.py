import pytest
import torch

from telegrad import restrict
from telegrad.tasks import Denoising


def smooth_images(n, size):
    coarse = torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear")


def generator():
    return torch.Generator().manual_seed(7)


def test_observation_is_the_interpolation_of_image_and_noise():
    task = Denoising(t_max=0.5)
    draw = task.draw(smooth_images(500, 8), generator())
    t = draw["time"]
    assert t.min() >= 0 and t.max() < 0.5
    assert t.mean().item() == pytest.approx(0.25, abs=0.03)
    x_t = task.observe(draw)
    expected = torch.stack(
        [
            (1 - s) * x + s * z
            for s, x, z in zip(*map(draw.get, ("time", "clean", "noise")), strict=True)
        ]
    )
    torch.testing.assert_close(x_t, expected)


def test_noise_has_the_same_strength_on_every_level():
    task = Denoising(t_max=1.0)
    draw = task.draw(torch.zeros(64, 3, 64, 64), generator())
    draw["time"][:] = 0.3
    for _ in range(3):
        draw = restrict(draw, task.restriction)
        assert task.observe(draw).std().item() == pytest.approx(0.3, rel=0.05)


def test_restricting_before_observing_is_not_averaging_the_noisy_image():
    task = Denoising()
    draw = task.draw(torch.zeros(64, 3, 32, 32), generator())
    draw["time"][:] = 0.1
    averaged = restrict(task.observe(draw))
    assert averaged.std().item() == pytest.approx(0.05, rel=0.05)


def test_losses_are_one_mean_squared_error_per_draw():
    task = Denoising()
    draw = task.draw(smooth_images(5, 16), generator())
    losses = task.losses(lambda x, t: x, draw)
    assert losses.shape == (5,)
    torch.testing.assert_close(losses[2], ((task.observe(draw) - draw["clean"])[2] ** 2).mean())
    assert task.losses(lambda x, t: draw["clean"], draw).tolist() == [0.0] * 5


def test_the_same_generator_gives_the_same_draw():
    task, clean = Denoising(), smooth_images(3, 8)
    first, second = task.draw(clean, generator()), task.draw(clean, generator())
    assert all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("t_max", [0, -1, 1.5, float("nan")])
def test_impossible_times_are_refused(t_max):
    with pytest.raises(ValueError, match="needs a time in"):
        Denoising(t_max=t_max)
