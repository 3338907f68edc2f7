import math

import pytest
import torch

from telegrad import restrict
from telegrad.losses import L1
from telegrad.tasks import Denoising


def test_noise_has_the_strength_that_was_asked_for_on_every_level(generator):
    task = Denoising(sigma=25)
    draw = task.draw(torch.full((64, 3, 64, 64), 0.5), generator)
    for _ in range(4):
        noise = task.observe(draw) - draw["clean"]
        assert 255 * noise.std().item() == pytest.approx(25, rel=0.03)
        assert abs(noise.mean().item()) < 0.01
        draw = restrict(draw, task.rules)


def test_noise_is_not_clipped(generator):
    task = Denoising(sigma=50)
    observed = task.observe(task.draw(torch.zeros(8, 3, 32, 32), generator))
    assert observed.min() < -0.3
    psnr = -10 * math.log10(observed.square().mean().item())
    assert psnr == pytest.approx(20 * math.log10(255 / 50), abs=0.1)


def test_blind_means_a_sigma_for_each_image(generator):
    task = Denoising(sigma="0..50")
    draw = task.draw(torch.zeros(400, 1, 2, 2), generator)
    sigma = 255 * draw["sigma"]
    assert sigma.min() >= 0 and sigma.max() <= 50
    assert sigma.mean().item() == pytest.approx(25, abs=2.5)
    assert torch.equal(restrict(draw, task.rules)["sigma"], draw["sigma"])


def test_networks_are_given_sigma_in_the_images_range(generator):
    task, seen = Denoising(sigma=51), []

    def network(images, sigma):
        seen.append(sigma)
        return images

    draw = task.draw(torch.zeros(3, 3, 8, 8), generator)
    losses = task.losses(network, draw)
    torch.testing.assert_close(seen[0], torch.full((3,), 0.2))
    torch.testing.assert_close(losses, L1()(task.observe(draw), draw["clean"]))


@pytest.mark.parametrize(
    ("sigma", "ends", "name"),
    [
        (25, (25, 25), "denoising_s25"),
        ("15", (15, 15), "denoising_s15"),
        ("0..50", (0, 50), "denoising_s0-50"),
        ((0, 50), (0, 50), "denoising_s0-50"),
        ([2.5, 55], (2.5, 55), "denoising_s2.5-55"),
    ],
)
def test_sigma_is_a_number_or_a_range(sigma, ends, name):
    task = Denoising(sigma=sigma)
    assert (task.sigmas, task.name) == (ends, name)


@pytest.mark.parametrize(
    "sigma", [-1, 256, "50..0", "a", "1..2..3", "", [], [1, 2, 3], float("nan"), True, None]
)
def test_another_sigma_is_refused_when_the_task_is_made(sigma):
    with pytest.raises(ValueError, match="sigma"):
        Denoising(sigma=sigma)


@pytest.mark.parametrize(("noise", "given"), [(0.0, 10), (20 / 255, 20), (1.0, 50)])
def test_a_photograph_is_given_with_a_sigma_that_was_trained_on(noise, given):
    image, sigma = Denoising(sigma="10..50").prepare(torch.rand(2, 3, 8, 8), noise)
    assert sigma.tolist() == pytest.approx([given / 255] * 2)
    assert image.shape == (2, 3, 8, 8)


def test_pixels_become_images_in_color_or_grey():
    pixels = {"clean": torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)}
    rgb = Denoising().images(pixels)["clean"]
    assert rgb.flatten().tolist() == pytest.approx([0, 0.2, 1])
    grey = Denoising(color="grey").images(pixels)["clean"]
    assert grey.shape == (1, 1, 1, 1)
    assert grey.item() == pytest.approx(0.587 * 0.2 + 0.114)
    same = {"clean": torch.full((1, 3, 2, 2), 51, dtype=torch.uint8)}
    torch.testing.assert_close(
        Denoising(color="grey").images(same)["clean"], torch.full((1, 1, 2, 2), 0.2)
    )


def test_grain_is_shared_between_neighbours_and_keeps_the_strength_on_every_level(generator):
    task = Denoising(sigma=25, grain=1.0)
    draw = task.draw(torch.full((32, 3, 64, 64), 0.5), generator)
    for _ in range(3):
        noise = task.observe(draw) - draw["clean"]
        assert 255 * noise.std().item() == pytest.approx(25, rel=0.03)
        shared = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
        assert shared.item() == pytest.approx(math.exp(-1 / 4), abs=0.03)  # exp(−d²/4g²), d = g = 1
        of_colors = (noise[:, 0] * noise[:, 2]).mean() / noise.square().mean()
        assert of_colors.item() == pytest.approx(math.exp(-1 / 4), abs=0.03)
        draw = restrict(draw, task.rules)


def test_without_grain_noise_is_white_and_a_paper_measures_it_so(generator):
    task = Denoising(sigma=25, grain="0..1.5")
    assert task.name == "denoising_s25_g0-1.5"
    assert task.measured == Denoising(sigma=25)
    draw = task.draw(torch.zeros(400, 1, 2, 2), generator)
    assert draw["grain"].min() >= 0 and draw["grain"].max() <= 1.5
    draw["grain"] = torch.zeros(400)
    torch.testing.assert_close(
        task.observe(draw), draw["sigma"][:, None, None, None] * draw["noise"]
    )


@pytest.mark.parametrize("grain", [-1, 6, "2..1", "a", None])
def test_another_grain_is_refused_when_the_task_is_made(grain):
    with pytest.raises(ValueError, match="grain"):
        Denoising(grain=grain)
