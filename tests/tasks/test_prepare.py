"""A photograph is given to a network as training gave it draws."""

import pytest
import torch
import torch.nn.functional as F

from telegrad.tasks import PaperDeblurring, PaperDenoising, PaperInpainting, PaperSuperResolution

TIMED = [PaperDenoising, PaperDeblurring, PaperInpainting]


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.25, 1.0])
def test_a_noisy_photograph_becomes_a_draw_of_its_time(kind, noise, photographs):
    task, images = kind(t_max=0.5), photographs(2)
    prepared, times = task.prepare(images, noise)
    t = noise / (1 + noise)
    assert times.tolist() == pytest.approx([t, t])
    torch.testing.assert_close(prepared, (1 - t) * images)


def test_denoising_s_own_observations_are_prepared_images(photographs, generator):
    task = PaperDenoising(t_max=0.5)
    draw = task.draw(photographs(1), generator)
    t = draw["time"].item()
    sigma = t / (1 - t)
    photograph = draw["clean"] + sigma * draw["noise"]
    prepared, times = task.prepare(photograph, sigma)
    torch.testing.assert_close(prepared, task.observe(draw))
    torch.testing.assert_close(times, draw["time"])


@pytest.mark.parametrize("kind", TIMED)
def test_no_time_is_larger_than_those_of_training(kind, photographs):
    task, images = kind(t_max=0.125), photographs(2)
    prepared, times = task.prepare(images, 1.5)
    assert times.tolist() == [0.125, 0.125]
    torch.testing.assert_close(prepared, 0.875 * images)


def test_only_super_resolution_enlarges(photographs):
    images = photographs(2)
    for kind in TIMED:
        assert kind().prepare(images, 0.1)[0].shape == images.shape
        assert kind().scale == 1
    prepared, times = PaperSuperResolution().prepare(images, 0.1)
    assert times is None
    expected = F.interpolate(images, (128, 128), mode="bilinear", align_corners=False)
    assert torch.equal(prepared, expected)


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_impossible_noise_is_refused(noise, photographs):
    with pytest.raises(ValueError, match="needs a standard deviation"):
        PaperDenoising().prepare(photographs(1), noise)


@pytest.mark.parametrize("kind", [*TIMED, PaperSuperResolution])
def test_one_image_without_its_batch_is_refused(kind):
    with pytest.raises(ValueError, match=r"prepare: images of shape \(3, 8, 8\)"):
        kind().prepare(torch.zeros(3, 8, 8), 0.1)
