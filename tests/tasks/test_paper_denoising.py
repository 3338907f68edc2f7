import pytest
import torch

from telegrad import restrict
from telegrad.tasks import PaperDenoising


def test_observation_is_the_interpolation_of_image_and_noise(photographs, generator):
    task = PaperDenoising(t_max=0.5)
    draw = task.draw(photographs(500, 8), generator)
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


def test_noise_has_the_same_strength_on_every_level(generator):
    task = PaperDenoising(t_max=1.0)
    draw = task.draw(torch.zeros(64, 3, 64, 64), generator)
    draw["time"][:] = 0.3
    for _ in range(3):
        draw = restrict(draw, task.rules)
        assert task.observe(draw).std().item() == pytest.approx(0.3, rel=0.05)


def test_restricting_before_observing_is_not_averaging_the_noisy_image(generator):
    task = PaperDenoising()
    draw = task.draw(torch.zeros(64, 3, 32, 32), generator)
    draw["time"][:] = 0.1
    averaged = restrict(task.observe(draw))
    assert averaged.std().item() == pytest.approx(0.05, rel=0.05)


def test_by_injection_a_coarse_observation_is_every_second_pixel_of_the_fine(
    photographs, generator
):
    task = PaperDenoising(restriction="injection")
    draw = task.draw(photographs(3), generator)
    coarse = task.observe(restrict(draw, task.rules))
    assert torch.equal(coarse, task.observe(draw)[..., ::2, ::2])


def test_losses_are_one_mean_squared_error_per_draw(photographs, generator):
    task = PaperDenoising()
    draw = task.draw(photographs(5, 16), generator)
    losses = task.losses(lambda x, t: x, draw)
    assert losses.shape == (5,)
    torch.testing.assert_close(losses[2], ((task.observe(draw) - draw["clean"])[2] ** 2).mean())
    assert task.losses(lambda x, t: draw["clean"], draw).tolist() == [0.0] * 5


def test_a_draw_without_noise_is_refused(photographs, generator):
    task = PaperDenoising()
    draw = task.draw(photographs(2), generator)
    del draw["noise"]
    with pytest.raises(ValueError, match=r"Task.observe: a draw with .*needs .*'noise'"):
        task.observe(draw)
